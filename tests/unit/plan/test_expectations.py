"""What URLs of a release must answer, and what is told of answers that are otherwise."""

from __future__ import annotations

import hashlib

import pytest

from fab_static.plan.expectations import (
    Expected,
    Keep,
    is_kept_too_shortly,
    never_there,
    of_a_bucket,
    other_version,
    source_map,
    to_ask,
    url_path,
    urls_of,
    wrong_bytes,
    wrong_caching,
    wrong_cors,
)
from fab_static.plan.release import File, Release

BODY = b"body {}"
FILE = File(hashlib.sha256(BODY).hexdigest(), len(BODY), "1a2b3c4")


def release(
    *paths: str, versions: tuple[str, ...] = (), named: tuple[str, ...] = (), **files: File
) -> Release:
    held = dict.fromkeys((*paths, *versions, *named), FILE) | files
    return Release(
        id="20261122T170102Z-3f9c1a7b", app="a", environment="e", revision=None, created_at="", created_by="",
        settings={"STATIC_URL": "https://cdn.example/static/"}, phases=(), files=held,
        versions={path: held[path].version for path in versions}, named=named,
        offline_manifest="CACHE/manifest.json" if "CACHE/manifest.json" in held else None, versions_sha256=None,
    )  # fmt: skip


def test_each_kind_of_url_is_asked_as_pages_and_stylesheets_name_it():
    made = release("robots.txt", versions=("js/a b.js", "img/ü.png"), named=("CACHE/css/o.1.css",))
    asked = {url: want.keep for path in made.files for url, want in urls_of(made, path).items()}
    assert asked == {
        "/static/robots.txt": Keep.SHORTLY,
        "/static/js/a%20b.js?version=1a2b3c4": Keep.FOR_EVER,
        "/static/img/%C3%BC.png?version=1a2b3c4": Keep.FOR_EVER,
        "/static/img/%C3%BC.png": Keep.SHORTLY,
        "/static/CACHE/css/o.1.css": Keep.FOR_EVER,
    }


def test_a_content_named_file_with_a_version_is_asked_for_by_both():
    made = release(versions=("dist/a.1b.js",), named=("dist/a.1b.js",))
    asked = {url: want.keep for url, want in urls_of(made, "dist/a.1b.js").items()}
    url = "/static/dist/a.1b.js"
    assert asked == {f"{url}?version=1a2b3c4": Keep.FOR_EVER, url: Keep.FOR_EVER}


def test_changed_files_and_the_sample_are_asked_but_no_source():
    other = File("0" * 64, 1, "0000001")
    old = release("same.png", "changed.png", "a.less", "CACHE/manifest.json")
    new = release(
        "same.png", "new.png", "CACHE/manifest.json", **{"changed.png": other, "a.less": other}
    )
    assert set(to_ask(new, old, [])) == {"/static/changed.png", "/static/new.png"}
    assert set(to_ask(new, old, ["same.png", "CACHE/manifest.json"])) == {
        "/static/changed.png", "/static/new.png", "/static/same.png",
    }  # fmt: skip
    assert set(to_ask(new, None, ["same.png"])) == {"/static/same.png"}


def test_a_version_and_a_file_that_nobody_has_must_not_be_kept():
    asked = never_there(release(versions=("a.js",)))
    assert asked == {
        "/static/fab-static-probe/there-is-no-such-file.png": Expected(
            "fab-static-probe/there-is-no-such-file.png", None, Keep.NOT_AT_ALL, (404,)
        ),
        "/static/a.js?version=0000000": Expected("a.js", None, Keep.NOT_AT_ALL, ()),
    }


@pytest.mark.parametrize(
    ("static_url", "path"),
    [
        ("/static/", "/static/"),
        ("https://c.example/s/t", "/s/t/"),
        ("//c.example/", "/"),
        ("/", "/"),
    ],
)
def test_the_path_of_a_static_url(static_url: str, path: str) -> None:
    assert url_path(static_url) == path


@pytest.mark.parametrize(
    ("status", "body", "kind", "problem"),
    [
        (200, BODY, "text/css", None),
        (404, b"", "", "answered 404"),
        ("nothing: refused", b"", "", "answered nothing: refused"),
        (200, b"<html>", "text/html", "answered 6 bytes that are not the recorded 7"),
        (200, BODY, "text/plain", "came as text/plain, and browsers want text/css"),
        (200, BODY, "", "came as no type, and browsers want text/css"),
    ],
)
def test_bytes_status_and_type_are_compared(status, body, kind, problem):
    assert wrong_bytes(Expected("a.css", FILE, Keep.FOR_EVER), status, body, kind) == problem


def test_a_missing_file_that_is_answered_as_a_page_is_no_good():
    want = Expected("x", None, Keep.NOT_AT_ALL, (404,))
    assert wrong_bytes(want, 200, b"<html>", "text/html") == "answered 200, not 404"
    assert wrong_bytes(want, 404, b"", "") is None


