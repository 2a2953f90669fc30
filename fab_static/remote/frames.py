"""The operator's end of a channel to an agent: its frames, each within bounds and in time.

What comes is a host's word. It may be anything, of any length, and may come at any pace.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from typing import Any, Protocol

from fab_static.host.agent.protocol import FRAME

Head = dict[str, Any]

MAX_HEAD = 16 * 1024 * 1024  # bytes; a record of 2000 entries is one
MAX_VALUES = 500_000  # in one head: of 16 MiB, empty objects would be 400 MB in memory
MAX_DIGITS = 20
# bytes that are asked for at once. A channel's window lets the other side be 2 MB ahead, and Paramiko moves what a
# read leaves
AT_ONCE = 512 * 1024
SLOWEST = 1024  # bytes a second: a modem's pace; what is slower does not move


class Channel(Protocol):
    """A two-way stream of bytes to a process on a host."""

    def send(self, data: bytes) -> None:
        """Send all of the data."""

    def is_ready(self) -> bool:
        """Tell whether a little can be sent without waiting."""

    def has_ended(self) -> bool:
        """Tell whether the other side has ended it: whatever is sent now, no process takes."""

    def receive(self, most: int, timeout_seconds: float) -> bytes:
        """Return some bytes; b"" at the end. Raises TimeoutError."""

    def last_words(self) -> tuple[int | None, str]:
        """Return the exit status, if it is known, and what stood on standard error."""

    def close(self) -> None:
        """End the stream, and the process with it."""


class MalformedError(ValueError):
    """What came is not what an agent sends."""


class TooSlowError(TimeoutError):
    """What comes does not come at any pace that could be called one."""


class Pace:
    """How long the other side may still take. Bytes earn time, up to the silence that is allowed."""

    def __init__(self, silence_seconds: float) -> None:
        self._silence = silence_seconds
        self._deadline = time.monotonic() + silence_seconds

    @property
    def left(self) -> float:
        """The seconds that are left; below 0 the other side is too slow."""
        return self._deadline - time.monotonic()

    def moved(self, size: int) -> None:
        """Count bytes that came or went."""
        latest = time.monotonic() + self._silence
        self._deadline = min(latest, self._deadline + size / SLOWEST)

    def pause(self, seconds: float) -> None:
        """Leave out time in which nobody waited for the other side."""
        self._deadline += seconds


class Frames:
    """Reads frames from a channel."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._is_marked = True  # whether the mark came that was waited for

    @property
    def is_empty(self) -> bool:
        """Whether nothing came after the last whole frame."""
        return not self._buffer

    @property
    def printed(self) -> str:
        """What came in place of the mark, or nothing if the mark came."""
        return "" if self._is_marked else bytes(self._buffer).decode(errors="replace").strip()

    def next(self, channel: Channel, silence_seconds: float, most_body: int) -> tuple[Head, bytes]:
        """Return the next frame.

        Raises:
            TimeoutError: nothing came for so long, or too little.
            EOFError: the connection ended.
            ValueError: it is not a frame.
            MalformedError: it is too large, or not one of an agent's.
        """
        head_size, body_size = FRAME.unpack(self._exactly(channel, FRAME.size, silence_seconds))
        if head_size > MAX_HEAD:
            raise MalformedError(f"a head of {head_size:,} bytes, and the most is {MAX_HEAD:,}")
        if body_size > most_body:
            raise MalformedError(f"a body of {body_size:,} bytes, and the most is {most_body:,}")
        head = parsed(self._exactly(channel, head_size, silence_seconds))
        return head, self._exactly(channel, body_size, silence_seconds)

    def skip_to(self, channel: Channel, marks: Sequence[bytes], most: int, seconds: float) -> bytes:
        """Read over what stands before one of the marks, and over the mark; return the one that came.

        Raises:
            EOFError: none came; with what came instead.
        """
        deadline = time.monotonic() + seconds
        self._is_marked = False
        while not (found := [mark for mark in marks if mark in self._buffer]):
            if len(self._buffer) > most:
                self._buffer.clear()
                raise EOFError("the login prints without end")
            piece = channel.receive(65536, max(0.1, deadline - time.monotonic()))
            if not piece:
                raise EOFError(self.printed[-2000:])
            self._buffer += piece
            if time.monotonic() > deadline:
                raise TooSlowError(f"the agent did not speak for {seconds:g} seconds")
        self._is_marked = True
        mark = min(found, key=self._buffer.index)
        del self._buffer[: self._buffer.index(mark) + len(mark)]
        return mark

    def _exactly(self, channel: Channel, size: int, silence_seconds: float) -> bytes:
        pace = Pace(silence_seconds)
        while len(self._buffer) < size:
            left = pace.left
            if left <= 0:  # a byte now and then is not an answer
                raise TooSlowError(f"{len(self._buffer):,} of {size:,} bytes came")
            try:
                piece = channel.receive(AT_ONCE, left)
            except TimeoutError as error:
                if not self._buffer:
                    raise
                raise TooSlowError(f"{len(self._buffer):,} of {size:,} bytes came") from error
            if not piece:
                raise EOFError("the connection ended")
            self._buffer += piece
            pace.moved(len(piece))
        with memoryview(self._buffer) as view:
            data = bytes(view[:size])
        del self._buffer[:size]
        return data


def parsed(data: bytes) -> Head:
    """Return the head of a frame.

    Raises:
        ValueError: it is not JSON.
        MalformedError: it is JSON that no agent sends.
    """
    if data.count(b",") + data.count(b"{") + data.count(b"[") > MAX_VALUES:
        raise MalformedError(f"a head of more than {MAX_VALUES:,} values")
    try:
        head = _JSON.decode(data.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"what came is not a frame: {str(error)[:200]}") from error
    if not isinstance(head, dict):
        raise MalformedError(f"a head that is not an object: {data[:40].decode('ascii')}")
    return head


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:MAX_DIGITS]} is not a number")
    return number


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


_JSON = json.JSONDecoder(parse_float=_finite, parse_int=_whole, parse_constant=_finite)
