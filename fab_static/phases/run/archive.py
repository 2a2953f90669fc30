"""Reads a release that is one file: every byte is checked before anything of it goes to a host."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, cast

from fab_static.errors import ReleaseError
from fab_static.host.agent.protocol import PIECE, RECORD
from fab_static.host.agent.transfer import DEFLATE_LEVEL, deflates
from fab_static.plan.archive import (
    BESIDE,
    END,
    MARKER,
    MOST_BESIDE,
    MOST_MARKER,
    MOST_SEAL,
    SEAL,
    Marker,
    contents,
    damaged,
    header,
    object_name,
    padding,
    read_marker,
    refuse_strange,
    size_in,
)
from fab_static.plan.release import Release
from fab_static.plan.seal import from_json
from fab_static.plan.wire import answers, asks
from fab_static.plan.wire.kept import Beside
from fab_static.plan.wire.verbs import Verb
from fab_static.remote import Head


class Archive:
    """A release in one file whose every byte was found right; it holds objects as a host does."""

    def __init__(
        self,
        name: str,
        file: BinaryIO,
        marker: Marker,
        seal: bytes,
        beside: Beside,
        release: Release,
        places: Mapping[str, tuple[int, int]],
    ) -> None:
        self.name = name
        self.marker = marker
        self.seal = seal
        self.beside = beside
        self.release = release
        self._file = file
        self._places = places  # object -> where its bytes begin in the file, and how many they are

    @property
    def cure(self) -> str:
        """What to do where nothing holds an object."""
        name = self.marker.environment
        return f"write an archive with all objects: fab {name} export {self.release.id} --out FILE"

    def lacks(self, wanted: bytes) -> bytes:
        """Return the records of those objects that the archive does not hold."""
        return b"".join(
            RECORD.pack(raw, size)
            for raw, size in RECORD.iter_unpack(wanted)
            if raw.hex() not in self._places
        )

    def sibling(self) -> Archive:
        """Return the archive: objects are read from it one after the other."""
        return self

    def close_agent(self) -> None:
        """Do nothing: whoever opened the file closes it."""

    def packs(
        self, verb: Verb[asks.Nothing, answers.Nothing], body: bytes
    ) -> Iterator[tuple[Head, bytes]]:
        """Yield objects as the frames in which a host sends them.

        Raises:
            InventoryError: the file was changed since it was checked.
        """
        del verb
        for is_text, records in self._by_kind(body):
            pack = bytearray()
            for raw, size in records:
                pack += RECORD.pack(raw, size)
                for piece in self._pieces(raw.hex()):
                    pack += piece
                    if len(pack) >= PIECE:
                        yield frame(pack, deflate=is_text)
                        pack.clear()
            if pack:
                yield frame(pack, deflate=is_text)

    def _by_kind(self, body: bytes) -> Iterator[tuple[bool, list[tuple[bytes, int]]]]:
        """Yield objects that deflate, then those that do not: in one pack, a script would go at its full size."""
        kinds: dict[bool, list[tuple[bytes, int]]] = {True: [], False: []}
        for raw, size in RECORD.iter_unpack(body):
            at, _ = self._places[raw.hex()]
            self._file.seek(at)
            kinds[deflates(self._file.read(min(size, PIECE)))].append((raw, size))
        yield from kinds.items()

    def objects(self, wanted: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield objects, SHA-256 and bytes; in memory is one at a time."""
        for raw, _ in RECORD.iter_unpack(wanted):
            yield raw.hex(), b"".join(self._pieces(raw.hex()))

    def _pieces(self, sha256: str) -> Iterator[bytes]:
        at, left = self._places[sha256]
        found = hashlib.sha256()
        while left:
            self._file.seek(at)
            piece = self._file.read(min(left, PIECE))
            if not piece:
                break
            at, left = at + len(piece), left - len(piece)
            found.update(piece)
            yield piece
        if found.hexdigest() != sha256:
            raise damaged(f"object {sha256} was changed while the file was read", self.name)


def frame(pack: bytes | bytearray, *, deflate: bool) -> tuple[Head, bytes]:
    """Return a piece of a stream of objects as a host sends it."""
    if deflate:
        return {"pack": "deflate", "raw": len(pack)}, zlib.compress(pack, DEFLATE_LEVEL)
    return {"pack": "plain", "raw": len(pack)}, bytes(pack)


# ---- reading


