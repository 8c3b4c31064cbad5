"""The desk audit: what a publication's own printed figures allow, before any model is run."""
