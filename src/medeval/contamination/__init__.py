"""Do the test items stand in a training text, and does a model behave as if they did?"""
