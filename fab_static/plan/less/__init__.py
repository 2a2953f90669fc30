"""Reads LESS text as LESS does, and says what makes it true in the static root."""
