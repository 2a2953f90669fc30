"""What the programs of a trace have read, looked for, listed and written, in the order of time."""

from __future__ import annotations

import os
import re
import struct
from typing import Iterable, Iterator, Tuple

Entry = Tuple[str, str]  # a name in a folder, and its type: "DT_DIR"
ABSENT = "absent"
BY_CONTENT = (
    "by_content:"  # before the name of a program, among those that the inventory vouches for
)
# Names of folders in which tools keep what they can make again. A run that writes there does not depend on it.
_CACHE = re.compile(
    r".*?/(?:\.cache|\.npm|\.parcel-cache|\.sass-cache|\.vite|\.vite-temp|\.turbo|\.eslintcache|__pycache__"
    r"|\.pnpm-store|share/pnpm|\.yarn/berry|\.bun|node-compile-cache|v8-compile-cache-\d+|configstore)(?=/|$)",
    re.DOTALL,
)
# npm, yarn 1, yarn and pnpm write such a file when they have made a folder what the lock file says
_INSTALLER_S = re.compile(
    r"(.*/node_modules)/(?:\.package-lock\.json|\.yarn-integrity|\.yarn-state\.yml|\.modules\.yaml)",
    re.DOTALL,
)
_ANOTHERS_VIEW = re.compile(r"/proc/(?:self|thread-self|\d+)/(?:task/\d+/)?(?:cwd|root)(?:/|$)")
_INTERPRETED = re.compile(rb"#![ \t]*([^ \t\n]+)")
# only an installer writes there: a look at a file tells whether it is there, never how old it is
INSTALLED = re.compile(r"/(?:usr|lib|lib32|lib64|libx32|bin|sbin)/|.*/node_modules/", re.DOTALL)


class Seen:
    """What a run has read and written by the programs that it started.

    Args:
        apart: files and folders whose states nobody needs: what the run is there to make.
        trust: names of programs whose connections do not count; with BY_CONTENT before them, names of those that go
            by the bytes of files alone, so that times, sizes and modes that they ask for do not count.
    """

    def __init__(self, apart: Iterable[str] = (), trust: Iterable[str] = ()) -> None:
        # (aspect, path) -> its state, where the trace tells it
        self.inputs: dict[tuple[str, str], str | None] = {}
        self.listed: dict[str, frozenset[Entry] | None] = {}  # folder -> what it held; None: ask it
        self.written: dict[str, bool] = {}  # path -> was it read before
        self.changed: dict[
            str, bool
        ] = {}  # opened to be read and written: path -> is it all it was read for
        self.unseen: list[str] = []
        self.powerless: list[str] = []  # programs that had to do without rights of their own
        self.apart = tuple(apart)
        self._folders: set[str] = set()  # that the run has made
        self._trust = frozenset(trust)
        self._by_content = frozenset(
            one[len(BY_CONTENT) :] for one in self._trust if one.startswith(BY_CONTENT)
        )

    def look(self, aspect: str, path: str, state: str | None = None) -> None:
        """Note a look at an aspect of a path. The first one counts, before the run itself wrote it."""
        key = (aspect, path)
        if key not in self.inputs and self._counts(path):
            self.inputs[key] = state

    def look_at_times(self, path: str, programs: Iterable[str]) -> None:
        """Note that one of these programs asked for all that is known of a file without opening it."""
        is_there = INSTALLED.match(path) or not self._by_content.isdisjoint(programs)
        self.look("kind" if is_there else "times", path)

    def list(self, folder: str, entries: Iterable[Entry] | None) -> None:
        """Note that a folder's names were read; those that the run has made there are no input."""
        if folder not in self.listed and self._counts(folder):
            self.listed[folder] = (
                None
                if entries is None
                else frozenset(one for one in entries if not self.is_own(f"{folder}/{one[0]}"))
            )

    def run(self, program: str) -> None:
        """Note that a program was started, and what the kernel reads to start it."""
        self.look("bytes", program)
        for other in started_with(program):
            self.look("bytes", other)

    def wrote(self, path: str) -> None:
        """Note that a file is written, or that a name comes or goes."""
        if path not in self.written and not is_of_the_machine(path) and not self.is_own(path):
            is_read = self.inputs.get(("bytes", path), ABSENT) != ABSENT
            self.written[path] = is_read or path in self.listed

    def changes(self, path: str) -> None:
        """Note that a file is opened to be read and written. Whether it was written, its times will tell."""
        if self.inputs.get(("bytes", path)) == ABSENT:
            self.wrote(path)
        elif self._counts(path):
            self.changed[path] = True

    def made_folder(self, path: str) -> None:
        """Note that the run made a folder: all in it is its own."""
        if not self.is_own(path):
            self.written.setdefault(path, False)
            self._folders.add(path)

    def moved(self, old: str, new: str) -> None:
        """Note a renaming."""
        if old in self._folders or (self.is_own(old) and os.path.isdir(new)):
            self._folders.add(new)
        elif old not in self.written and os.path.isdir(new):
            self.is_unseen(f"it moved the folder {old}")
        self.wrote(old)
        self.wrote(new)

    def is_unseen(self, why: str, programs: Iterable[str] = ()) -> None:
        """Note why the run must not be used again, unless one of these programs is trusted."""
        if why not in self.unseen and self._trust.isdisjoint(programs):
            self.unseen.append(why)

    def is_apart(self, path: str) -> bool:
        """Tell whether the state of a path does not count: it is the run's to make, or a cache that it fills."""
        return any(path == one or path.startswith(one + "/") for one in self.apart)

    def caches(self) -> frozenset[str]:
        """Return the caches that the run has written to."""
        written = (*self.written, *self.changed)
        return frozenset(cache for path in written if (cache := cache_of(path)))

    def installed(self) -> dict[str, str]:
        """Return the folders in which the run has installed packages: with each, the file by which that is known."""
        found = (_INSTALLER_S.fullmatch(path) for path in self.written)
        return {one[1]: one[0] for one in found if one}

    def _counts(self, path: str) -> bool:
        if is_of_the_machine(path):
            if _ANOTHERS_VIEW.match(path):
                self.is_unseen(f"it read through {path}")
            return False
        return not self.is_own(path) and not self.is_apart(path)

    def is_own(self, path: str) -> bool:
        """Tell whether the run made it, and so has written what it reads there."""
        if path in self.written:
            return True
        while self._folders and len(path) > 1:
            if path in self._folders:
                return True
            path = os.path.dirname(path)
        return False


