from dataclasses import replace

import pytest

from fab_static.plan import diff, offline_manifest
from fab_static.plan.copies import copies_among, original
from fab_static.plan.release import File
from fab_static.plan.seal import from_json
from tests.unit.plan.test_release import a_release

CSS = "CACHE/css/output.3f9c1a7b2d4e.css"


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("site.css.gz", "site.css"),
        ("site.css.br", "site.css"),
        ("site.css.zst", "site.css"),
        ("site.css.gz.br", "site.css.gz"),
        ("data.csv.gz", None),  # alone: an ordinary file
        ("site.css", None),
        ("site.css.map", None),
        (".gz", None),
        ("gz", None),
    ],
)
def test_a_copy_is_what_stands_beside_its_file(path: str, file: str | None) -> None:
    files = {"site.css", "site.css.gz", "site.css.br", "site.css.map", "data.csv.gz"}
    assert original(path, files) == file


def test_copies_are_named_with_their_ending_and_their_file() -> None:
    assert copies_among({"b.js": 1, "b.js.zst": 1, "b.js.br": 1, "c.gz": 1}) == [
        ("br", "b.js.br", "b.js"),
        ("zst", "b.js.zst", "b.js"),
    ]


def with_copy(sha256: str, **more: object):  # type: ignore[no-untyped-def]
    release = a_release()
    files = {**release.files, "a.css": File("1" * 64, 9, "1111111")}
    files["a.css.gz"] = File(sha256, 5, sha256[:7])
    return replace(release, files=files, copies=frozenset({"a.css.gz"}), **more)


def test_two_builds_that_differ_in_their_copies_alone_have_the_same_digest() -> None:
    """Gzip notes the time: else the same source gives another release at every build (build A4)."""
    first, second = with_copy("2" * 64), with_copy("3" * 64)
    assert first.digest == second.digest
    assert diff.compare(first, second) == diff.Diff()
    assert diff.unversioned_changes(first, second) == ()
    assert replace(first, copies=frozenset()).digest != first.digest


def test_a_seal_keeps_which_files_are_copies() -> None:
    release = with_copy("2" * 64)
    read = from_json(release.to_json(), where="edge1")
    assert read.copies == {"a.css.gz"}
    assert read.digest == release.digest
    assert set(read.files) == set(release.files)


def test_a_seal_of_an_earlier_version_has_no_copies_and_its_own_digest() -> None:
    release = replace(with_copy("2" * 64), copies=frozenset())
    text = release.to_json().replace('"copies":[],', "")
    assert '"copies"' not in text
    assert from_json(text, where="edge1").digest == release.digest


def test_a_copy_of_what_compress_wrote_promises_nothing() -> None:
    """A promise to keep its bytes made every later build fail (build A4)."""
    after = {name: name for name in (CSS, f"{CSS}.gz", f"{CSS}.br", "old.0123456789ab.gz")}
    assert offline_manifest.content_named(after, {}) == (CSS, "old.0123456789ab.gz")
