"""Statistics on plain arrays: intervals, paired tests, macro-averages, equivalence, power, agreement."""
