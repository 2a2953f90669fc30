from fab_static.plan.diff import Diff
from fab_static.plan.sources import since_collected

HASHED = {
    "css/site.css": "a",
    "css/site.55e7cbb9ba48.css": "a2",
    "css/site.css.gz": "g",
    "css/site.55e7cbb9ba48.css.br": "b",
    "staticfiles.json": "m",
}


def test_names_with_hashes_their_copies_and_their_manifest_were_not_removed():
    """`plan` called 993 names removed of a project with nothing edited."""
    found = since_collected(HASHED, {"css/site.css": "a"}, manifest="staticfiles.json")
    assert found == Diff()


def test_a_storage_that_keeps_names_with_hashes_alone_has_not_lost_the_others():
    kept = {name: HASHED[name] for name in ("css/site.55e7cbb9ba48.css", "staticfiles.json")}
    assert since_collected(kept, {"css/site.css": "a"}, manifest="staticfiles.json") == Diff()


def test_what_came_changed_and_went_is_told():
    now = {"css/site.css": "other", "new.js": "n"}
    before = {**HASHED, "old.js": "o", "old.0123456789ab.js": "o"}
    assert since_collected(before, now, manifest="staticfiles.json") == Diff(
        added=("new.js",), changed=("css/site.css",), removed=("old.0123456789ab.js", "old.js")
    )


def test_a_file_whose_own_name_looks_hashed_is_itself():
    assert since_collected({"a.12345678.js": "a"}, {"a.12345678.js": "a"}, manifest=None) == Diff()
    found = since_collected({"a.12345678.js": "a"}, {}, manifest=None)
    assert found.removed == ("a.12345678.js",)
