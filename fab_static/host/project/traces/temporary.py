"""Folders of our own among the machine's temporary files. Python 3.8 or later, standard library only."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile

_PREFIX = "fab-static-"
_begins = [_PREFIX]  # the last one counts


def folder() -> str:
    """Make a folder; return its path. Whoever asked for it removes it."""
    return tempfile.mkdtemp(prefix=_begins[-1])


def begin_with_another() -> str:
    """Let the names of folders that this process and its forks make begin in a way of their own; return that."""
    _begins.append(f"{_PREFIX}{secrets.token_hex(8)}-")
    return _begins[-1]


def remove_all(begins: str) -> None:
    """Remove all folders whose names begin so: those who made them were ended, and could not."""
    place = tempfile.gettempdir()
    for name in os.listdir(place):
        if name.startswith(begins):
            shutil.rmtree(os.path.join(place, name), ignore_errors=True)
