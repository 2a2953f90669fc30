"""What a bundle of compress takes in, and which of that made it another one than before."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.host.agent.protocol import RECORD
from fab_static.looking.taken_in import imported, rebuilt
from tests.unit.site import NEW, OLD


class Holder:
    """What holds all objects, and counts how often it is asked for some."""

    name = "build1"
    cure = ""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.asked = 0

    def lacks(self, wanted: bytes) -> bytes:
        return b""

    def objects(self, wanted: bytes) -> list[tuple[str, bytes]]:
        self.asked += 1
        return [(raw.hex(), self.kept[raw.hex()]) for raw, _ in RECORD.iter_unpack(wanted)]


@pytest.fixture
def holder() -> Holder:
    return Holder()


@pytest.fixture
def release(holder: Holder) -> Any:
    """Return what makes a release of texts: path -> text."""

    def make(name: str = NEW, bundles: Any = (), **texts: str) -> Any:
        files = {}
        for path, text in texts.items():
            data = text.encode()
            sha256 = hashlib.sha256(data).hexdigest()
            holder.kept[sha256] = data
            files[path] = SimpleNamespace(sha256=sha256, size=len(data))
        return SimpleNamespace(id=name, files=files, bundles=dict(bundles))

    return make


LESS = {
    "shop/site.less": '@import "colours"; @import (reference) "../lib/grid.less"; // @import "no";',
    "shop/colours.less": '@import "ink.less"; @import "missing.less"; @import url(https://a/b.css);',
    "shop/ink.less": '@import "colours";',
    "lib/grid.less": "",
    "no.less": "",
}


def test_what_sheets_import_is_found_however_deep_and_once(holder: Holder, release: Any) -> None:
    deploy: Any = SimpleNamespace(holders=(holder,))
    named = ["shop/site.less", "shop/plain.css"]
    found = imported(deploy, release(**LESS, **{"shop/plain.css": ""}), named)
    assert found == ["shop/colours.less", "lib/grid.less", "shop/ink.less"]
    assert holder.asked == 3  # once for each level, not for each file


def test_sass_looks_for_partials(holder: Holder, release: Any) -> None:
    deploy: Any = SimpleNamespace(holders=(holder,))
    texts = {
        "a/site.scss": "@use \"ink\";\n@forward 'b/grid.scss';\n@use 'sass:math';\n@import \"plain\";",
        "a/_ink.scss": "",
        "a/b/grid.scss": "",
        "a/plain.scss": "",
    }
    found = imported(deploy, release(**texts), ["a/site.scss"])
    assert found == ["a/_ink.scss", "a/b/grid.scss", "a/plain.scss"]


def test_the_files_are_named_that_made_a_bundle_another_one(release: Any) -> None:
    """Its path has a hash in it, so the earlier one is found by the place of its block."""
    at = ("page.html, css 1",)
    old = release(OLD, {"CACHE/old.css": at}, **{"a.less": "1", "b.less": "1", "CACHE/old.css": ""})
    texts = {"a.less": "2", "b.less": "1", "c.less": "1", "CACHE/new.css": ""}
    new = release(NEW, {"CACHE/new.css": at}, **texts)
    files = ["a.less", "b.less", "c.less"]
    told = {"since": OLD, "added": ["c.less"], "changed": ["a.less"], "removed": []}
    assert rebuilt(new, "CACHE/new.css", {OLD: old, NEW: new}, files) == told
    assert rebuilt(old, "CACHE/old.css", {OLD: old, NEW: new}, files) is None  # none is older
    assert rebuilt(new, "a.less", {OLD: old, NEW: new}, files) is None  # no bundle
