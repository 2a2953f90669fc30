"""Results kept by what they were made from: a key, and every file that was read or looked for.

A result is used again only while nothing that it came from has changed: its key is equal (the text, the
options, the versions of the tools), and each file that it depended on is in the state it was in then.
A state is the SHA-256 of the file's bytes, or that there is none: a file that appears where one was looked
for changes the result as well. A file whose stat data is as it was is not read again.

A key may have several results, one for each state of its files seen: going back to an earlier revision
finds the earlier result. The folder is bounded, may be shared by builds at once, and may be thrown away at
any time; what cannot be read in it is ignored, and where it cannot be written nothing is kept.

Settings:
    FAB_STATIC_CACHE       the folder, which nobody else may write; None keeps nothing; default:
                           fab_static/build in $XDG_CACHE_HOME or ~/.cache
    FAB_STATIC_CACHE_SIZE  bytes that it may hold; default 256 MiB; the least recently used go first

Environment:
    FAB_STATIC_VERIFY_CACHE  1: make everything anyway, and fail where what is kept differs
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from fab_static.django_app import project
from fab_static.errors import BuildError

ABSENT = "absent"
FOLDER = "folder"

_FORMAT = "fab_static cache 1"
_SIZE = 256 * 1024 * 1024
_RESULTS_OF_A_KEY = 8
# A file written within one tick of its file system's clock may be written again unseen; FAT ticks in two
# seconds (git's "racy" files: Documentation/technical/racy-git.txt).
_RACY_NS = 2_000_000_000
_LEFT_ASIDE_SECONDS = 3600

Stat = tuple[int, int, int, int]


@dataclass(frozen=True)
class Made:
    """A result, and the files it came from: absolute path -> state when read; None: it must not be kept."""

    data: bytes
    files: Mapping[str, str] | None


def folder() -> Path | None:
    """Return the folder of all caches; None where there is to be none."""
    found = _folder()
    for kept in ("results", "versions") if found else ():
        sys.audit(
            "fab_static.cache", f"{found}/{kept}"
        )  # to host/project/reads: no input by itself
    return found


def _folder() -> Path | None:
    if hasattr(settings, "FAB_STATIC_CACHE"):
        named = settings.FAB_STATIC_CACHE
        return project.folder() / str(named) if named else None
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:  # a relative one is to be ignored, says the XDG specification
        return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "fab_static"
    except RuntimeError:  # a user without a home
        return None


def from_settings() -> Cache | None:
    """Return the project's cache, or None when nothing is to be kept."""
    base = folder()
    if base is None:
        return None
    roots = {"project": project.folder()}
    if settings.STATIC_ROOT:
        roots["static"] = Path(settings.STATIC_ROOT)
    size = getattr(settings, "FAB_STATIC_CACHE_SIZE", _SIZE)
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
        self, folder: Path, roots: Mapping[str, Path], *, size: int = _SIZE, verify: bool = False
    ) -> None:
        self.folder = folder
        self.size = size
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
        self._written = size  # look at the folder's size when something is written first

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
        for path in self._results(key):
            try:
                head, data = _read(path)
                files = self._holds(head)
            except (OSError, ValueError, TypeError, KeyError):
                continue
            if files is None:
                continue
            with contextlib.suppress(OSError):
                if files != head["files"]:
                    _write(path, {**head, "files": files}, data)
                else:
                    os.utime(path)  # it was used
            return data
        return None

    def put(self, key: str, data: bytes, files: Mapping[str, str]) -> None:
        """Keep a result with the states its files had when they were read; no error if it cannot be."""
        named = {self.name(path): [state, None] for path, state in sorted(files.items())}
        inside = not any(name.startswith("/") for name in named)
        head = {"placed": self._shape if inside else self._place, "files": named}
        path = self._folder_of(key) / digest(head)[:32]
        with contextlib.suppress(OSError):
            _write(path, head, data)
            for old in self._results(key)[_RESULTS_OF_A_KEY:]:
                old.unlink(missing_ok=True)
            self._written += len(data)
            if self._written > self.size // 16:
                self._written = 0
                self._prune()

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

    def _folder_of(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _results(self, key: str) -> list[Path]:
        """Return the files of a key's results, the one used last first."""
        try:
            with os.scandir(self._folder_of(key)) as entries:
                found = [
                    (entry.stat().st_mtime_ns, entry.path)
                    for entry in entries
                    if not entry.name.startswith(".")
                ]
        except OSError:
            return []
        return [Path(path) for _, path in sorted(found, reverse=True)]

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

    def _prune(self) -> None:
        """Delete the least recently used results until the folder is within its size again."""
        kept: list[tuple[int, int, str]] = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = f"{folder}/{name}"
                found = _stat(path)
                if found is None:
                    continue
                if name.startswith(".") and time.time() - found.st_mtime > _LEFT_ASIDE_SECONDS:
                    Path(path).unlink(missing_ok=True)
                kept.append((found.st_mtime_ns, found.st_size, path))
        total = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total <= self.size:
                return
            Path(path).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # other results are in it
                Path(path).parent.rmdir()
            total -= size


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


def read_own(path: Path) -> bytes:
    """Return the bytes of a file that nobody else can have written: what stands in it goes into a build.

    Raises:
        OSError: it cannot be read, or another account may have written it.
    """
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as stream:
        found = os.fstat(file)
        is_own = found.st_uid in (os.geteuid(), 0) and not found.st_mode & 0o022
        if not (stat.S_ISREG(found.st_mode) and is_own):
            raise PermissionError(errno.EPERM, "another account may have written it", str(path))
        return stream.read()


def _read(path: Path) -> tuple[dict[str, object], bytes]:
    """Read a result: a line with the SHA-256 of the rest, a line of JSON, the data."""
    sum_, _, rest = read_own(path).partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != sum_:
        raise ValueError
    head, _, data = rest.partition(b"\n")
    document = json.loads(head)
    if document.get("format") != _FORMAT:
        raise ValueError
    return document, data


def _write(path: Path, head: Mapping[str, object], data: bytes) -> None:
    rest = json.dumps({**head, "format": _FORMAT}).encode() + b"\n" + data
    with _aside(path) as aside:
        aside.write_bytes(hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)


@contextlib.contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """Give a file to write, which becomes `path` in one rename: threads and builds may write it at once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
