"""Makes a text's difference to one that the other side has; see differences.py.

What both begin and end with is told first. What is left is cut after each comma: a seal has one line and thousands of
commas, and most of them stand where they stood.
"""

from __future__ import annotations

import re
import zlib
from itertools import accumulate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Sequence

PIECE = re.compile(rb"[^,]*,|[^,]+")
LEAST_RUN = 24  # bytes; shorter ones are said again


def difference(base: bytes, text: bytes) -> bytes:
    """Return what makes the text of the base."""
    head = _alike(base, text)
    tail = _alike(base[head:][::-1], text[head:][::-1])
    told: list[bytes] = []
    new: list[bytes] = []
    for start, length, piece in (
        (0, head, text[:head]),
        *_runs(base[: len(base) - tail], text[: len(text) - tail], head),
        (len(base) - tail, tail, text[len(text) - tail :]),
    ):
        if length < LEAST_RUN:
            new.append(piece)
            continue
        _tell_new(told, new)
        told.append(b"%d %d\n" % (start, length))
    _tell_new(told, new)
    return zlib.compress(b"%d\n" % len(text) + b"".join(told), 9)


def _alike(one: Sequence[object], other: Sequence[object], at: int = 0, there: int = 0) -> int:
    """Return how many bytes, or pieces, are the same in both from these places on.

    Slices are compared, which Python does at once, and not one after the other.
    """
    alike, step, most = 0, 1, min(len(one) - at, len(other) - there)
    while alike < most and step:
        end = min(most, alike + step)
        if one[at + alike : at + end] == other[there + alike : there + end]:
            alike, step = end, 2 * step
        else:
            most, step = end - 1, step // 2
    return alike


def _runs(base: bytes, text: bytes, head: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield the text behind its head in runs: where each stands in the base, how long it is, and its bytes.

    0 bytes: it is new.
    """
    known, wanted = PIECE.findall(base[head:]), PIECE.findall(text[head:])
    # of a piece, its last place: an early one would be taken for any `"size":1,`
    places = dict(zip(known, range(len(known))))
    starts = [*accumulate(map(len, known), initial=head)]
    at, following = 0, 0  # the piece of the base after the last run
    while at < len(wanted):
        first = following
        if known[first : first + 1] != [wanted[at]]:
            first = places.get(wanted[at], -1)
        if first < 0:
            yield 0, 0, wanted[at]
            at += 1
            continue
        length = _alike(known, wanted, first, at)
        following = first + length
        yield starts[first], starts[following] - starts[first], b"".join(wanted[at : at + length])
        at += length


def _tell_new(told: list[bytes], new: list[bytes]) -> None:
    if new:
        data = b"".join(new)
        told.append(b"%d\n" % len(data) + data)
        new.clear()
