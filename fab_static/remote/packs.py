"""Fetches objects from a host in packs: only those that were asked for, each with its own bytes."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Iterator

from fab_static.errors import RemoteError
from fab_static.host.agent.protocol import RECORD
from fab_static.plan.inventory import Environment
from fab_static.remote import patience
from fab_static.remote.agent_channel import MAX_PACK
from fab_static.remote.frames import Head, Pace
from fab_static.remote.requests import Requests


class Packs:
    """Fetches objects by requests to one agent."""

    def __init__(self, requests: Requests, environment: Environment) -> None:
        self._requests = requests
        self._agent = requests.agent
        self._environment = environment

    def stream(self, do: str, body: bytes) -> Iterator[tuple[Head, bytes]]:
        """Ask for a stream of objects, and yield its frames as they come.

        Args:
            do: the verb.
            body: the objects' records.

        Raises:
            RemoteError: the host cannot be reached, or more comes than was asked for.
        """
        left = sum(RECORD.size + size for _, size in RECORD.iter_unpack(body))
        limit = patience.stall_seconds(self._environment.ssh)
        with self._requests.begun(do, {}, body):
            pace = Pace(limit)
            while True:
                head, data = self._requests.frame()
                if "ok" in head and left:
                    raise self._agent.malformed("fewer objects than were asked for")
                if "ok" in head:
                    return
                if "pack" in head:
                    size = self._size_of(head, data, left)
                    left -= size
                    pace.moved(size)
                    given = time.monotonic()
                    yield head, data
                    pace.pause(time.monotonic() - given)
                if pace.left < 0:
                    raise self._requests.stalled(do, limit)

    def objects(self, wanted: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield objects, SHA-256 and bytes, as they come. Only one at a time is in memory."""
        asked = set(RECORD.iter_unpack(wanted))
        buffer = bytearray()
        for head, data in self.stream("fetch", wanted):
            buffer += self._inflated(data, head["raw"]) if head["pack"] == "deflate" else data
            while len(buffer) >= RECORD.size:
                raw, size = RECORD.unpack_from(buffer)
                if (raw, size) not in asked:
                    raise self._agent.malformed("an object that was not asked for")
                if len(buffer) < RECORD.size + size:
                    break
                body = bytes(buffer[RECORD.size : RECORD.size + size])
                del buffer[: RECORD.size + size]
                self.refuse_other_bytes(raw.hex(), body)
                yield raw.hex(), body

    def refuse_other_bytes(self, sha256: str, body: bytes) -> None:
        """Raise where an object's bytes are not those that its name says."""
        if hashlib.sha256(body).hexdigest() != sha256:
            raise RemoteError(
                f"object {sha256} has other bytes than its name says",
                where=self._agent.name,
                mend=f"build it again: fab {self._environment.name} deploy",
            )

    def _size_of(self, head: Head, data: bytes, left: int) -> int:
        """Return how many bytes of objects a frame says that it holds.

        Raises:
            RemoteError: more than were asked for, or than such a frame can hold.
        """
        size = head.get("raw")
        is_plain = head["pack"] == "plain"
        if (
            head["pack"] not in ("plain", "deflate")
            or type(size) is not int
            or not 0 < size <= min(left, MAX_PACK)
            or (is_plain and len(data) != size)
        ):
            raise self._agent.malformed("a pack of objects that were not asked for")
        return size

    def _inflated(self, data: bytes, size: int) -> bytes:
        """Return what a pack holds: no more than it said."""
        inflater = zlib.decompressobj()
        try:
            inflated = inflater.decompress(data, size + 1)
        except zlib.error as error:
            raise self._agent.malformed(f"a pack that cannot be inflated: {error}") from error
        if len(inflated) != size or not inflater.eof:
            raise self._agent.malformed("a pack of another size than it says")
        return inflated
