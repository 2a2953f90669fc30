"""An S3 that is never the bottleneck: each answer comes after so many seconds, as from another region's edge.

    python benchmarks/s3_stub.py PORT SECONDS

It takes every PUT, finds nothing when it is listed, and keeps one kind of object: manifests. On one machine
a real server costs more CPU for each object than the clients that are compared.
"""

from __future__ import annotations

import asyncio
import re
import sys
from functools import partial

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
NOTHING = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></ListBucketResult>'
MISSING = b"<Error><Code>NoSuchKey</Code></Error>"


class Connection(asyncio.Protocol):
    """One client's connection: a request at a time."""

    def __init__(self, seconds: float, kept: dict[bytes, bytes]) -> None:
        self._seconds, self._kept = seconds, kept
        self._data = bytearray()
        self._head, self._left = b"", 0  # of the request whose body is coming

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; answer later, once it is whole."""
        self._data += data
        if not self._head:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = bytes(self._data[:end])
            del self._data[: end + 4]
            length = LENGTH.search(self._head)
            self._left = int(length[1]) if length else 0
            if b"100-continue" in self._head:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if len(self._data) < self._left:
            return
        answer = self._answer(*self._head.split(b" ", 2)[:2], bytes(self._data[: self._left]))
        del self._data[: self._left]
        self._head = b""
        asyncio.get_running_loop().call_later(self._seconds, self._transport.write, answer)

    def _answer(self, method: bytes, target: bytes, body: bytes) -> bytes:
        status, said = b"200 OK", b""
        if method == b"PUT" and target.endswith(b"manifest.json"):
            self._kept[target] = body
        elif method == b"GET" and b"list-type" in target:
            said = NOTHING
        elif method == b"GET":
            status = status if target in self._kept else b"404 Not Found"
            said = self._kept.get(target, MISSING)
        return b'HTTP/1.1 %s\r\nETag: "0"\r\nContent-Length: %d\r\n\r\n%s' % (
            status,
            len(said),
            said,
        )


async def main(port: int, seconds: float) -> None:
    """Serve until the process ends."""
    made = partial(Connection, seconds, {})
    loop = asyncio.get_running_loop()
    server = await loop.create_server(made, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
