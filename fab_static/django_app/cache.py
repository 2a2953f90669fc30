"""Results kept by what they were made from: a key, and every file that was read or looked for.

A result is used again only while nothing that it came from has changed. Its key (the text, the options, the
versions of the tools) is equal. Each file that it depended on is as it was then.
A state is the SHA-256 of the file's bytes, or that there is none: a file that appears where one was looked
for changes the result as well. A file whose stat data is as it was is not read again.

A key may have several results, one for each state of its files seen: going back to an earlier revision
finds the earlier result. The folder is bounded, may be shared by builds at once, and may be thrown away at
any time; what cannot be read in it is ignored, and where it cannot be written nothing is kept.

Settings:
    FAB_STATIC_CACHE       the folder, which nobody else may write; None keeps nothing; default:
                           fab_static in $XDG_CACHE_HOME or ~/.cache
    FAB_STATIC_CACHE_SIZE  bytes that it may hold; default 256 MiB; the least recently used go first

Environment:
    FAB_STATIC_VERIFY_CACHE  1: make everything anyway, and fail where what is kept differs
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import stat
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from fab_static.django_app import project
from fab_static.errors import BuildError
from fab_static.host.project import results

ABSENT = "absent"
FOLDER = "folder"

_FORMAT = "fab_static cache 1"
# A file written within one tick of its file system's clock may be written again unseen; FAT ticks in two
# seconds (git's "racy" files: Documentation/technical/racy-git.txt).
_RACY_NS = 2_000_000_000

Stat = tuple[int, int, int, int]


@dataclass(frozen=True)
class Made:
    """A result, and the files it came from: absolute path -> state when read; None: it must not be kept."""

    data: bytes
    files: Mapping[str, str] | None


def folder() -> Path | None:
    """Return the folder of all caches, or None if there is to be none."""
    found = _folder()
    for kept in ("results", "versions") if found else ():
        sys.audit(
            "fab_static.cache", f"{found}/{kept}"
        )  # to host/project/reads: no input on its own
    return found


def _folder() -> Path | None:
    base = results.base_folder(getattr(settings, "FAB_STATIC_CACHE", True), str(project.folder()))
    return Path(base) if base else None


def from_settings() -> Cache | None:
    """Return the project's cache, or None when nothing is to be kept."""
    base = folder()
    if base is None:
        return None
    roots = {"project": project.folder()}
    if settings.STATIC_ROOT:
        roots["static"] = Path(settings.STATIC_ROOT)
    size = getattr(settings, "FAB_STATIC_CACHE_SIZE", results.SIZE)
    verify = os.environ.get("FAB_STATIC_VERIFY_CACHE", "0") != "0"
    return _opened(base / "results", tuple(roots.items()), size, verify)


