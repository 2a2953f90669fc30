"""How sentences are put together, the same everywhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

WARNED = 10  # warnings of one kind; what is one file's fault may be every file's


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: "1 file", "1,132 files"; `many` where an s is not enough."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def first_of(lines: Sequence[str], most: int, count: int | None = None) -> list[str]:
    """Return the first lines, and one that says how many more there are.

    Args:
        lines: all of them, or the first of `count`.
        most: how many are shown.
        count: how many there are; None: as many as `lines`.
    """
    return [*lines[:most], *left_out((len(lines) if count is None else count) - most)]


def indented(lines: Sequence[str], most: int, count: int | None = None) -> str:
    """Return the first lines one below the other, as they stand under an error's first line; as `first_of`."""
    return "\n".join(f"    {line}" for line in first_of(lines, most, count))


def left_out(count: int) -> list[str]:
    """Return the line that says how many more there are; no line where there are no more."""
    return [f"… and {count:,} more"] if count > 0 else []


def some_of(words: Sequence[str], most: int) -> str:
    """Return the first words as a sentence has them: "a, b and 3 more"."""
    left = len(words) - most
    return ", ".join(words[:most]) + (f" and {left:,} more" if left > 0 else "")


def first_line(text: str) -> str:
    """Return the first line of a text; of an empty one, nothing."""
    return next(iter(text.splitlines()), "")


def sized(count: int) -> str:
    """Return a number of bytes in words: 512 B, 4.8 kB."""
    if count < 1000:
        return f"{count} B"
    number = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        number /= 1000
        if number < 999.5 or unit == "TB":
            break
    return f"{number:.1f} {unit}"


def nearest(word: str, known: Iterable[str], *, alike: float = 0.6) -> str | None:
    """Return the known word that was probably meant, or None if none is like it; `alike` is difflib's ratio."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=alike)), None)


def of_unnamed_signers(environment: str) -> str:
    """Return what to do where hosts keep a list of allowed signers, and the inventory names neither it nor a key."""
    return (
        f"hosts keep a list of allowed signers; name it again in inventories/{environment}.yml, with a key of it: "
        "release: {allowed_signers: …, sign_with: …}; or remove allowed_signers from deploy_to on each host, by hand: "
        "docs/archives.md"
    )
