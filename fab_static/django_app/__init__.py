"""Runs inside the Django project: the tags and management commands of fab_static."""
