"""The benchmarks as lm-eval tasks, usable from the stock `lm_eval` command line."""
