import pytest

from fab_static.plan.diff import Diff
from fab_static.plan.sources import NotHeld, is_for_visitors, not_held, since_collected

COLLECTED = {
    "css/site.css": "a",
    "css/site.55e7cbb9ba48.css": "a2",
    "css/site.css.gz": "g",
    "css/site.55e7cbb9ba48.css.br": "b",
    "staticfiles.json": "m",
}
HASHED = {"css/site.css": "css/site.55e7cbb9ba48.css"}


def since(collected, now, hashed=HASHED):
    return since_collected(collected, now, hashed=hashed, manifest="staticfiles.json")


def test_names_with_hashes_their_copies_and_their_manifest_were_not_removed():
    """`plan` called 993 names removed of a project with nothing edited."""
    assert since(COLLECTED, {"css/site.css": "a"}) == Diff()


def test_a_storage_that_keeps_names_with_hashes_alone_has_not_lost_the_others():
    kept = {name: COLLECTED[name] for name in ("css/site.55e7cbb9ba48.css", "staticfiles.json")}
    assert since(kept, {"css/site.css": "a"}) == Diff()
    kept["css/site.55e7cbb9ba48.css.br"] = "b"
    assert since(kept, {"css/site.css": "a"}) == Diff()


def test_what_came_changed_and_went_is_told():
    now = {"css/site.css": "other", "new.js": "n"}
    before = {**COLLECTED, "old.js": "o", "old.0123456789ab.js": "o"}
    hashed = {**HASHED, "old.js": "old.0123456789ab.js"}
    assert since(before, now, hashed) == Diff(
        added=("new.js",), changed=("css/site.css",), removed=("old.0123456789ab.js", "old.js")
    )


@pytest.mark.parametrize("name", ["js/lib.20231122.js", "js/lib.0123456789ab.js"])
def test_a_name_that_only_looks_hashed_is_itself(name):
    """(build A7) A date was taken for a hash: a new source js/lib.js was not shown."""
    assert since({name: "a"}, {name: "a"}) == Diff()
    assert since({name: "a"}, {name: "a", "js/lib.js": "b"}) == Diff(added=("js/lib.js",))
    assert since({name: "a"}, {}) == Diff(removed=(name,))
    assert since({name: "a"}, {"js/lib.js": "b"}) == Diff(added=("js/lib.js",), removed=(name,))


def test_a_source_whose_name_ends_as_a_copy_does_is_itself():
    assert since({"data.tar.gz": "a"}, {"data.tar.gz": "a", "data.tar": "b"}) == Diff(
        added=("data.tar",)
    )
    assert since({"data.tar.gz": "a"}, {}) == Diff(removed=("data.tar.gz",))


def held(now, collected, last, **more):
    usual = {"hashed": {}, "left_out": (), "keeps_bytes": True}
    return not_held(now, collected=collected, last=last, **{**usual, **more})


A = {"a.js": "1"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (held(A, A, A), NotHeld()),
        (held(A, A, {}), NotHeld(removed=("a.js",))),
        (held(A, {}, {}), NotHeld(late=("a.js",))),
        (held(A, {}, {}, left_out=["a.js"]), NotHeld()),
        (held(A, {}, {"a.js": "other"}), NotHeld()),  # a phase made it, of whatever
        (held({"a.js": "2"}, A, A), NotHeld(late=("a.js",))),
        (held({"a.js": "2"}, A, {"a.js": "2"}), NotHeld()),
        (held({"a.js": "2"}, A, A, keeps_bytes=False), NotHeld()),
        (held(A, A, {"a.js": "3"}), NotHeld()),  # a later phase worked on the copy
        (held({}, A, A), NotHeld()),
        (held(A, A, {"a.1.js": "1"}, hashed={"a.js": "a.1.js"}), NotHeld()),
        (held(A, {"a.1.js": "1"}, {}, hashed={"a.js": "a.1.js"}), NotHeld(removed=("a.js",))),
    ],
)
def test_a_release_is_held_to_the_sources_as_they_are(found, expected):
    assert found == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("catalogues/de.js", True),
        ("build/logo.SVG", True),
        ("var/cache.pickle", False),
        ("logs/build.log", False),
        ("shop/__pycache__/x.js", False),
        (".cache/x.js", False),
        ("node_modules/.cache/x.css", False),
        ("NOTES.txt", False),
    ],
)
def test_logs_and_caches_are_not_for_visitors(path, expected):
    assert is_for_visitors(path) is expected
