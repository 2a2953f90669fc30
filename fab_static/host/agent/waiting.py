"""Keeps a host that waits for a disk, or for another program, from looking like one that hangs."""

from __future__ import annotations

import contextlib
import threading
import time

from fab_static.host.agent.protocol import TICK_SECONDS
from fab_static.host.agent.work import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

WAITED_SECONDS = 1800.0  # so long a disk may take to sync, or brotli for one file


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Count steps while a disk or another program works for us: that takes no time of our CPU.

    Not for longer than WAITED_SECONDS: a disk that never answers is a hang after all.
    """
    over = threading.Event()

    def count() -> None:
        end = time.monotonic() + WAITED_SECONDS
        while not over.wait(TICK_SECONDS / 2) and time.monotonic() < end:
            Work.steps += 1

    counting = threading.Thread(target=count, daemon=True)
    counting.start()
    try:
        yield
    finally:
        over.set()
        counting.join()
