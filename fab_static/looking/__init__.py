"""Looks: asks hosts, and changes nothing. Each function returns what its task prints as JSON."""
