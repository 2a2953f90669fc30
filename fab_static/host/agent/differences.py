"""Says a text as its difference to one that the other side has: runs of that one, and what is new.

Texts are cut after each comma. A seal has one line and thousands of commas, and most of them stand where they stood.
"""

from __future__ import annotations

import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

CUT = b","
LEAST_RUN = 24  # bytes; shorter ones are said again


def difference(base: bytes, text: bytes) -> bytes:
    """Return what makes the text of the base."""
    told: list[bytes] = []
    new: list[bytes] = []
    for start, length, piece in _runs(_pieces(base), _pieces(text)):
        if length < LEAST_RUN:
            new.append(piece)
            continue
        _tell_new(told, new)
        told.append(b"%d %d\n" % (start, length))
    _tell_new(told, new)
    return zlib.compress(b"%d\n" % len(text) + b"".join(told), 9)


def patched(base: bytes, told: bytes, most: int) -> bytes:
    """Return the text that a difference makes of the base.

    Raises:
        ValueError: it is not a difference, or makes more than `most` bytes.
    """
    inflating = zlib.decompressobj()
    try:
        told = inflating.decompress(told, most + 1)
        size, at = _number(told, 0)
        text = bytearray()
        while at < len(told):
            start, at = _number(told, at, b" \n")
            if told[at - 1 : at] == b"\n":  # so many new bytes follow
                text += told[at : at + start]
                at += start
            else:
                length, at = _number(told, at)
                text += base[start : start + length]
            if len(text) > min(size, most):
                raise ValueError("a difference that makes more than it says")
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(text) != size:
        raise ValueError("a difference that makes less than it says")
    return bytes(text)


def _pieces(text: bytes) -> list[bytes]:
    *pieces, last = text.split(CUT)
    return [piece + CUT for piece in pieces] + [last]


def _runs(base: list[bytes], text: list[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Yield the text in runs: where each stands in the base, how long it is, and its bytes; 0 bytes: it is new."""
    places: dict[
        bytes, int
    ] = {}  # of a piece, its last place: an early one would be taken for any `"size":1,`
    starts = [0]
    for number, piece in enumerate(base):
        places[piece] = number
        starts.append(starts[-1] + len(piece))
    at, following = 0, 0  # the piece of the base after the last run
    while at < len(text):
        first = following if base[following : following + 1] == [text[at]] else places.get(text[at])
        if first is None:
            yield 0, 0, text[at]
            at += 1
            continue
        length = 1
        while (
            text[at + length : at + length + 1] == base[first + length : first + length + 1] != []
        ):
            length += 1
        following = first + length
        yield starts[first], starts[following] - starts[first], b"".join(text[at : at + length])
        at += length


def _tell_new(told: list[bytes], new: list[bytes]) -> None:
    if new:
        data = b"".join(new)
        told.append(b"%d\n" % len(data) + data)
        new.clear()


def _number(told: bytes, at: int, ends: bytes = b"\n") -> tuple[int, int]:
    """Return the number that stands here, and where the next thing begins."""
    end = at
    while end < len(told) and told[end : end + 1] not in (ends[:1], ends[-1:]):
        end += 1
    return int(told[at:end] or b"x"), end + 1
