"""Weights files: converted, calibrated, quantized, described and compared."""
