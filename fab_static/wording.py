"""How sentences are put together, the same everywhere."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: "1 file", "1,132 files"; `many` where an s is not enough."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def first_line(text: str) -> str:
    """Return the first line of a text; of an empty one, nothing."""
    return next(iter(text.splitlines()), "")
