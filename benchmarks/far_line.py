"""An operator's line to hosts far away: every byte comes 30 ms late, and all hosts share one uplink.

It stands before the SSH servers of a fleet on loopback, and before a store beside them. A connection takes
one round trip to open, as TCP's does. What goes up waits for 20 Mbit/s, what comes down for 100, whichever
host it belongs to. It counts what passes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from benchmarks.fleets import Operator, led

LATE_SECONDS = 0.030  # each way
UP, DOWN = 20e6 / 8, 100e6 / 8  # bytes a second
WIDE = 1e10  # bytes a second: what is sent takes no time
PIECE = 16 * 1024
QUEUED = 64  # pieces of one connection that are under way: a window of 1 MB


@dataclass
class Way:
    """One direction of the line: what all connections send through it, one piece after the other."""

    bytes_per_second: float
    late_seconds: float = LATE_SECONDS
    carried: int = 0
    _free_at: float = 0.0  # on the loop's clock

    def arrival(self, size: int, now: float) -> float:
        """Take a piece; return when it is at the other end."""
        self.carried += size
        self._free_at = max(self._free_at, now) + size / self.bytes_per_second
        return self._free_at + self.late_seconds


@dataclass
class FarLine:
    """The line, in a thread of its own."""

    up: Way = field(default_factory=lambda: Way(UP))
    down: Way = field(default_factory=lambda: Way(DOWN))
    connections: int = 0

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def carried(self) -> int:
        """The bytes that went up and down, so far."""
        return self.up.carried + self.down.carried

    def to(self, address: str, port: int) -> int:
        """Return a port of that address behind which the line leads to another port of it."""

        async def serve() -> int:
            async def accepted(near: asyncio.StreamReader, near_back: asyncio.StreamWriter) -> None:
                with suppress(asyncio.CancelledError):  # the line is closed: no word of it
                    await self._joined(near, near_back, address, port)

            server = await asyncio.start_server(accepted, address, 0)
            found: int = server.sockets[0].getsockname()[1]
            return found

        return asyncio.run_coroutine_threadsafe(serve(), self._loop).result()

    def close(self) -> None:
        """Carry nothing more."""

        async def end() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _joined(
        self,
        near: asyncio.StreamReader,
        near_back: asyncio.StreamWriter,
        address: str,
        port: int,
    ) -> None:
        self.connections += 1
        await asyncio.sleep(self.up.late_seconds + self.down.late_seconds)
        far, far_back = await asyncio.open_connection(address, port)
        await asyncio.gather(
            self._carry(near, far_back, self.up), self._carry(far, near_back, self.down)
        )

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Way
    ) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUED)
        delivering = self._loop.create_task(self._deliver(queue, sink))
        with suppress(OSError):
            while piece := await source.read(PIECE):
                await queue.put((way.arrival(len(piece), self._loop.time()), piece))
        await queue.put((self._loop.time() + way.late_seconds, b""))
        await delivering

    async def _deliver(
        self, queue: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        broken = False
        while True:
            at, piece = await queue.get()
            await asyncio.sleep(at - self._loop.time())
            if not piece:
                break
            if broken:
                continue
            try:
                sink.write(piece)
                await sink.drain()
            except OSError:
                broken = True
        with suppress(OSError):
            sink.close()
            await sink.wait_closed()


def of_trips(seconds: float) -> FarLine:
    """Return a line on which a round trip takes so long that nothing else counts."""
    return FarLine(Way(WIDE, seconds / 2), Way(WIDE, seconds / 2))


@contextmanager
def far(
    operator: Operator, names: Sequence[str] | None = None, line: FarLine | None = None
) -> Iterator[FarLine]:
    """Lead the operator's connections to these hosts, or all, through one line, while the block runs."""
    hosts, line = operator.fleet.hosts, line or FarLine()
    try:
        ports = {name: line.to(hosts[name].address, hosts[name].port) for name in names or hosts}
        with led(operator, ports):
            yield line
    finally:
        line.close()
