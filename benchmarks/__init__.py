"""Measurements against the procedure we replace, and against the limit; each prints rows of a markdown table."""
