"""Claims and comparisons to verdicts."""
