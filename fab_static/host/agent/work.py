"""How far the request at hand is: the operator tells a host that works from one that hangs."""

from __future__ import annotations

import contextlib
import threading
import time

from fab_static.host.agent.protocol import TICK_SECONDS
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

WAITED_SECONDS = 1800.0  # so long a disk may take to sync, or brotli for one file
END_SECONDS = 0.5  # from SIGTERM to SIGKILL


class Work:
    """How far the request at hand is, and whether anybody waits for its answer."""

    steps = 0
    is_cancelled = False
    starting = threading.Lock()  # a command begins, or all are ended: never both
    ending = threading.Lock()  # held until the last process of what was cancelled has ended

    @classmethod
    def cancel(cls) -> None:
        """Let nobody begin a command any more. One whose start hangs is not waited for."""
        is_ours = cls.starting.acquire(timeout=END_SECONDS)
        cls.is_cancelled = True
        if is_ours:
            cls.starting.release()


def moved() -> None:
    """Count a step of long work, and end work that nobody waits for any more."""
    Work.steps += 1
    if Work.is_cancelled:
        raise RefusedError(
            "the operator interrupted it", "a request", "run the task again", "cancelled"
        )


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
