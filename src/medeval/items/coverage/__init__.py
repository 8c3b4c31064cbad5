"""What the benchmarks cover: specialties, near-duplicates, and how many separate questions are left."""
