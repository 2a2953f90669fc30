"""Takes objects in from the operator, and sends them to him."""

from __future__ import annotations

import contextlib
import os
import zlib

from fab_static.host.agent.claims import Folders, claim
from fab_static.host.agent.digests import begun_sha256
from fab_static.host.agent.names import OBJECT, checked
from fab_static.host.agent.objects import has_object, keep_bytes, object_writer
from fab_static.host.agent.plain import read_plain
from fab_static.host.agent.protocol import PIECE, RECORD
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.objects import ObjectWriter
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

SAMPLE = 1024  # bytes by which a file is judged to deflate or not
DEFLATE_LEVEL = 5  # a fifth less CPU time than 6, for 1 % more bytes


def read_object(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return the bytes of one small object; they are those that its name says.

    With `like`, the name of another object, their difference to the bytes of that one.
    """
    sha256 = checked(OBJECT, head["object"], "object")
    data = read_plain(agent.host.object(sha256))[0]
    if begun_sha256(data).hexdigest() != sha256:
        raise RefusedError(
            f"object {sha256} is damaged",
            agent.host.object(sha256),
            "build again: deploy",
            "release",
        )
    if head.get("like"):
        from fab_static.host.agent.differing import difference  # late: only a build is asked so

        return {}, difference(read_object(agent, {"object": head["like"]}, b"")[1], data)
    return {}, data


def put_object(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Store one small object; its name is its SHA-256."""
    claim(agent.host)
    sha256, size = keep_bytes(agent.host, body)
    return {"object": sha256, "size": size}, b""


def missing(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say which of the objects are not here. Body: records of SHA-256 and size, both ways."""
    absent = bytearray()
    for raw, size in RECORD.iter_unpack(body):
        if not has_object(agent.host, raw.hex(), size, look=head.get("look", False)):
            absent += RECORD.pack(raw, size)
    return {}, bytes(absent)


def fetch(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Send objects as a stream of `pack` frames. Body: their records.

    What deflates travels in packs of its own: beside an image, a script would go at its full size.
    """
    plain, deflated = bytearray(), bytearray()
    for raw, size in RECORD.iter_unpack(body):
        left, is_cut = size, False
        # for thousands of small files, a file object takes as long as reading them
        file = os.open(agent.host.object(raw.hex()), os.O_RDONLY | os.O_CLOEXEC)
        try:
            piece = os.read(file, min(PIECE, size + 1))  # one more shows that there is more
            pack = deflated if deflates(piece) else plain
            pack += RECORD.pack(raw, size)
            while piece:
                left -= len(piece)
                pack += piece
                # an object that goes in several frames goes to its end before another begins
                if len(pack) >= PIECE or (is_cut and not left):
                    is_cut = left > 0
                    send_pack(agent, pack, pack is deflated)
                piece = os.read(file, min(PIECE, left + 1)) if left > 0 else b""
        finally:
            os.close(file)
        if left:
            raise RefusedError(
                f"object {raw.hex()} has another size than its release says",
                agent.host.object(raw.hex()),
                "build again: deploy",
            )
    for pack in (plain, deflated):
        if pack:
            send_pack(agent, pack, pack is deflated)
    return {}, b""


def deflates(piece: bytes) -> bool:
    """Tell whether bytes become smaller when they are deflated, by a sample from their middle."""
    sample = piece[len(piece) // 2 :][:SAMPLE]
    # half of all values at most: 7 bits suffice for each byte, and to count them takes a tenth of the time
    is_text = len(sample) == SAMPLE and len(set(sample)) <= 128
    return is_text or len(zlib.compress(sample, 1)) < 0.9 * len(sample)


def send_pack(agent: Agent, pack: bytearray, deflate: bool) -> None:
    """Send what stands in the pack, and empty it."""
    if deflate:
        agent.send({"pack": "deflate", "raw": len(pack)}, zlib.compress(pack, DEFLATE_LEVEL))
    else:
        agent.send({"pack": "plain", "raw": len(pack)}, bytes(pack))
    pack.clear()


def store(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Store the objects of the `pack` frames that follow, up to the frame that says `end`."""
    claim(agent.host)
    unpacker = Unpacker(agent.host)
    failed: Exception | None = None
    with contextlib.closing(unpacker):
        while True:
            head, body = agent.next_frame()
            if "end" in head:
                break
            if failed is None:  # else read on: frames left over would be taken for requests
                try:
                    unpacker.feed(zlib.decompress(body) if head["pack"] == "deflate" else body)
                except Exception as error:
                    failed = error
        if failed is not None:
            raise failed
        unpacker.check_whole()
    return {"stored": unpacker.stored}, b""


class Unpacker:
    """Cuts a stream of records into objects."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.stored = 0
        self._folders = Folders(host)
        self._rest = b""
        self._writer: ObjectWriter | None = None

    def feed(self, pack: bytes) -> None:
        data = memoryview(self._rest + pack if self._rest else pack)
        at = 0
        while True:
            if self._writer is None:
                if len(data) - at < RECORD.size:
                    break
                raw, size = RECORD.unpack_from(data, at)
                at += RECORD.size
                self._writer = object_writer(self.host, raw.hex(), size, self._folders)
            piece = data[at : at + self._writer.left]
            at += len(piece)
            self._writer.write(piece)
            if self._writer.left:
                break
            writer, self._writer = self._writer, None
            writer.__exit__(None, None, None)
            self.stored += 1
        self._rest = bytes(data[at:])

    def check_whole(self) -> None:
        if self._writer or self._rest:
            raise RefusedError(
                "the stream ended inside an object", self.host.root, "run the task again"
            )

    def close(self) -> None:
        if self._writer:
            self._writer.__exit__(RefusedError, RefusedError("", "", ""), None)
