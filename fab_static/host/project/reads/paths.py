"""Paths as code gives them to the functions of os, in full."""

from __future__ import annotations

import os
from importlib.util import source_from_cache
from typing import Any

from fab_static.host.project.reads.states import state_of


def is_to_write(mode: Any, flags: Any) -> bool:
    """Tell of an opening whether what is opened may be written to: open() has a mode, os.open() flags."""
    if isinstance(mode, str):
        return not set(mode).isdisjoint("wax+")
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
    return isinstance(flags, int) and bool(flags & writing)


def forms(path: str) -> set[str]:
    """Return as what a file's path, or those of all in a folder, may begin."""
    return {os.path.join(form, "") for form in (path, os.path.realpath(path))}


def absolute(path: Any) -> str | None:
    """Return a path in full; None for an open descriptor that is not a file."""
    if path is None:
        return os.getcwd()  # os.listdir() of here
    if isinstance(path, int):
        try:
            path = os.readlink(f"/proc/self/fd/{path}")
        except OSError:
            return None
        return path if path.startswith("/") else None
    return os.path.abspath(os.fsdecode(path))


def beside(path: Any, folder: int | None) -> Any:
    """Return a path that is relative to an open folder."""
    if folder is None or isinstance(path, int):
        return path
    return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path))


def source_of(path: str) -> str | None:
    """Return the source that a compiled module was made from, where it is there."""
    if not path.endswith(".pyc"):
        return None
    try:
        source = source_from_cache(path)
    except (ValueError, NotImplementedError):
        return None
    return source if state_of("kind", source) == "file" else None
