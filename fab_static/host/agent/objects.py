"""The bytes of releases: one file for each content, named by its SHA-256."""

from __future__ import annotations

import contextlib
import os
import stat

from fab_static.host.agent.claims import Folders
from fab_static.host.agent.digests import begun_sha256, mtime_of, sha256_of
from fab_static.host.agent.disk import aside, link_or_copy
from fab_static.host.agent.names import places_of
from fab_static.host.agent.protocol import PIECE
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.seals import links_of, seals
from fab_static.host.agent.work import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence

    from fab_static.host.agent.store import Host


def has_object(host: Host, sha256: str, size: int, *, look: bool = False) -> bool:
    """Tell whether the object is there, whole; one that somebody wrote to counts as missing.

    A whole one that was touched, or restored from a backup, gets its time back, unless we only look.
    """
    path = host.object(sha256)
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_size != size:
        return False
    if int(status.st_mtime) == mtime_of(sha256):
        return True
    if sha256_of(path) != sha256:
        return False
    if not look:
        try:
            os.utime(path, (mtime_of(sha256), mtime_of(sha256)))
        except PermissionError:  # another account's: one that is ours takes its place
            return False
    return True


def object_writer(
    host: Host, sha256: str, size: int, folders: Folders | None = None
) -> ObjectWriter:
    """Return what writes one object; who writes many at once hands the folders over that it has looked at."""
    path, folders = host.object(sha256), folders or Folders(host)
    folder = path.rpartition("/")[0]
    folders.make(folder)
    links = () if folder in folders.made else links_to_damaged(host, sha256)
    return ObjectWriter(path, sha256, size, links)


def links_to_damaged(host: Host, sha256: str) -> list[str]:
    """Return the files of all releases and of the pool that are links to an object's damaged bytes.

    Empty where there is no such object: it is asked before one is written, and a whole one never is.
    """
    try:
        damaged = os.lstat(host.object(sha256))
    except FileNotFoundError:
        return []
    releases = host.releases()
    if host.known_links is None or host.known_links[0] != releases:  # read once for many objects
        linked: dict[str, set[str]] = {}
        for seal in seals(host):
            for path, known, _size in links_of(host, seal, ["static"]):
                linked.setdefault(known, set()).update(map(host.path, places_of(path)))
        host.known_links = releases, linked
    return [
        path
        for path in sorted(host.known_links[1].get(sha256, ()))
        if os.path.lexists(path) and os.path.samestat(os.lstat(path), damaged)
    ]


def keep_bytes(
    host: Host, data: bytes, folders: Folders | None = None, sha256: str = ""
) -> tuple[str, int]:
    """Store bytes as an object; return its name, their SHA-256, and its size; `sha256`: who calls has found it out."""
    sha256 = sha256 or begun_sha256(data).hexdigest()
    if not has_object(host, sha256, len(data)):
        with object_writer(host, sha256, len(data), folders) as writer:
            writer.write_all(data)
    return sha256, len(data)


def keep_file(host: Host, source: int, sha256: str, size: int, folders: Folders) -> None:
    """Copy an open file's bytes to the objects, checked (never linked: builds write files in place)."""
    with object_writer(host, sha256, size, folders) as writer:
        os.lseek(source, 0, os.SEEK_SET)
        # one byte more shows that there is more, and saves asking for the end
        while writer.left > 0 and (piece := os.read(source, min(PIECE, writer.left + 1))):
            writer.write(piece)


class ObjectWriter:
    """Writes one object aside; on leaving without an error it is checked and renamed in.

    `links` are files that are to have its bytes too: hard links to the damaged object it replaces.
    """

    def __init__(self, path: str, sha256: str, size: int, links: Sequence[str] = ()) -> None:
        self.path = path
        self.links = links
        self.sha256 = sha256
        self.left = size
        self._hash = begun_sha256()
        self._is_checked = False
        self._temporary = aside(path)
        # for thousands of small files, a file object takes as long as writing them
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self._temporary, flags, 0o444)  # closed in __exit__

    def write(self, piece: bytes | memoryview) -> None:
        self._hash.update(piece)
        self._write(piece)

    def write_all(self, data: bytes) -> None:
        """Write the whole object at once: it was named after these very bytes, so nobody hashes them again."""
        self._write(data)
        self._is_checked = True

    def _write(self, piece: bytes | memoryview) -> None:
        moved()
        self.left -= len(piece)
        while piece:
            piece = piece[os.write(self._file, piece) :]

    def __enter__(self) -> ObjectWriter:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            try:
                if error is None:
                    self._finish()
            finally:
                os.close(self._file)
            if error is None:
                self._rename_in()
                return
        except BaseException:
            self._remove()
            raise
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._temporary)

    def _finish(self) -> None:
        is_right = self._is_checked or self._hash.hexdigest() == self.sha256
        if self.left or not is_right:
            raise RefusedError(
                f"the bytes that arrived are not those of object {self.sha256}",
                self.path,
                "run the task again; if it happens twice, a file changes while it is read",
            )
        seconds = mtime_of(self.sha256)
        os.utime(self._file, (seconds, seconds))

    def _rename_in(self) -> None:
        for link in self.links:
            link_or_copy(self._temporary, link)
        os.replace(self._temporary, self.path)  # last: until then it is missing, and sent again


class Objects:
    """Tells links to objects from other files; looks at each object once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[str, tuple[int, int]] = {}

    def has_link(self, path: str, sha256: str) -> bool:
        """Tell whether a file is a link to an object, and so has its bytes."""
        try:
            found = os.lstat(path)
            if sha256 not in self._known:
                known = os.stat(self._host.object(sha256))
                self._known[sha256] = known.st_dev, known.st_ino
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (found.st_dev, found.st_ino) == self._known[sha256]
