"""What visitors download: arithmetic over two releases and the files of each page."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.plan.budget import Budget
from fab_static.plan.deltas import successors
from fab_static.plan.downloads import (
    Visit,
    downloads,
    of_pages_before,
    of_templates,
    over,
    point,
)
from fab_static.plan.release import Encoded, File, Release
from tests.releases import sealed


def file_of(data: str, *, br: int | None = None, held: dict[str, int] | None = None) -> File:
    """Return a file of 1,000 bytes, with gzip of 500, and with deltas to other data."""
    encodings = {"gz": Encoded("g", 500), **({"br": Encoded("b", br)} if br else {})}
    deltas = {digest(one): Encoded("d", size) for one, size in (held or {}).items()}
    return File(digest(data), 1000, digest(data)[:7], encodings, deltas)


def digest(data: str) -> str:
    return sha256(data.encode()).hexdigest()


def released(name: str, files: dict[str, File], **more: object) -> Release:
    versions = {path: file.version for path, file in files.items() if path.endswith(".js")}
    return replace(sealed({}, name), files=files, versions=versions, **more)  # type: ignore[arg-type]


OLD = released(
    "20261121T170102Z-c6411c8e",
    {
        "a.js": file_of("a1"),
        "b.js": file_of("b1"),
        "CACHE/output.aaaaaaaaaaaa.js": file_of("c1"),
        "logo.png": file_of("logo"),
    },
    named=("CACHE/output.aaaaaaaaaaaa.js",),
    bundles={"CACHE/output.aaaaaaaaaaaa.js": ("shop/base.html, js 1",)},
)
NEW = released(
    "20261122T170102Z-40b46b94",
    {
        "a.js": file_of("a2", br=400, held={"a1": 30}),
        "b.js": file_of("b1", br=400),
        "CACHE/output.bbbbbbbbbbbb.js": file_of("c2", br=450, held={"c1": 20}),
        "logo.png": file_of("logo"),
        "new.js": file_of("n", br=100),
    },
    named=("CACHE/output.bbbbbbbbbbbb.js",),
    bundles={"CACHE/output.bbbbbbbbbbbb.js": ("shop/base.html, js 1", "shop/cart.html, js 1")},
)
BEFORE = successors(OLD, NEW)
BUNDLE = "CACHE/output.bbbbbbbbbbbb.js"


def cost(*paths: str, old: Release | None = OLD, held: set[str] | None = None) -> tuple[object, object]:  # fmt: skip
    visit = Visit("page", "page", paths, held)
    (page,) = downloads(old, NEW, BEFORE if old else {}, [visit], expected=False)["pages"]
    return page["returning"], page["first"]


def test_what_did_not_change_costs_a_returning_visitor_nothing() -> None:
    nothing = {"deltas": 0, "br": 0, "gzip": 0}
    assert cost("b.js", "logo.png") == (nothing, {"deltas": 900, "br": 900, "gzip": 1000})


def test_a_changed_file_costs_its_delta_or_its_smallest_form() -> None:
    assert cost("a.js")[0] == {"deltas": 30, "br": 400, "gzip": 500}


def test_a_bundle_with_another_name_takes_the_place_of_the_one_before() -> None:
    assert cost(BUNDLE)[0] == {"deltas": 20, "br": 450, "gzip": 500}


def test_a_file_that_the_visitor_does_not_hold_costs_all_of_it() -> None:
    assert cost("new.js")[0] == {"deltas": 100, "br": 100, "gzip": 500}
    assert cost("a.js", held={"b.js"})[0] == {"deltas": 400, "br": 400, "gzip": 500}


def test_the_same_bytes_at_another_url_are_downloaded() -> None:
    """A version that a page did not print before makes another URL."""
    old = replace(OLD, versions={})
    assert cost("b.js", old=old)[0] == {"deltas": 400, "br": 400, "gzip": 500}


def test_before_the_first_release_there_is_no_returning_visitor() -> None:
    assert cost("a.js", old=None) == (None, {"deltas": 400, "br": 400, "gzip": 500})


def test_a_path_that_the_release_has_not_costs_nothing() -> None:
    assert cost("gone.js", "a.js", "a.js")[1] == cost("a.js")[1]


def test_pages_that_were_asked_before_the_flip_are_read_with_what_takes_each_files_place() -> None:
    named = {"https://shop/": frozenset({"a.js", "CACHE/output.aaaaaaaaaaaa.js"})}
    (visit,) = of_pages_before(named, BEFORE)
    assert visit == Visit("https://shop/", "page", {"a.js", BUNDLE}, named["https://shop/"])


def test_without_pages_the_blocks_of_templates_count() -> None:
    assert of_templates(NEW) == [
        Visit("shop/base.html", "template", {BUNDLE}),
        Visit("shop/cart.html", "template", {BUNDLE}),
    ]


PAGES = [Visit("/", "page", ["a.js", BUNDLE]), Visit("/cart", "page", ["b.js", "new.js"])]
FOUND = downloads(OLD, NEW, BEFORE, PAGES, expected=True)


def test_what_is_over_the_budget_is_told_with_its_dearest_files() -> None:
    assert over(FOUND, Budget(returning=200, first=840)) == [
        f"/: a returning visitor downloads 850 B, and budget.returning allows 200 B: {BUNDLE} 450 B, a.js 400 B",
        "/: a first visit downloads 850 B, and budget.first allows 840 B",
    ]
    assert over(FOUND, Budget(returning=850, first=850)) == []
    assert over(FOUND, Budget(returning=200, browser="deltas")) == []
    assert over(FOUND, Budget()) == []


def test_a_point_of_the_line_is_the_dearest_page() -> None:
    assert point(FOUND, "2026-11-22T17:01:02Z") == {
        "release": NEW.id,
        "at": "2026-11-22T17:01:02Z",
        "returning": {"deltas": 100, "br": 850, "gzip": 1000},
        "first": {"deltas": 850, "br": 850, "gzip": 1000},
    }
    assert point(downloads(OLD, NEW, BEFORE, [], expected=False), "x") is None


@given(st.sets(st.sampled_from(sorted(NEW.files))), st.sets(st.sampled_from(sorted(OLD.files))))
def test_nobody_pays_more_for_coming_back_or_for_a_better_browser(
    now: set[str], held: set[str]
) -> None:
    visit = Visit("page", "page", now, held)
    (page,) = downloads(OLD, NEW, BEFORE, [visit], expected=False)["pages"]
    back, first = page["returning"], page["first"]
    assert back is not None
    for one in (back, first):
        assert one["deltas"] <= one["br"] <= one["gzip"]
    assert back["gzip"] <= first["gzip"]
    assert back["br"] == sum(part["br"] for part in page["files"])


@pytest.mark.parametrize("visits", [[], [Visit("/", "page", [])]])
def test_pages_without_files_are_no_error(visits: list[Visit]) -> None:
    assert over(downloads(OLD, NEW, BEFORE, visits, expected=True), Budget(1, 1)) == []
