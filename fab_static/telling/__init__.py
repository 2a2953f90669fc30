"""Tells others of a run: hooks, a webhook, the report. None of it decides how the run ends (DESIGN, G9)."""
