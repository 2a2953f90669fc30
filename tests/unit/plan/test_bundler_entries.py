"""What templates ask the manifests of bundlers for, and what pages would miss."""

from __future__ import annotations

from typing import Any

import pytest

from fab_static.plan.bundler_entries import is_let_be, missed, of_own_reader, shown
from fab_static.plan.wire.questions import EntryUse

VITE = {
    "src/main.ts": {"file": "assets/main-1a.js", "name": "main"},
    "_shared.js": {"file": "assets/shared-2b.js", "name": "shared"},
    "vite/legacy-polyfills": {"file": "assets/polyfills-3c.js"},
}
TRACKED = {
    "status": "done",
    "chunks": {"main": ["main.1a.js"], "cart": ["cart.2b.js"]},
    "assets": {"logo.3c.svg": {"name": "logo.3c.svg", "sourceFilename": "src/logo.svg"}},
}
FLAT = {"main.js": "main.1a.js", "css/main.css": "css/main.2b.css"}
FILES = {"dist/logo.3c.svg", "js/plain.js"}


def use(name: str, lookup: str, tag: str = "vite_asset") -> EntryUse:
    return {
        "template": "shop/page.html",
        "is_own": True,
        "line": 3,
        "tag": tag,
        "name": name,
        "reader": "",
        "lookup": lookup,
        "manifest": None,
        "config": "",
    }


@pytest.mark.parametrize(
    ("manifest", "lookup", "name", "what"),
    [
        (VITE, "named entry", "src/main.ts", None),
        (VITE, "named entry", "main", None),
        (VITE, "entry", "main", "no entry 'main'; it has _shared.js, src/main.ts, vite/leg"),
        (VITE, "named entry", "src/mian.ts", "no entry 'src/mian.ts'; the nearest is 'src/main.ts'"),
        (VITE, "polyfills", "legacy-polyfills", None),
        ({}, "polyfills", "legacy-polyfills", "no entry 'legacy-polyfills'; it has none"),
        (TRACKED, "entry", "main", None),
        (TRACKED, "entry", "mian", "no entry 'mian'; the nearest is 'main'"),
        (TRACKED, "entry", "status", "no entry 'status'; it has cart, main"),
        (TRACKED, "source", "src/logo.svg", None),
        (TRACKED, "source", "src/loge.svg", "no entry 'src/loge.svg'; the nearest is 'src/logo.svg'"),
        (TRACKED, "file", "dist/logo.3c.svg", None),
        ({**TRACKED, "publicPath": "auto"}, "file", "dist/logo.3c.svg", None),
        ({**TRACKED, "publicPath": "/static/dist/"}, "file", "logo.3c.svg", None),
        (TRACKED, "file", "lost.3c.svg", "no file 'lost.3c.svg'; the nearest is 'logo.3c.svg'"),
        ({**TRACKED, "publicPath": "/static/js/"}, "file", "plain.js", None),
        ({**TRACKED, "publicPath": "https://cdn.example.net/"}, "file", "any.js", None),
        (FLAT, "entry or file", "main.js", None),
        (FLAT, "entry or file", "js/plain.js", None),
        (FLAT, "entry or file", "https://example.net/x.js", None),
        (FLAT, "entry or file", "mian.js", "no entry 'mian.js'; the nearest is 'main.js'"),
        (FLAT, "pattern", "css/*.css", None),
        (FLAT, "pattern", "*.png", "no entry '*.png'; it has css/main.css, main.js"),
        ({}, "nothing", "", None),
    ],
)  # fmt: skip
def test_a_tag_finds_what_its_loader_would(
    manifest: Any, lookup: str, name: str, what: str | None
) -> None:
    found = missed(use(name, lookup), manifest, FILES, static_url="/static/", folders=["dist"])
    assert (found or "").startswith(what or "")
    assert (found is None) == (what is None)


@pytest.mark.parametrize(
    ("tag", "read"),
    [
        ("js_entry", ["/hq/webpack/_build/manifest.json"]),
        ("webpack_main_b3", ["/hq/webpack/_build/manifest_b3.json"]),
    ],
)
def test_commcares_tags_of_bootstrap_3_have_a_manifest_of_their_own(
    tag: str, read: list[str]
) -> None:
    paths = ["/hq/webpack/_build/manifest.json", "/hq/webpack/_build/manifest_b3.json"]
    assert of_own_reader(use("x", "entry", tag), paths) == read


def test_the_inventory_lets_entries_be_by_their_names() -> None:
    patterns = ["dev/*", "tour"]
    named = ("dev/panel.ts", "tour", "tours")
    assert [is_let_be(use(name, "entry"), patterns) for name in named] == [True, True, False]


def test_a_tag_is_shown_as_it_is_written() -> None:
    assert (
        shown(use("a.ts", "entry"), "wrong") == "shop/page.html:3: {% vite_asset 'a.ts' %}: wrong"
    )
    assert shown(use("", "config", "vite_hmr_client"), "wrong").endswith(
        "{% vite_hmr_client %}: wrong"
    )
