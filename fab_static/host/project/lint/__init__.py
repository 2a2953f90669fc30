"""Finds in templates what costs requests, or cannot stay in caches for long. Reads text; runs nothing."""
