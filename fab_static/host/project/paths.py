"""Absolute paths of what settings, storages and apps name."""

from __future__ import annotations

import os
import sys
from typing import Any


def base_dir() -> str | None:
    """Return the setting BASE_DIR, or FILEPATH of older projects."""
    from django.conf import settings

    return absolute(getattr(settings, "BASE_DIR", None) or getattr(settings, "FILEPATH", None))


def absolute(path: Any) -> str | None:
    """Return an absolute path, or None for none."""
    return os.path.abspath(os.fspath(path)) if path else None


def is_below(path: str, folder: str) -> bool:
    """Is it the folder, or in it?"""
    return os.path.commonpath((path, folder)) == folder


def folder_of(storage: Any) -> str | None:
    """Return the folder of a storage, or None if it keeps its files elsewhere than on disk."""
    try:
        return absolute(storage.path(""))
    except Exception:  # not implemented, or not configured
        return None


def own_apps() -> list[tuple[str, str]]:
    """Return name and folder of every app outside the interpreter's own folders."""
    from django.apps import apps

    installed = os.path.join(sys.prefix, "lib", "")
    found = [(config.label, os.path.abspath(config.path)) for config in apps.get_app_configs()]
    return [(label, path) for label, path in found if not path.startswith(installed)]
