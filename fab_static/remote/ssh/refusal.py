"""Why a hop let us not through: raised by whoever finds out, and given its place by whoever opened the way."""

from __future__ import annotations


class HopError(Exception):
    """A hop cannot be reached, is not who it should be, or does not let us in.

    Args:
        what: one sentence, lower case, without a full stop.
        mend: what to do now, as a command where there is one.
        is_busy: whether the same may work in a moment: the door was closed before a word was said.
    """

    def __init__(self, what: str, mend: str, *, is_busy: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend
        self.is_busy = is_busy