LASTING = "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("keep", "control", "is_right"),
    [
        (Keep.FOR_EVER, LASTING, True),
        (Keep.FOR_EVER, "max-age=300", True),
        (Keep.SHORTLY, "public, max-age=300, s-maxage=86400, stale-while-revalidate=60", True),
        (Keep.SHORTLY, "no-store", True),
        (Keep.SHORTLY, LASTING, False),
        (Keep.SHORTLY, "max-age=31536000", False),
        (Keep.NOT_AT_ALL, "no-store", True),
        (Keep.NOT_AT_ALL, "max-age=300", False),
        (Keep.NOT_AT_ALL, "", False),
    ],
)
def test_how_long_caches_may_keep_an_answer(keep, control, is_right):
    problem = wrong_caching(
        Expected("a", FILE, keep), {"cache-control": control} if control else {}
    )
    assert (problem is None) is is_right


@pytest.mark.parametrize(
    ("control", "is_slow"),
    [(LASTING, False), ("max-age=300", True), ("no-store", True), ("", True), ("immutable", True)],
)
def test_what_never_changes_should_be_kept_for_ever(control, is_slow):
    headers = {"cache-control": control}
    assert is_kept_too_shortly(Expected("a", FILE, Keep.FOR_EVER), headers) is is_slow
    assert not is_kept_too_shortly(Expected("a", FILE, Keep.SHORTLY), headers)


def test_fonts_and_modules_need_leave_for_the_page():
    font, script = Expected("a.woff2", FILE, Keep.SHORTLY), Expected("a.js", FILE, Keep.SHORTLY)
    page = "https://shop.example"
    assert wrong_cors(font, {"access-control-allow-origin": "*"}, page) is None
    assert wrong_cors(font, {"access-control-allow-origin": page}, page) is None
    assert "without leave for pages of https://shop.example" in str(wrong_cors(font, {}, page))
    assert wrong_cors(Expected("a.mjs", FILE, Keep.SHORTLY), {}, page)
    assert wrong_cors(script, {}, page) is None


def test_the_source_map_of_a_bundle_is_the_one_it_names():
    made = release(versions=("js/a.js", "js/a.js.map"))
    url = "https://cdn.example/static/js/a.js?version=1a2b3c4"

    def named(text: bytes) -> str | None:
        return source_map(url, text, made)

    assert named(b"x\n//# sourceMappingURL=a.js.map?version=1a2b3c4\n") == (
        "https://cdn.example/static/js/a.js.map?version=1a2b3c4"
    )
    assert named(b"/*# sourceMappingURL=a.js.map */") == "https://cdn.example/static/js/a.js.map"
    assert named(b"//# sourceMappingURL=data:application/json;base64,e30=") is None
    assert named(b"//# sourceMappingURL=third-party.map") is None  # it was not shipped
    assert named(b"//# sourceMappingURL=https://else.example/static/js/a.js.map") is None
    assert named(b"let x = '//# sourceMappingURL=a.js.map'; more()") is None


def test_a_page_that_prints_another_builds_version_is_told():
    made = release(versions=("a.js",))
    assert other_version("/static/a.js?version=1a2b3c4", made) is None
    assert other_version("/static/a.js?v=7", made) is None
    assert "recorded version 1a2b3c4" in str(other_version("/static/a.js?version=0000000", made))
    assert "the release has no b.js" in str(other_version("/static/b.js", made))


@pytest.mark.parametrize("function", [True, False])
def test_a_bucket_is_held_to_what_a_bucket_can_do(function):
    made = release("logo.png", versions=("a.js",))
    wanted = to_ask(made, None, ["logo.png", "a.js"]) | never_there(made)
    asked = of_a_bucket(wanted, version_function=function)
    missing = "/static/fab-static-probe/there-is-no-such-file.png"
    assert {url: (want.keep, want.statuses) for url, want in asked.items()} == {
        "/static/logo.png": (Keep.SHORTLY, (200,)),
        "/static/a.js?version=1a2b3c4": (Keep.FOR_EVER if function else Keep.SHORTLY, (200,)),
        missing: (Keep.UNSAID, (404, 403)),
        **({"/static/a.js?version=0000000": (Keep.UNSAID, (404, 403))} if function else {}),
    }
    assert wrong_caching(asked[missing], {}) is None
    assert wrong_bytes(asked[missing], 403, b"", "") is None
    assert wrong_bytes(asked[missing], 200, b"<html>", "") == "answered 200, not 404 or 403"


def test_a_type_may_be_wrong_where_files_of_the_kind_were_there_before():
    """A .mjs in node_modules, wrong for years, rolled a good release back (fleet A6)."""
    before = release("a.mjs")
    after = release("a.mjs", "b.css")
    asked = to_ask(after, before, ["a.mjs"])
    assert {want.path: want.type_may_be_wrong for want in asked.values()} == {
        "a.mjs": True,
        "b.css": False,
    }
    assert not any(want.type_may_be_wrong for want in to_ask(after, None, ["a.mjs"]).values())
