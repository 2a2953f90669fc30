"""What both ends of a channel to an agent agree on; see wire.py."""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple

    from fab_static.host.agent.wire import Agent

    Head = Dict[str, Any]
    Verb = Callable[[Agent, Head, bytes], Tuple[Head, bytes]]

PIECE = 256 * 1024  # bytes of a piece of a stream: large enough for speed, small enough for memory
TICK_SECONDS = 2.0
RECORD = struct.Struct(">32sQ")  # in a stream of objects: SHA-256, size, then the bytes
TICKET = struct.Struct(">32sQH32s")  # to fetch one: SHA-256, size, which URL, the URL's signature
FRAME = struct.Struct(">II")
MAX_FRAME = 256 * 1024 * 1024
HELLO = b"\nfab_static agent 1\n"  # the first frame follows it