def read(stream: BinaryIO, name: str, kept: BinaryIO | None = None) -> Archive:
    """Read an archive to its end, and return it once every byte is found right.

    Args:
        stream: what is read, from its beginning.
        name: how the operator knows it.
        kept: a file that gets a copy, where `stream` can be read once only; no more bytes go there than the
            seal says.

    Raises:
        InventoryError: a byte is not as it was written, or the archive is of another format.
    """
    reader = _Reader(stream, name, kept)
    marker = read_marker(reader.small(MARKER, MOST_MARKER), name)
    seal = reader.small(SEAL, MOST_SEAL)
    if hashlib.sha256(seal).hexdigest() != marker.seal:
        raise damaged("its seal is not the one that its first member names", name)
    beside = _beside(reader, marker, name)
    release = _release(seal, marker, name)
    places = {}
    for sha256, size in _members(release, marker, reader):
        places[sha256] = reader.object(sha256, size), size
    reader.end()
    return Archive(name, kept or stream, marker, seal, beside, release, places)


def _beside(reader: _Reader, marker: Marker, name: str) -> Beside:
    """Return what stands beside the seal; whether a signature counts, each host asks that it goes to."""
    found: dict[str, str | None] = dict.fromkeys(BESIDE)
    for key, member in BESIDE.items():
        digest = getattr(marker, key)
        if digest is None:
            continue
        data = reader.small(member, MOST_BESIDE)
        if hashlib.sha256(data).hexdigest() != digest or not data.isascii():
            raise damaged(f"{member} is not the one that its first member names", name)
        found[key] = data.decode("ascii")
    return cast("Beside", found)


def _release(seal: bytes, marker: Marker, name: str) -> Release:
    try:
        release = from_json(seal, where=name, name=marker.release)
        refuse_strange(release, marker, name)
    except ReleaseError as error:
        raise damaged(f"its seal is strange: {error.what}", name) from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise damaged(f"its seal cannot be read: {type(error).__name__}: {error}", name) from error
    return release


def _members(release: Release, marker: Marker, reader: _Reader) -> Iterable[tuple[str, int]]:
    """Yield the objects that follow, SHA-256 and size, in their order.

    Without the objects of another release, nobody knows which of them follow: each is told by its header.
    """
    expected = contents(release)
    if marker.without is None:
        yield from expected.items()
        return
    for sha256, size in expected.items():
        if reader.is_next(object_name(sha256), size):
            yield sha256, size


class _Reader:
    """Reads members, each of which it knows before it comes."""

    def __init__(self, stream: BinaryIO, name: str, kept: BinaryIO | None) -> None:
        self._stream = stream
        self._name = name
        self._kept = kept
        self._at = 0
        self._block = b""  # a header that was read, and belongs to a later member

    def small(self, name: str, most: int) -> bytes:
        """Return the bytes of a member whose size its header tells."""
        block = self._header()
        size = size_in(block)
        if size is None or size > most or block != header(name, size):
            raise damaged(f"{name} should come next", self._name)
        return b"".join(self._body(size))

    def is_next(self, name: str, size: int) -> bool:
        """Tell whether the next member is this one."""
        self._block = self._header()
        return self._block == header(name, size)

    def object(self, sha256: str, size: int) -> int:
        """Read an object, and return where its bytes begin."""
        if self._header() != header(object_name(sha256), size):
            raise damaged(f"object {sha256} should come next", self._name)
        at, found = self._at, hashlib.sha256()
        for piece in self._body(size):
            found.update(piece)
        if found.hexdigest() != sha256:
            raise damaged(f"object {sha256} has other bytes than its name says", self._name)
        return at

    def end(self) -> None:
        """Read the end.

        Raises:
            InventoryError: anything else comes.
        """
        block = self._header()
        if block + self._exactly(len(END) - len(block)) != END or self._stream.read(1):
            raise damaged("more follows than its seal names", self._name)

    def _header(self) -> bytes:
        block, self._block = self._block, b""
        return block or self._exactly(512)

    def _body(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            piece = self._exactly(min(left, PIECE))
            left -= len(piece)
            yield piece
        filled = padding(size)
        if self._exactly(len(filled)) != filled:
            raise damaged("there are bytes between its members", self._name)

    def _exactly(self, size: int) -> bytes:
        pieces, left = [], size
        while left:
            piece = self._stream.read(left)
            if not piece:
                raise damaged("it ends too soon", self._name)
            pieces.append(piece)
            left -= len(piece)
        data = b"".join(pieces)
        if self._kept:
            self._kept.write(data)
        self._at += size
        return data
