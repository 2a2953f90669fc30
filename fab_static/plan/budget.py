"""What an inventory allows a page to cost its visitors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """What a page may cost at most, in bytes; None: anything.

    `browser` says who downloads it: one that takes `deltas`, one that takes `br`, or one that takes `gzip` alone.
    """

    returning: int | None = None
    first: int | None = None
    browser: str = "br"
    warns: bool = False  # the release goes live anyway

    @property
    def is_set(self) -> bool:
        """Whether anything is limited."""
        return self.returning is not None or self.first is not None
