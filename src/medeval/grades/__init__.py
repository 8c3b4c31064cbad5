"""HealthBench: rubric grading by a judge, and the scores as the benchmark's authors define them."""
