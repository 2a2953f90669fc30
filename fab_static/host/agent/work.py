"""How far the request at hand is: the operator tells a host that works from one that hangs."""

from __future__ import annotations

import threading

from fab_static.host.agent.refusals import RefusedError

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
