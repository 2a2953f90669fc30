"""Images in the report; tests/unit/plan/test_pictures.py says which ones."""

from __future__ import annotations

import base64

from fab_static.plan.pictures import Picture
from fab_static.plan.release import File
from fab_static.report.html import More, report
from fab_static.report.pictures import Pictures
from tests.unit.plan.test_pictures import png
from tests.unit.report.test_html import SUMMARY, Page

DRAWING = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def file(digit: str, data: bytes) -> File:
    return File(digit * 64, len(data), "1234567")


def shown(*pictures: Picture, **data: bytes) -> Page:
    found = Pictures(pictures, {name.removeprefix("_") * 64: one for name, one in data.items()})
    return Page(report(SUMMARY, More((), found)))


def test_an_image_is_shown_as_it_was_and_as_it_is() -> None:
    old, new = png(48, 32), png(96, 64)
    page = shown(Picture("img/logo.png", "changed", file("a", old), file("b", new)), _a=old, _b=new)
    images = [given for tag, given in page.tags if tag == "img"]
    assert [one["alt"] for one in images] == ["img/logo.png, before", "img/logo.png, now"]
    assert images[1]["src"] == f"data:image/png;base64,{base64.b64encode(new).decode()}"
    assert "now: 96 by 64, 29\u00a0B" in page.text


def test_a_drawing_is_never_part_of_the_page_where_it_could_run_scripts() -> None:
    page = shown(Picture("a.svg", "added", None, file("a", DRAWING)), _a=DRAWING)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 3  # those of the report
    (image,) = (given for tag, given in page.tags if tag == "img")
    assert image["src"].startswith("data:image/svg+xml;base64,")


def test_what_is_no_image_and_what_could_not_be_read_is_left_out() -> None:
    page = shown(
        Picture("a.png", "added", None, file("a", b"<script>")),
        Picture("b.png", "added", None, file("b", png(1, 1))),
        _a=b"<script>",
    )
    assert "img" not in [tag for tag, _ in page.tags]
    assert "Images that changed" not in page.text


def test_a_name_from_outside_stays_text() -> None:
    image = png(1, 1)
    evil = '"><script>x()</script>.png'
    page = shown(Picture(evil, "added", None, file("a", image)), _a=image)
    assert [tag for tag, _ in page.tags].count("script") == 3
    assert evil in page.text
