"""Reads a text that is told as its difference to one that is here: runs of that one, and what is new."""

from __future__ import annotations

import zlib


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


def _number(told: bytes, at: int, ends: bytes = b"\n") -> tuple[int, int]:
    """Return the number that stands here, and where the next thing begins."""
    end = at
    while end < len(told) and told[end : end + 1] not in (ends[:1], ends[-1:]):
        end += 1
    return int(told[at:end] or b"x"), end + 1
