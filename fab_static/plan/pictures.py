"""Decides which images a report shows, before and after: of safe types, few, small, and no larger than a screen.

What an image is, its first bytes say. Its name only says where to look: a page that calls itself .png is not an image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import Literal

from fab_static.plan.release import File, Release

MOST_PICTURES = 24  # files
MOST_EACH = 128_000  # bytes of one image
MOST_BYTES = 1_000_000  # of all of them together
MOST_PIXELS = 4096 * 4096  # a few kB may unpack to gigabytes in the browser
ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg")
KINDS: tuple[Literal["changed", "added", "removed"], ...] = ("changed", "added", "removed")
# what may stand before <svg>; a DOCTYPE with [ defines entities, which may unpack to gigabytes
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*"
    rb"(?:(?:<\?xml[^>]*>|<!--(?:(?!-->).)*-->|<!DOCTYPE[^>\[]*>)\s*)*<svg[\s>]",
    re.DOTALL,
)


@dataclass(frozen=True)
class Picture:
    """An image that differs between two releases; None on a side where it is not, or is too large."""

    path: str
    kind: str  # changed, added or removed
    before: File | None
    now: File | None

    @property
    def files(self) -> Iterator[File]:
        """The files that must be read for it."""
        yield from (file for file in (self.before, self.now) if file)


def pictures(
    difference: Mapping[str, Sequence[str]], before: Release | None, now: Release | None
) -> list[Picture]:
    """Return the images among the paths that differ, by kind: those that changed first, within the bounds."""
    paths = ((path, kind) for kind in KINDS for path in difference[kind])
    found = (
        Picture(path, kind, _small(before, path), _small(now, path))
        for path, kind in paths
        if PurePosixPath(path).suffix.lower() in ENDINGS
    )
    return list(_within(islice((one for one in found if any(one.files)), MOST_PICTURES)))


def _small(release: Release | None, path: str) -> File | None:
    file = release.files.get(path) if release else None
    return file if file and 0 < file.size <= MOST_EACH else None


def _within(found: Iterable[Picture]) -> Iterator[Picture]:
    left = MOST_BYTES
    for one in found:
        size = sum(file.size for file in one.files)
        if size <= left:
            left -= size
            yield one


def type_of(data: bytes) -> str | None:
    """Return the content type of an image by its bytes; None for other files, and for what would be huge on a screen."""
    kind = _type_of(data)
    if kind is None or kind == "image/svg+xml":
        return kind
    sizes = pixels(data)
    return kind if sizes and 0 < sizes[0] * sizes[1] <= MOST_PIXELS else None


def _type_of(data: bytes) -> str | None:
    for kind, begins in (
        ("image/png", data.startswith(b"\x89PNG\r\n\x1a\n")),
        ("image/jpeg", data.startswith(b"\xff\xd8\xff")),
        ("image/gif", data[:6] in (b"GIF87a", b"GIF89a")),
        ("image/webp", data[:4] == b"RIFF" and data[8:12] == b"WEBP"),
        ("image/avif", data[4:12] in (b"ftypavif", b"ftypavis")),
        ("image/svg+xml", _SVG.match(data) is not None),
    ):
        if begins:
            return kind
    return None


def pixels(data: bytes) -> tuple[int, int] | None:
    """Return the width and the height of an image, or None if its head does not say them."""
    kind = _type_of(data)
    if kind == "image/png":
        return _numbers(data, 16, 4, "big")
    if kind == "image/gif":
        return _numbers(data, 6, 2, "little")
    if kind == "image/jpeg":
        return _of_jpeg(data)
    if kind == "image/webp":
        return _of_webp(data)
    if kind == "image/avif":
        at = data.find(b"ispe")  # ISO/IEC 23008-12, 6.5.3: version and flags, then both numbers
        return _numbers(data, at + 8, 4, "big") if at > 0 else None
    return None


def _numbers(
    data: bytes, at: int, size: int, order: Literal["big", "little"]
) -> tuple[int, int] | None:
    if len(data) < at + 2 * size:
        return None
    first, second = data[at : at + size], data[at + size : at + 2 * size]
    return int.from_bytes(first, order), int.from_bytes(second, order)


def _of_jpeg(data: bytes) -> tuple[int, int] | None:
    """Return the sizes of the first frame (ITU T.81, B.2.2): the markers before it are passed over."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            sizes = _numbers(data, at + 5, 2, "big")
            return sizes and (sizes[1], sizes[0])
        is_filling = marker == 0xFF
        at += 1 if is_filling else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _of_webp(data: bytes) -> tuple[int, int] | None:
    """Return the sizes as RFC 9649 has them, for each of the three kinds."""
    if data[12:16] == b"VP8X" and len(data) >= 30:
        width, height = data[24:27], data[27:30]
        return 1 + int.from_bytes(width, "little"), 1 + int.from_bytes(height, "little")
    if data[12:16] == b"VP8 ":
        sizes = _numbers(data, 26, 2, "little")
        return sizes and (sizes[0] & 0x3FFF, sizes[1] & 0x3FFF)
    if data[12:16] == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None
