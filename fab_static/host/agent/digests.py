"""Hashes of files, and the time that a file carries because of its bytes."""

from __future__ import annotations

import os
import stat

from fab_static.host.agent.plain import not_plain
from fab_static.host.agent.protocol import PIECE
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.work import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    import hashlib


def mtime_of(sha256: str) -> int:
    """Return the time that a file with these bytes carries, in seconds since 1970.

    It is made from the content. So nginx gives one ETag and Last-Modified on every host, and two contents of
    one size never share theirs. Builds that hash mtimes are reproducible. A stat shows that somebody wrote
    to a file.
    """
    return 946684800 + int(sha256[:8], 16) % (1 << 29)  # from 2000 to 2017: never in the future


def begun_sha256(data: bytes = b"") -> hashlib._Hash:
    """Return a SHA-256, begun with these bytes."""
    import hashlib  # late: it takes 4 ms to load, and who only looks at a host needs none

    return hashlib.sha256(data)


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file's bytes."""
    digest = begun_sha256()
    # for thousands of small files, a file object takes as long as hashing them
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise not_plain(path)
        left = status.st_size  # to ask for the end of each would take a tenth of all
        while left > 0 and (piece := os.read(file, PIECE)):
            moved()
            digest.update(piece)
            left -= len(piece)
    finally:
        os.close(file)
    return digest.hexdigest()


def digest_of(path: str) -> str | None:
    """Return the SHA-256 of a file as it is now, or None if there is none."""
    try:
        return sha256_of(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, RefusedError):
        return None
