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


def digests(path: str | int) -> tuple[str, str, int]:
    """Return SHA-256, the first 7 digits of SHA-1, and the size of a file, or of one that is open, in one read."""
    import hashlib

    sha256, sha1, size = hashlib.sha256(), hashlib.sha1(), 0  # noqa: S324 - the version format's own
    with open(path, "rb", closefd=isinstance(path, str)) as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            moved()
            sha256.update(piece)
            sha1.update(piece)
            size += len(piece)
    return sha256.hexdigest(), sha1.hexdigest()[:7], size


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file's bytes."""
    digest = begun_sha256()
    # for thousands of small files, a file object takes as long as hashing them
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise not_plain(path)
        while piece := os.read(file, PIECE):
            moved()
            digest.update(piece)
    finally:
        os.close(file)
    return digest.hexdigest()


def digest_of(path: str) -> str | None:
    """Return the SHA-256 of a file as it is now, or None if there is none."""
    try:
        return sha256_of(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, RefusedError):
        return None
