"""Which files pages name; asking them is tested in looking/test_downloads.py."""

from __future__ import annotations

from fab_static.phases.run.pages import assets, named_by
from tests.releases import sealed


def test_scripts_stylesheets_and_images_count_and_links_to_other_pages_do_not() -> None:
    html = """<script src="a.js"></script><link rel="stylesheet" href="/b.css"><img src="//c/d.png">
    <link rel="preload" as="font" href="e.woff2"><a href="f.html">f</a><link rel="canonical" href="/g">"""
    assert assets("https://shop.example.com/x/", html) == {
        "https://shop.example.com/x/a.js": False,
        "https://shop.example.com/b.css": False,
        "https://c/d.png": True,
        "https://shop.example.com/x/e.woff2": False,
    }


def test_without_pages_nobody_is_asked() -> None:
    assert named_by([], sealed({}), 1) == {}
