"""Which images a report shows: what is safe, small and few; tests/unit/report/test_pictures.py shows them."""

from __future__ import annotations

import struct

import pytest

from fab_static.plan.pictures import MOST_BYTES, MOST_EACH, MOST_PICTURES, pictures, pixels, type_of
from tests.releases import sealed

OLD, NEW = "20261121T170102Z-c6411c8e", "20261122T170102Z-40b46b94"


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0"


JPEG = (
    b"\xff\xd8\xff\xe0\0\x04ab"  # a segment of another kind stands before the frame
    b"\xff\xff\xc2\0\x0b\x08\0\x20\0\x30\x01"
)
GIF = b"GIF89a\x30\0\x20\0"
WEBP = {
    "VP8X": b"RIFF\0\0\0\0WEBPVP8X\n\0\0\0\0\0\0\0\x2f\0\0\x1f\0\0",
    "VP8 ": b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x30\0\x20\0",
    "VP8L": b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + (47 | 31 << 14).to_bytes(4, "little"),
}
AVIF = b"\0\0\0\x1cftypavif" + b"....ispe\0\0\0\0" + struct.pack(">II", 48, 32)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (png(48, 32), "image/png"),
        (JPEG, "image/jpeg"),
        (GIF, "image/gif"),
        *((data, "image/webp") for data in WEBP.values()),
        (AVIF, "image/avif"),
    ],
    ids=["png", "jpeg", "gif", *WEBP, "avif"],
)
def test_the_first_bytes_say_what_an_image_is_and_how_large(data: bytes, kind: str) -> None:
    assert type_of(data) == kind
    assert pixels(data) == (48, 32)
    assert type_of(data[:9]) is None  # its sizes are cut off: it may be as large as it likes


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xef\xbb\xbf\n<?xml version='1.0'?>\n<!-- drawn --><!-- by hand -->\n<svg>",
        b"<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'http://www.w3.org/x.dtd'><svg >",
    ],
)
def test_a_drawing_is_an_image_whatever_stands_before_it(data: bytes) -> None:
    assert type_of(data) == "image/svg+xml"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><svg>",
        b"<script>alert(1)</script>",
        b"<svgx>",
        b"<!DOCTYPE svg [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;'>]><svg>&b;</svg>",
        b"<!-- -->" * 10_000 + b"x",  # is refused at once: no comment can be read in two ways
        b"BM......",
        png(0, 32),
        png(100_000, 100_000),
    ],
    ids=["nothing", "page", "script", "word", "entities", "comments", "bmp", "empty", "huge"],
)
def test_what_is_no_image_or_would_fill_the_memory_of_a_browser_is_not_shown(data: bytes) -> None:
    assert type_of(data) is None


def difference(**kinds: list[str]) -> dict[str, list[str]]:
    return {"added": [], "changed": [], "removed": [], **kinds}


def test_images_that_changed_come_first_and_other_files_not_at_all() -> None:
    before = sealed({"a.PNG": "1", "gone.gif": "2", "a.js": "3"}, OLD)
    now = sealed({"a.PNG": "11", "new.svg": "4", "a.js": "33"}, NEW)
    changes = difference(added=["new.svg"], changed=["a.PNG", "a.js"], removed=["gone.gif"])
    assert [
        (one.path, one.kind, one.before is None, one.now is None)
        for one in pictures(changes, before, now)
    ] == [
        ("a.PNG", "changed", False, False),
        ("new.svg", "added", True, False),
        ("gone.gif", "removed", False, True),
    ]
    assert pictures(difference(changed=["a.PNG"]), None, None) == []


def test_they_are_few_and_small_and_together_no_more_than_the_bound() -> None:
    many = {f"{at:02}.png": "x" for at in range(MOST_PICTURES + 5)}
    assert len(pictures(difference(added=list(many)), None, sealed(many, NEW))) == MOST_PICTURES
    sizes = {f"{at}.png": "x" * MOST_EACH for at in range(20)} | {
        "large.png": "x" * (MOST_EACH + 1)
    }
    found = pictures(difference(added=["large.png", *sizes]), None, sealed(sizes, NEW))
    assert "large.png" not in [one.path for one in found]
    assert sum(file.size for one in found for file in one.files) <= MOST_BYTES
    assert len(found) == MOST_BYTES // MOST_EACH
