"""Looks at files, and starts of programs, that raise no audit event: such functions are replaced."""

from __future__ import annotations

import _posixsubprocess
import os
import pathlib
import sys
from typing import Any, Callable

from fab_static.host.project.reads.notes import Notes
from fab_static.host.project.reads.paths import beside


class Looks:
    """Notes the calls of functions that look at files."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._noted: set[tuple[str, tuple[str, ...]]] = set()  # path, aspects

    def begin(self) -> None:
        """Replace the functions of os that look at a file and raise no audit event."""
        for module, name, aspects in (
            (os, "stat", ("times",)),
            (os, "lstat", ("link", "times")),
            (os, "access", ("times",)),
            (os, "readlink", ("link",)),
            (os.path, "exists", ("kind",)),
            (os.path, "isfile", ("kind",)),
            (os.path, "isdir", ("kind",)),
            (os.path, "lexists", ("link",)),
            (os.path, "islink", ("link",)),
        ):
            _replace(module, name, self._noting(getattr(module, name), aspects))
        _replace(os, "open", self._opening(os.open))
        _replace(_posixsubprocess, "fork_exec", self._forking(_posixsubprocess.fork_exec))
        accessor: Any = getattr(pathlib, "_NormalAccessor", None)
        if (
            accessor is not None
        ):  # up to Python 3.10 it keeps functions of os, which are not methods
            for name in ("stat", "lstat"):
                setattr(accessor, name, staticmethod(getattr(os, name)))

    def _noting(self, function: Callable[..., Any], aspects: tuple[str, ...]) -> Callable[..., Any]:
        notes = self._notes

        def look(path: Any, *args: Any, **kwargs: Any) -> Any:
            if notes.here.off:
                return function(path, *args, **kwargs)
            notes.settle()
            is_left_out = notes.is_left_out(path)
            notes.here.off = True  # exists() asks stat()
            try:
                if is_left_out:
                    if path in notes.inside:
                        notes.inside.looked(path, aspects)
                    return function(path, *args, **kwargs)
                # the first look counts: thousands look at one folder again and again
                key = (path, aspects) if isinstance(path, str) and not kwargs else None
                if key is None or key not in self._noted:
                    self._looked(path, aspects, **kwargs)
                    if key is not None and path.startswith("/"):
                        self._noted.add(key)
                return function(path, *args, **kwargs)
            finally:
                notes.here.off = False

        return look

    def _looked(self, path: Any, aspects: tuple[str, ...], **kwargs: Any) -> None:
        try:
            if kwargs.get("follow_symlinks", True) is False:
                aspects = ("link", "times")
            for aspect in aspects:
                self._notes.note(aspect, beside(path, kwargs.get("dir_fd")))
        except Exception as error:
            self._notes.is_unseen(f"what it looked at could not be recorded: {error!r}")

    def _forking(self, function: Callable[..., int]) -> Callable[..., int]:
        """Return what multiprocessing and others start a program by; of subprocess its own event tells."""

        def begin(*args: Any) -> int:
            file = sys._getframe(1).f_code.co_filename
            own = getattr(sys.modules.get("subprocess"), "__file__", None)
            if file != own and not self._notes.here.off:
                is_pool = "multiprocessing" in file
                self._notes.is_unseen(
                    "it started another Python by multiprocessing"
                    if is_pool
                    else "it started another program"
                )
            return function(*args)

        return begin

    def _opening(self, function: Callable[..., Any]) -> Callable[..., Any]:
        notes = self._notes

        def opened(path: Any, flags: int, *args: Any, **kwargs: Any) -> Any:
            if not kwargs or kwargs.get("dir_fd") is None or notes.here.off:
                return function(path, flags, *args, **kwargs)  # its own event names it
            notes.here.off = True
            try:
                notes.opened(beside(path, kwargs["dir_fd"]), None, flags)
                return function(path, flags, *args, **kwargs)
            finally:
                notes.here.off = False

        return opened


def _replace(module: Any, name: str, function: Callable[..., Any]) -> None:
    before = getattr(module, name)
    function.__name__ = name
    setattr(module, name, function)
    for group in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if before in group:  # shutil asks whether the function can do it
            group.add(function)
