"""Engines turn prompts into completions and log-probabilities; they know nothing of benchmarks."""
