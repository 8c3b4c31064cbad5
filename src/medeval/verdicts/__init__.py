"""From comparisons to a verdict on each claim, and risk-limiting audits that need few items."""
