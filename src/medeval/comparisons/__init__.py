"""Systems on the same items: every statistic is computed from rows per item, over stored scores."""
