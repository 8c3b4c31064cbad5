"""Responses from other harnesses, and results for other people: formats of others in and out."""
