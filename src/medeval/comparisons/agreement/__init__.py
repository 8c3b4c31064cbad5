"""Do two runs give the same answers? Two responses tables in, their agreement response by response out."""