def cache_of(path: str) -> str | None:
    """Return the cache that a path lies in, by the name of a folder."""
    found = _CACHE.match(path)
    return found[0] if found else None


def is_of_the_machine(path: str) -> bool:
    """Tell whether what is read there is the machine's state at the time, or an open file."""
    return path.startswith(("/proc/", "/sys/", "/dev/")) and not path.startswith("/dev/shm/")  # noqa: S108


def started_with(program: str) -> Iterator[str]:
    """Yield what the kernel reads to start a program: the interpreter of a script, the loader of libraries."""
    for _ in range(4):  # as many as the kernel follows
        found = _INTERPRETED.match(_begin_of(program, 256))
        if not found:
            break
        program = os.fsdecode(found[1])
        yield program
    loader = _loader(_begin_of(program, 4096))
    if loader:
        yield loader


def _loader(data: bytes) -> str | None:
    """Return the loader that a program in ELF names; None for one without."""
    if data[:4] != b"\x7fELF" or len(data) < 64:
        return None
    order = "<" if data[5] == 1 else ">"
    is_64 = data[4] == 2
    (table,) = struct.unpack_from(order + "Q" if is_64 else order + "I", data, 32 if is_64 else 28)
    size, count = struct.unpack_from(order + "HH", data, 54 if is_64 else 42)
    for at in range(table, min(table + size * count, len(data) - size + 1), size):
        (kind,) = struct.unpack_from(order + "I", data, at)
        if kind == 3:  # PT_INTERP, elf(5)
            where = struct.unpack_from(
                order + "Q" if is_64 else order + "I", data, at + (8 if is_64 else 4)
            )[0]
            return os.fsdecode(data[where:].split(b"\0")[0]) or None
    return None


def _begin_of(path: str, size: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(size)
    except OSError:
        return b""
