"""The lock where a bucket keeps it: who holds it, and since when nothing was heard of the owner."""

from __future__ import annotations

from typing import TypedDict

from fab_static.plan.publication import PRIVATE
from fab_static.plan.wire.answers import Holder
from fab_static.plan.wire.shapes import Moment

LOCK = PRIVATE + "lock.json"
DEAD_SECONDS = 60.0  # an owner who was silent for so long may be dead; as on a host


class KeptLock(TypedDict):
    """Who holds the lock, or held it last. No two texts are alike, and so no two ETags are."""

    format: int
    app: str
    environment: str
    owner: str
    process: int
    phase: str
    run: str  # tells two runs of one owner apart; it opens nothing
    since: Moment  # of the first beat; all times are the store's own
    at: Moment  # of this beat
    beat: int
    released: bool


def holder_of(lock: KeptLock, now: float | None, written: float | None) -> Holder:
    """Return who holds the lock, as a host says it.

    Args:
        lock: as the store gave it out.
        now: the store's clock then; None: it did not say.
        written: when it was written, by the same clock; None: it did not say.
    """
    silent = 0.0 if now is None else now - (lock["at"] if written is None else written)
    return Holder(
        owner=lock["owner"],
        since=lock["since"],
        phase=lock["phase"],
        process=lock["process"],
        silent_seconds=max(0.0, silent),
        abandoned=False,
        # a beat of the future: the store's clock was set back, and says nothing
        dead=not -DEAD_SECONDS <= silent <= DEAD_SECONDS,
    )