def digest(*parts: object) -> str:
    """Return the key of values that JSON can write."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Cache:
    """A folder of results.

    Args:
        folder: where they are; made when there is something to keep.
        roots: folders by name; what lies in them is known by its place below them, so that results hold in
            another checkout. A result that depends on a file elsewhere holds only where it was made.
        size: bytes that the folder may hold.
        verify: make everything anyway, and compare.
    """

    def __init__(
        self,
        folder: Path,
        roots: Mapping[str, Path],
        *,
        size: int = results.SIZE,
        verify: bool = False,
    ) -> None:
        self.folder = folder
        self._results = results.Results(str(folder), _FORMAT, size)
        self.verify = verify
        places = {name: os.path.abspath(root) for name, root in roots.items()}  # noqa: PTH100  # as tools see it, links kept
        # innermost first: a static root inside the project is its own
        self._roots = dict(sorted(places.items(), key=lambda item: -len(item[1])))
        first = next(iter(self._roots.values()), "/")
        self._place = [f"{name}={root}" for name, root in sorted(places.items())]
        self._shape = [
            f"{name}~{os.path.relpath(root, first)}" for name, root in sorted(places.items())
        ]
        self._seen: dict[str, tuple[Stat, str]] = {}

    def result(self, key: str, make: Callable[[], Made]) -> bytes:
        """Return what is kept for the key if it still holds, else what is made now.

        Raises:
            BuildError: in verify mode, what is kept differs from what was made.
        """
        kept = self.get(key)
        if kept is not None and not self.verify:
            return kept
        made = make()
        if kept is not None and kept != made.data:
            raise BuildError(
                "what the cache keeps is not what is made from the same files",
                where=f"{key} in {self.folder}",
                mend="empty that folder, and report this with both: it should never happen",
            )
        if kept is None and made.files is not None:
            self.put(key, made.data, made.files)
        return made.data

    def get(self, key: str) -> bytes | None:
        """Return a result of the key that holds for the files as they are now, or None."""
        for path, head, data in self._results.of(key):
            try:
                files = self._holds(head)
            except (OSError, ValueError, TypeError, KeyError):
                continue
            if files is None:
                continue
            if files != head["files"]:
                self._results.write(path, {**head, "files": files}, data)
            else:
                self._results.used(path)
            return data
        return None

    def put(self, key: str, data: bytes, files: Mapping[str, str]) -> None:
        """Keep a result with the states its files had when they were read; no error if it cannot be."""
        named = {self.name(path): [state, None] for path, state in sorted(files.items())}
        inside = not any(name.startswith("/") for name in named)
        head = {"placed": self._shape if inside else self._place, "files": named}
        self._results.put(key, digest(head)[:32], head, data)

    def name(self, path: str | Path) -> str:
        """Return how a path is known in keys and results: by its place below a root, else as it is."""
        full = os.path.abspath(path)  # noqa: PTH100  # as tools see it, links kept
        for name, root in self._roots.items():
            if full == root or full.startswith(root.rstrip("/") + "/"):
                return f"{name}:{full[len(root) :].lstrip('/')}"
        return full

    def _path(self, name: str) -> str:
        if name.startswith("/"):
            return name
        root, _, below = name.partition(":")
        return f"{self._roots[root]}/{below}"

    def _holds(self, head: Mapping[str, object]) -> dict[str, list[object]] | None:
        """Return the files with their stat data of now if each is in its recorded state, else None."""
        files = head["files"]
        if head["placed"] not in (self._place, self._shape) or not isinstance(files, dict):
            return None
        holding: dict[str, list[object]] = {}
        for name, (state, known) in files.items():
            now, shown = self._now(self._path(name), state, tuple(known or ()))
            if now != state:
                return None
            holding[name] = [state, list(shown) if shown else None]
        return holding

    def _now(self, path: str, state: str, known: tuple[int, ...]) -> tuple[str, Stat | None]:
        """Return a path's state now, and stat data that will stand for it; `known` stood for `state`."""
        found = _stat(path)
        if found is None:
            return ABSENT, None
        if stat.S_ISDIR(found.st_mode):
            return FOLDER, None
        shown = _shown(found)
        if shown == known:
            return state, shown
        seen = self._seen.get(path)
        if seen and seen[0] == shown:
            return seen[1], shown
        now, trusted = _observed(path)
        if trusted:
            self._seen[path] = (trusted, now)
        return now, trusted


@functools.cache
def _opened(folder: Path, roots: tuple[tuple[str, Path], ...], size: int, verify: bool) -> Cache:
    return Cache(folder, dict(roots), size=size, verify=verify)


def _stat(path: str) -> os.stat_result | None:
    """Return stat data, or None for what is not there.

    Raises:
        OSError: that cannot be known.
    """
    try:
        return os.stat(path)  # noqa: PTH116  # thousands of times
    except (FileNotFoundError, NotADirectoryError):
        return None


def _shown(found: os.stat_result) -> Stat:
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _observed(path: str) -> tuple[str, Stat | None]:
    """Return a path's state, and the stat data that stands for it, or None while a change could hide."""
    try:
        with open(path, "rb") as stream:  # noqa: PTH123  # thousands of times
            before = os.fstat(stream.fileno())
            state = hashlib.sha256(stream.read()).hexdigest()
            after = os.fstat(stream.fileno())
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT, None
    except IsADirectoryError:
        return FOLDER, None
    settled = time.time_ns() - max(after.st_mtime_ns, after.st_ctime_ns) > _RACY_NS
    return state, _shown(after) if settled and _shown(before) == _shown(after) else None
