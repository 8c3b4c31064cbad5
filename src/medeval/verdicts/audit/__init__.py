"""Risk-limiting audits: items in a random order fixed in advance, and a claim decided as soon as the doubt is small."""
