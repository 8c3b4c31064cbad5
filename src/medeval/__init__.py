"""Does a published claim about a medical language model reproduce?"""

__version__ = "0.1.0"
