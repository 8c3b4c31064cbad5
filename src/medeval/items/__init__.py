"""What is asked: the benchmarks' rows as validated items, and what they cover."""
