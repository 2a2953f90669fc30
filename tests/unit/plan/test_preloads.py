"""Preloads: which files an entry needs at once, and how browsers are told."""

from __future__ import annotations

import pytest

from fab_static.plan.preloads import in_order, of_manifest, of_vite, preload_of

VITE = {
    "src/main.ts": {
        "file": "assets/main.1a.js",
        "name": "main",
        "imports": ["_shared.js"],
        "dynamicImports": ["src/lazy.ts"],
        "css": ["assets/main.2b.css"],
        "assets": ["assets/inter.3c.woff2", "assets/logo.4d.png"],
    },
    "_shared.js": {
        "file": "assets/shared.5e.js",
        "imports": ["src/main.ts"],  # a circle
        "css": ["assets/shared.6f.css"],
    },
    "src/lazy.ts": {"file": "assets/lazy.7a.js"},
}


def test_a_vite_entry_needs_what_it_imports_and_not_what_it_loads_later() -> None:
    found = of_vite(VITE, "src/main.ts")
    assert found == [
        "assets/main.1a.js",
        "assets/main.2b.css",
        "assets/inter.3c.woff2",
        "assets/shared.5e.js",
        "assets/shared.6f.css",
    ]
    assert of_vite(VITE, "main") == found
    assert of_vite(VITE, "other") is None


@pytest.mark.parametrize(
    ("manifest", "files"),
    [
        ({"entrypoints": {"main": {"assets": {"js": ["a.js"], "css": ["a.css"]}}}}, ["a.css", "a.js"]),
        ({"entrypoints": {"main": {"js": ["/a.js", "/a.js"], "css": ["/a.css"]}}}, ["/a.css", "/a.js"]),
        ({"entrypoints": {"main": ["runtime.js", "a.js"]}, "a.js": "x.js"}, ["runtime.js", "a.js"]),
        ({"main": ["vendor.js", "a.js", "a.css"]}, ["vendor.js", "a.js", "a.css"]),
        ({"main.js": "main.1a.js", "main.css": {"src": "main.2b.css"}}, ["main.2b.css", "main.1a.js"]),
        ({"main": {"file": "a.js"}}, ["a.js"]),
    ],
)  # fmt: skip
def test_manifests_of_webpack_are_read_in_every_form(manifest: dict[str, object], files: list[str]) -> None:  # fmt: skip
    assert of_manifest(manifest, "main") == files
    assert of_manifest(manifest, "other") is None


@pytest.mark.parametrize(
    ("url", "html"),
    [
        ("/s/a.css?version=1a2b3c4", '<link rel="preload" href="/s/a.css?version=1a2b3c4" as="style" type="text/css">'),
        ("/s/a.js", '<link rel="preload" href="/s/a.js" as="script" type="text/javascript">'),
        ("/s/a.woff2?v=1&x", '<link rel="preload" href="/s/a.woff2?v=1&amp;x" as="font" type="font/woff2" crossorigin="anonymous">'),
        ("/s/a.jpg", '<link rel="preload" href="/s/a.jpg" as="image" type="image/jpeg">'),
    ],
)  # fmt: skip
def test_a_preload_says_its_kind_and_asks_for_leave_where_browsers_want_it(
    url: str, html: str
) -> None:
    preload = preload_of(url)
    assert preload is not None
    assert preload.html() == html


def test_modules_are_preloaded_as_modules_and_their_css_is_not() -> None:
    script, style = (preload_of(url, is_module=True) for url in ("/s/a.js", "/s/a.css"))
    assert script
    assert style
    assert script.header() == (
        '</s/a.js>; rel=modulepreload; as=script; type="text/javascript"; crossorigin="anonymous"'
    )
    assert style.header() == '</s/a.css>; rel=preload; as=style; type="text/css"'


def test_a_header_has_no_character_that_ends_it_early() -> None:
    preload = preload_of('/s/ä b>".js')
    assert preload
    assert preload.header().startswith("</s/%C3%A4%20b%3E%22.js>; rel=preload")


def test_source_maps_are_not_preloaded() -> None:
    assert preload_of("/s/a.js.map") is None


def test_each_url_comes_once_stylesheets_first() -> None:
    urls = ["/a.js", "/b.css", "/f.woff2", "/a.js", "/c.css", "/x.map"]
    found = in_order(map(preload_of, urls))
    assert [one.url for one in found] == ["/b.css", "/c.css", "/f.woff2", "/a.js"]
