"""What both ends of a channel to an agent agree on; see wire.py."""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Collection, Dict, Sequence, Tuple, TypeVar

    from fab_static.host.agent.wire import Agent

    T = TypeVar("T")
    Head = Dict[str, Any]
    Verb = Callable[[Agent, Head, bytes], Tuple[Head, bytes]]

PIECE = 256 * 1024  # bytes of a piece of a stream: large enough for speed, small enough for memory
TICK_SECONDS = 2.0
RECORD = struct.Struct(">32sQ")  # in a stream of objects: SHA-256, size, then the bytes
TICKET = struct.Struct(">32sQH32s")  # to fetch one: SHA-256, size, which URL, the URL's signature
FRAME = struct.Struct(">II")
MAX_FRAME = 256 * 1024 * 1024
HELLO = b"\nfab_static agent 1\n"  # the first frame follows it


def marked(known: Sequence[T], some: Collection[T]) -> bytes:
    """Return which of what both ends know are meant: a bit for each, behind a first one that is set."""
    bits = "1" + "".join("01"[one in some] for one in known)
    return int(bits, 2).to_bytes(len(known) // 8 + 1, "big")


def picked(known: Sequence[T], marks: bytes) -> list[T]:
    """Return those that are meant, in their order.

    Raises:
        ValueError: the marks are of another number of things.
    """
    bits = bin(int.from_bytes(marks, "big"))[3:]
    if len(bits) != len(known):
        raise ValueError(f"{len(bits)} marks for {len(known)}")
    return [one for one, bit in zip(known, bits) if bit == "1"]
