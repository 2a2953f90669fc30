"""A compress block, and what may change its text: where it was parsed, and the tags around it."""
