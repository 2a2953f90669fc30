"""Holds the tag library: {% load fab_static %}."""
