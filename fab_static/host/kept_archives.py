"""Keeps archives of modules for the next run: each would take up to a tenth of a second to strip and deflate them.

They lie in $XDG_CACHE_HOME/fab_static/sent. An archive is named by the SHA-256 of its sources. Hosts run it, so
one that another account may have written is not used. Whatever goes wrong here, the archive is made again.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from hashlib import sha256
from typing import Callable, Iterator

MOST = 1024 * 1024  # bytes of an archive
FORGOTTEN_SECONDS = (
    60 * 86400
)  # by then most are of versions that are gone; the others are made again
DIGEST = 32  # bytes of what stands before it


def kept(name: str, make: Callable[[], bytes]) -> bytes:
    """Return the archive of this name, as it is kept; else make it and keep it."""
    with contextlib.suppress(OSError), _folder() as folder:
        if found := _read(folder, name):
            return found
    made = make()
    with contextlib.suppress(OSError), _folder() as folder:
        _forget(folder)
        _write(folder, name, made)
    return made


@contextlib.contextmanager
def _folder() -> Iterator[int]:
    """Open the folder; it is made where there is none.

    Raises:
        OSError: it cannot be made, or others may write there.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):  # a relative one is to be ignored, says the XDG specification
        base = os.path.expanduser("~/.cache")  # noqa: PTH111 - Path.home() raises where there is none
    if not base.startswith("/"):
        raise FileNotFoundError("there is no home")
    path = f"{base}/fab_static/sent"
    os.makedirs(path, mode=0o700, exist_ok=True)  # noqa: PTH103
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _refuse_others(os.fstat(folder))
        yield folder
    finally:
        os.close(folder)


def _read(folder: int, name: str) -> bytes:
    """Return what is kept; nothing where there is none, or it is not whole."""
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(file, "rb") as opened:
        _refuse_others(os.fstat(file))
        found = opened.read(MOST)
    data = found[DIGEST:]
    return data if sha256(data).digest() == found[:DIGEST] else b""


def _write(folder: int, name: str, data: bytes) -> None:
    """Keep it: aside, then renamed. Of two runs at once, one comes last, with the same bytes."""
    aside = f".{name}.{os.urandom(4).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(aside, flags, 0o600, dir_fd=folder), "wb") as opened:
        opened.write(sha256(data).digest() + data)
    os.rename(aside, name, src_dir_fd=folder, dst_dir_fd=folder)


def _forget(folder: int) -> None:
    oldest = time.time() - FORGOTTEN_SECONDS
    for name in os.listdir(folder):
        if os.lstat(name, dir_fd=folder).st_mtime < oldest:
            os.unlink(name, dir_fd=folder)


def _refuse_others(status: os.stat_result) -> None:
    """Refuse what another account may have written.

    Raises:
        PermissionError: it may.
    """
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError("others may write there")
