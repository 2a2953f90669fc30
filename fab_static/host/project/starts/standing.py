"""What stands in folders that a run works on, at one time: in the static root, before the run starts a program.

A program may write what it has read, as a minifier does in place. Afterwards nobody can tell what it has read.
So all files are hashed before the first program starts, and before each other one those that have changed since.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from typing import Dict, Iterable, NamedTuple, Tuple

from fab_static.host.project.reads.paths import forms
from fab_static.host.project.reads.states import (
    Entry,
    Stamp,
    digest_of_names,
    entries_of,
    lstat,
    settled,
    state_of,
)

KINDS = ("kind", "link", "bytes", "times", "names")  # what a view knows of a path


class File(NamedTuple):
    """A file: its stat data, its SHA-256, and whether that stat data stands for it."""

    stamp: Stamp
    sha256: str
    is_settled: bool


Files = Dict[str, File]
Folders = Dict[str, Tuple[Entry, ...]]  # with what each holds


class View:
    """Files and folders as they stood, by their real paths."""

    def __init__(self, standing: Standing, files: Files, folders: Folders) -> None:
        self._standing = standing
        self.files = files
        self.folders = folders

    def state_of(self, aspect: str, path: str) -> str:
        """Return what `states.state_of` would have said then; of a file's times: its bytes, which stand for them.

        Raises:
            KeyError: the aspect is not one of KINDS.
        """
        if aspect not in KINDS:
            raise KeyError(aspect)
        path = self._standing.real(path)
        if path in self.files:
            if aspect == "names":
                return "absent"
            return "file" if aspect in ("kind", "link") else self.files[path].sha256
        if path not in self.folders:
            return "absent"
        return digest_of_names(self.folders[path]) if aspect == "names" else "folder"

    def changed_since(self, before: View) -> set[str]:
        """Return the files that came, went or were written since, and the folders that came or went."""
        names = self.files.keys() | before.files.keys()
        changed = {name for name in names if _bytes_of(self, name) != _bytes_of(before, name)}
        return changed | (self.folders.keys() ^ before.folders.keys())


def _bytes_of(view: View, path: str) -> tuple[Stamp, str] | None:
    found = view.files.get(path)
    return (found.stamp, found.sha256) if found else None


class Standing:
    """Looks at folders, and at files beside them, again and again.

    Args:
        places: the folders and files.
    """

    def __init__(self, places: Iterable[str]) -> None:
        self.places = tuple(places)
        self._forms = {
            form: os.path.realpath(place) for place in self.places for form in forms(place)
        }
        self.known: Files = {}  # of the last look
        self.hashed = 0  # files whose bytes were read
        self._looking = threading.Lock()

    def __contains__(self, path: str) -> bool:
        return (path + "/").startswith(tuple(self._forms))

    def real(self, path: str) -> str:
        """Return the path by which a view knows one of these places, or what lies there."""
        for form, real in self._forms.items():
            if (path + "/").startswith(form):
                return os.path.normpath(real + "/" + path[len(form) :])
        return path

    def look(self) -> View | None:
        """Return what stands there now, or None if links do: where they lead is not known of the past."""
        with self._looking:
            files: Files = {}
            folders: Folders = {}
            start_ns = time.time_ns()
            try:
                for place in set(self._forms.values()):
                    self._look_at(place, start_ns, files, folders)
            except (OSError, _LinkError):
                return None
            self.known = files
        return View(self, files, folders)

    def _look_at(self, path: str, start_ns: int, files: Files, folders: Folders) -> None:
        # one call of the kernel for a file: a build of thousands looks twice for each program that it starts
        try:
            found = lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISDIR(found.st_mode):
            entries = entries_of(path)
            folders[path] = tuple(entries)
            for name, _ in entries:
                self._look_at(path + "/" + name, start_ns, files, folders)
        elif stat.S_ISLNK(found.st_mode):
            raise _LinkError
        else:
            files[path] = self._file(path, found, start_ns)

    def _file(self, path: str, found: os.stat_result, start_ns: int) -> File:
        stamp = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
        known = self.known.get(path)
        if known and known.is_settled and known.stamp == stamp:
            return known
        self.hashed += 1
        return File(stamp, state_of("bytes", path), settled(stamp, start_ns))


class _LinkError(Exception):
    """There is a link, whose target may be written through it."""
