"""Weights files: what is in a GGUF, and how one is quantized from another."""
