"""Scores to comparisons: every statistic is computed from rows per item, over stored scores."""
