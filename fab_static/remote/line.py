"""The line below an SSH connection: what is sent through it ends in time.

Paramiko tries to send a packet until the transport is closed, and keeps a lock meanwhile. Whoever else wants
to send waits for that lock, even to close a channel. So a host that stops reading would hold all of them.
"""

from __future__ import annotations

import contextlib
import select
import threading
import time
from collections.abc import Iterator
from typing import Any

from fab_static.remote.frames import Pace, TooSlowError

TRY_SECONDS = 0.1  # as long as paramiko lets a socket wait
FIRST_BYTES = 200  # that are kept: a server that lets nobody in may say why
STILL_SECONDS = 2.0  # a packet that is under way for so long may never end


class Line:
    """A socket for paramiko that gives up a packet which the other side does not take."""

    def __init__(self, sock: Any, silence_seconds: float) -> None:
        self._sock = sock  # a socket, a channel of a gateway, or a ProxyCommand
        self._silence = silence_seconds
        self._pace: Pace | None = None  # of the packet that is under way
        self._began = 0.0
        self.heard = 0  # bytes that came
        self.first = b""  # of them

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def recv(self, most: int) -> bytes:
        """Return some of what came."""
        data: bytes = self._sock.recv(most)
        if self.heard < FIRST_BYTES:
            self.first += data[: FIRST_BYTES - self.heard]
        self.heard += len(data)
        return data

    def send(self, data: bytes) -> int:
        """Send some of what is left of a packet.

        Raises:
            TimeoutError: none of it was taken just now; paramiko tries again.
            EOFError: the packet was given up, and with it the connection.
        """
        if self._pace is None:
            self._began = time.monotonic()
            self._pace = Pace(self._silence)
        if self.has_given_up:
            raise EOFError("the other side takes no data")
        sent = self._send_some(data)
        self._pace.moved(sent)
        if sent >= len(data):
            self._pace = None
        return sent

    def _send_some(self, data: bytes) -> int:
        process = getattr(self._sock, "process", None)
        if process is not None:  # a ProxyCommand: its pipe blocks, except for so many bytes
            if not _takes_more(process.stdin, TRY_SECONDS):
                raise TimeoutError
            data = data[: select.PIPE_BUF]
        sent: int = self._sock.send(data)
        return sent

    @property
    def is_under_way(self) -> bool:
        """Whether part of a packet has not gone out yet; only the rest of it may follow."""
        return self._pace is not None

    @property
    def has_given_up(self) -> bool:
        """Whether the other side took a packet too slowly."""
        pace = self._pace
        return pace is not None and pace.left <= 0

    @property
    def stands_still(self) -> bool:
        """Whether a packet is under way for so long that nobody should wait for it."""
        return self.is_under_way and time.monotonic() - self._began > STILL_SECONDS

    def is_ready(self) -> bool:
        """Tell whether a little can be sent without waiting."""
        if self.is_under_way:
            return False
        gateway = getattr(self._sock, "transport", None)
        if gateway is not None:
            below = gateway.sock
            return bool(self._sock.send_ready()) and (
                not isinstance(below, Line) or below.is_ready()
            )
        process = getattr(self._sock, "process", None)
        return _takes_more(process.stdin if process else self._sock, 0)


def _takes_more(file: Any, seconds: float) -> bool:
    try:
        poll = select.poll()
        poll.register(file, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))
    except (OSError, ValueError):  # it is closed: whoever sends is told at once
        return True


def end(transport: Any) -> None:
    """End an SSH transport without a word: its line may take none.

    Its channel through a gateway is closed, and that takes a word to the gateway. Where the gateway takes none,
    its connection ends, too: nobody else gets through it either.
    """
    gateway = getattr(transport.sock, "transport", None)
    bounded = ended_after(gateway, STILL_SECONDS) if gateway else contextlib.nullcontext()
    with contextlib.suppress(OSError, EOFError), bounded:
        transport.close()
    if getattr(gateway and gateway.sock, "has_given_up", False):
        end(gateway)


@contextlib.contextmanager
def ended_after(transport: Any, seconds: float) -> Iterator[None]:
    """End the transport when the block takes longer than that.

    Raises:
        TooSlowError: it took longer.
    """
    too_slow = threading.Event()

    def give_up() -> None:
        too_slow.set()
        end(transport)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if too_slow.is_set():
            raise TooSlowError(f"it did not answer for {seconds:g} seconds") from error
        raise
    finally:
        timer.cancel()
