"""Results in files, by the key of what they were made from.

A key may have several results; the one that was used last comes first. The folder is bounded, may be shared by builds
at once, and may be thrown away at any time. What cannot be read in it is ignored, and so is what another account may
have written: a result goes into a build.

Python 3.8 or later, standard library.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
import tempfile
import time
from typing import Iterable, Iterator, Mapping

SIZE = 256 * 1024 * 1024
OF_A_KEY = 8
_LEFT_ASIDE_SECONDS = 3600


def base_folder(named: object, project: str) -> str | None:
    """Return the folder of all caches, or None if there is to be none.

    Args:
        named: the setting FAB_STATIC_CACHE; True: there is no such setting.
        project: the project's folder, which a relative one is relative to.
    """
    if named is not True:
        return os.path.join(project, str(named)) if named else None
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):  # a relative one is to be ignored, says the XDG specification
        home = os.path.expanduser("~")
        if not home.startswith("/"):  # a user without a home
            return None
        base = os.path.join(home, ".cache")
    return os.path.join(base, "fab_static")


class Results:
    """A folder of results.

    Args:
        folder: where they are; made when there is something to keep.
        format: what the heads of these results say; others are ignored.
        size: bytes that the folder may hold.
        trust: what is vouched for where these results are made; one that rests on other words is ignored.
    """

    def __init__(
        self, folder: str, format: str, size: int = SIZE, trust: Iterable[str] = ()
    ) -> None:
        self.folder = folder
        self._format = " ".join([format, *sorted(trust)])
        self._size = size
        self._written = size  # look at the folder's size when something is written first

    def of(self, key: str) -> Iterator[tuple[str, dict[str, object], bytes]]:
        """Yield the results of a key, the one used last first: its file, its head, its data."""
        for path in self._files(key):
            try:
                head, data = _read(path)
            except (OSError, ValueError):
                continue
            if head.get("format") == self._format:
                yield path, head, data

    def used(self, path: str) -> None:
        """Note that a result was used."""
        with contextlib.suppress(OSError):
            os.utime(path)

    def write(self, path: str, head: Mapping[str, object], data: bytes) -> None:
        """Write a result; no error if it cannot be."""
        with contextlib.suppress(OSError):
            _write(path, {**head, "format": self._format}, data)

    def put(self, key: str, name: str, head: Mapping[str, object], data: bytes) -> None:
        """Keep a result, under a name of its own among those of the key; no error if it cannot be."""
        with contextlib.suppress(OSError):
            path = os.path.join(self._folder_of(key), name)
            _write(path, {**head, "format": self._format}, data)
            for old in self._files(key)[OF_A_KEY:]:
                _remove(old)
            self._written += len(data)
            if self._written > self._size // 16:
                self._written = 0
                self._prune()

    def drop(self, path: str) -> None:
        """Forget a result."""
        with contextlib.suppress(OSError):
            _remove(path)

    def _folder_of(self, key: str) -> str:
        return os.path.join(self.folder, key[:2], key)

    def _files(self, key: str) -> list[str]:
        try:
            with os.scandir(self._folder_of(key)) as entries:
                found = [
                    (entry.stat().st_mtime_ns, entry.path)
                    for entry in entries
                    if not entry.name.startswith(".")
                ]
        except OSError:
            return []
        return [path for _, path in sorted(found, reverse=True)]

    def _prune(self) -> None:
        """Delete the least recently used results until the folder is within its size again."""
        kept: list[tuple[int, int, str]] = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = f"{folder}/{name}"
                try:
                    found = os.stat(path)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                if name.startswith(".") and time.time() - found.st_mtime > _LEFT_ASIDE_SECONDS:
                    _remove(path)
                kept.append((found.st_mtime_ns, found.st_size, path))
        total = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total <= self._size:
                return
            _remove(path)
            with contextlib.suppress(OSError):  # other results are in it
                os.rmdir(os.path.dirname(path))
            total -= size


def read_own(path: str) -> bytes:
    """Return the bytes of a file that nobody else can have written: what stands in it goes into a build.

    Raises:
        OSError: it cannot be read, or another account may have written it.
    """
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as stream:
        found = os.fstat(file)
        is_own = found.st_uid in (os.geteuid(), 0) and not found.st_mode & 0o022
        if not (stat.S_ISREG(found.st_mode) and is_own):
            raise PermissionError(errno.EPERM, "another account may have written it", path)
        return stream.read()


def _read(path: str) -> tuple[dict[str, object], bytes]:
    """Read a result: a line with the SHA-256 of the rest, a line of JSON, the data."""
    sum_, _, rest = read_own(path).partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != sum_:
        raise ValueError
    head, _, data = rest.partition(b"\n")
    document = json.loads(head.decode("ascii"))
    if not isinstance(document, dict):
        raise ValueError
    return document, data


def _write(path: str, head: Mapping[str, object], data: bytes) -> None:
    """Write a result aside, and rename it: threads and builds may write it at once."""
    rest = json.dumps(head).encode() + b"\n" + data
    os.makedirs(os.path.dirname(path), exist_ok=True, mode=0o700)
    handle, aside = tempfile.mkstemp(prefix=".", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
        os.replace(aside, path)
    finally:
        _remove(aside)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
