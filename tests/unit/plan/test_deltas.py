"""Which files get a delta, and to what."""

import dataclasses

import pytest

from fab_static.plan.deltas import last_live, pairs, stem, successors, with_deltas
from fab_static.plan.history import Activation
from fab_static.plan.release import Encoded
from tests.releases import file_of, sealed

A, B, C = (f"20261122T17010{n}Z-3f9c1a7b" for n in range(3))
TEXT = "function one() { return 1 }\n" * 200


def text(word):
    return TEXT + word


def wanted(release, *olders, words=None):
    return [(pair.path, pair.held.sha256) for pair in pairs(release, olders, words or {})]


def test_a_changed_file_gets_a_delta_to_what_had_its_name():
    old = sealed({"js/a.js": text("old"), "js/same.js": text("same")}, A, versioned=["js/a.js"])
    new = sealed({"js/a.js": text("new"), "js/same.js": text("same")}, B, versioned=["js/a.js"])
    assert wanted(new, old) == [("js/a.js", file_of(text("old")).sha256)]


def test_the_bytes_of_each_earlier_release_get_one_the_latest_first():
    olders = [
        sealed({"a.js": text(word), "b.css": text(word) * 2}, name, versioned=["a.js", "b.css"])
        for name, word in ((B, "two"), (A, "one"))
    ]
    new = sealed({"a.js": text("new"), "b.css": text("new") * 2}, C, versioned=["a.js", "b.css"])
    assert wanted(new, *olders) == [
        (path, older.files[path].sha256) for older in olders for path in ("b.css", "a.js")
    ]


def test_what_had_the_same_bytes_in_two_releases_gets_one_delta():
    olders = [sealed({"a.js": text("old")}, name, versioned=["a.js"]) for name in (B, A)]
    assert len(wanted(sealed({"a.js": text("new")}, C, versioned=["a.js"]), *olders)) == 1


@pytest.mark.parametrize(
    ("path", "content"),
    [("a.js", "short"), ("a.png", TEXT), ("a.js.map", TEXT), ("a.less", TEXT), ("big.js", "x" * (8 << 20))],
)  # fmt: skip
def test_what_is_small_no_text_asked_for_by_nobody_or_too_large_gets_none(path, content):
    assert wanted(sealed({path: content + "2"}, B), sealed({path: content + "1"}, A)) == []


def test_a_file_that_browsers_ask_for_anew_gets_one_to_itself():
    """Its ETag was the delta's: without this the whole file would come, though it has not changed."""
    old, new = sealed({"a.js": text("old")}, A), sealed({"a.js": text("new")}, B)
    assert wanted(new, old) == [
        ("a.js", old.files["a.js"].sha256), ("a.js", new.files["a.js"].sha256),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("CACHE/css/output.3f9c1a7b2d4e.css", ("CACHE/css/output.", ".css")),
        ("assets/main-BxYz1_-b.js", ("assets/main-", ".js")),
        ("js/app.min.0123456789ab.js", ("js/app.min.", ".js")),
        ("main.abcd1234.chunk.js", ("main.", ".chunk.js")),
        ("my-own-part-DEADBEEF.css", ("my-own-part-", ".css")),
        ("3f9c1a7b2d4e5f60.js", None),
        ("js/app.js", None),
    ],
)
def test_the_stem_of_a_name_is_what_stays_of_it(path, parts):
    assert stem(path) == parts


def names(*paths, **other):
    return sealed({path: text(path) for path in paths}, named=paths, **other)


def test_a_content_named_file_takes_the_place_of_the_one_of_its_stem():
    old, new = names("js/app.0123456789ab.js", name=A), names("js/app.ba9876543210.js", name=B)
    assert successors(old, new) == {"js/app.ba9876543210.js": "js/app.0123456789ab.js"}


def test_only_what_the_record_calls_content_named_does():
    """`report-20261122.js` and `report-20261123.js` are two files."""
    old = sealed({"report-20261122.js": text("1")}, A)
    assert successors(old, sealed({"report-20261123.js": text("2")}, B)) == {}


def test_of_several_bundles_with_one_stem_each_takes_the_place_of_that_of_its_block():
    head, foot = "base.html, css 1", "base.html, css 2"
    old = names("output.000000000001.css", "output.000000000002.css", name=A, bundles={
        "output.000000000001.css": (head,), "output.000000000002.css": (foot,),
    })  # fmt: skip
    new = names("output.000000000003.css", "output.000000000004.css", name=B, bundles={
        "output.000000000003.css": (foot,), "output.000000000004.css": (head,),
    })  # fmt: skip
    assert successors(old, new) == {
        "output.000000000003.css": "output.000000000002.css",
        "output.000000000004.css": "output.000000000001.css",
    }


def test_of_several_chunks_with_one_stem_each_takes_the_place_of_that_of_its_entry():
    old = names("index-aaaaaaa1.js", "index-aaaaaaa2.js", name=A)
    new = names("index-aaaaaaa3.js", "index-aaaaaaa4.js", name=B)
    one, two = frozenset({"src/one/index.js"}), frozenset({"src/two/index.js"})
    assert successors(old, new) == {}, "nobody knows which is which"
    assert successors(
        old,
        new,
        {"index-aaaaaaa1.js": one, "index-aaaaaaa2.js": two},
        {"index-aaaaaaa3.js": two, "index-aaaaaaa4.js": one},
    ) == {"index-aaaaaaa3.js": "index-aaaaaaa2.js", "index-aaaaaaa4.js": "index-aaaaaaa1.js"}


def test_a_bundle_of_another_name_is_no_successor_since_no_browser_offers_the_old_one():
    old = names(
        "css/shop.000000000001.css", name=A, bundles={"css/shop.000000000001.css": ("a, css 1",)}
    )
    new = names(
        "css/cart.000000000002.css", name=B, bundles={"css/cart.000000000002.css": ("a, css 1",)}
    )
    assert successors(old, new) == {}


def test_deltas_are_made_to_the_last_that_were_live_whichever_way():
    record = [Activation(A, 1), Activation(B, 2), Activation(A, 3, rolled_back=B)]
    assert last_live(record, A, [A, B, C], 5) == [A, B]
    assert last_live(record, A, [A, B, C], 1) == [A]
    assert last_live(record, A, [B], 5) == [B], "of a release that no host has, nothing is known"


def test_a_release_has_the_deltas_that_were_found_to_help():
    new = sealed({"a.js": text("new"), "b.js": text("b")}, B)
    sha256, delta = new.files["a.js"].sha256, Encoded("e" * 64, 96)
    made = with_deltas(new, {sha256: {"f" * 64: delta, "0" * 64: None}})
    assert dict(made.files["a.js"].deltas) == {"f" * 64: delta}
    assert dict(made.files["b.js"].deltas) == {}
    assert made.digest == new.digest


def test_a_delta_must_undercut_the_smallest_encoding():
    new = sealed({"a.js": text("new")}, B, versioned=["a.js"])
    file = dataclasses.replace(new.files["a.js"], encodings={"gz": Encoded("e" * 64, 70)})
    new = dataclasses.replace(new, files={"a.js": file})
    assert pairs(new, [sealed({"a.js": text("old")}, A)], {})[0].most == 70
