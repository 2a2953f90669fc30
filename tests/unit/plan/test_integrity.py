"""Integrity attributes: which promises are found, and which of them hold."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.plan.integrity import (
    ALGORITHMS,
    Promise,
    about,
    broken,
    in_html,
    in_manifest,
    spelled,
    strongest,
    to_hash,
    wrong,
)
from fab_static.plan.release import File


def sri(data: bytes, algorithm: str = "sha384") -> str:
    digest = hashlib.new(algorithm, data).digest()
    return f"{algorithm}-{base64.b64encode(digest).decode()}"


def file_of(data: bytes) -> File:
    return File(hashlib.sha256(data).hexdigest(), len(data), "1234567")


SERVED, OTHER = b"served()", b"other()"
FILES = {"js/a.js": file_of(SERVED)}
HASHES = {
    FILES["js/a.js"].sha256: {name: hashlib.new(name, SERVED).hexdigest() for name in ALGORITHMS}
}


def broken_by(integrity: str) -> list[str]:
    kept = about([Promise("js/a.js", integrity, "page.html:3")], FILES, lambda url: url)
    return broken(kept, HASHES)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_hash_of_the_served_bytes_holds_and_one_of_others_does_not(algorithm: str) -> None:
    assert broken_by(sri(SERVED, algorithm)) == []
    (line,) = broken_by(sri(OTHER, algorithm))
    assert line.startswith("page.html:3: js/a.js is promised as ")
    assert sri(SERVED, algorithm)[:20] in line


@pytest.mark.parametrize(
    "integrity",
    [
        sri(OTHER, "sha256") + " " + sri(SERVED, "sha512"),  # the strongest counts alone
        sri(OTHER) + "\n  " + sri(SERVED),  # one of several is enough
        sri(SERVED).replace("+", "-").replace("/", "_"),  # base64url, which browsers take
        sri(SERVED) + "?ct=text/javascript",  # an option
        "SHA384-" + sri(SERVED).removeprefix("sha384-"),
        "md5-abcdef",  # nothing that browsers check
        "nonsense",
    ],
)
def test_what_browsers_take_is_not_refused(integrity: str) -> None:
    assert broken_by(integrity) == []


def test_a_weaker_hash_that_holds_does_not_help() -> None:
    assert broken_by(sri(SERVED, "sha256") + " " + sri(OTHER, "sha512"))


def test_a_hash_that_is_no_base64_is_refused_as_browsers_do() -> None:
    assert broken_by("sha384-A")


@given(st.binary(max_size=64), st.sampled_from(ALGORITHMS))
def test_a_hash_is_read_as_it_is_spelled(data: bytes, algorithm: str) -> None:
    digest = hashlib.new(algorithm, data).hexdigest()
    assert strongest(spelled(algorithm, digest)) == (algorithm, frozenset({digest}))


def test_only_hashes_that_are_not_known_are_asked_for() -> None:
    promises = [Promise("js/a.js", sri(SERVED, name), "x") for name in ("sha256", "sha512")]
    kept = about(promises, FILES, lambda url: url)
    assert to_hash(kept) == {FILES["js/a.js"].sha256: ["sha512"]}


def test_scripts_stylesheets_preloads_and_import_maps_of_a_page_promise() -> None:
    html = """
    <script src="/static/a.js" integrity="sha256-a" crossorigin></script>
    <script SRC='/static/b.js' INTEGRITY='sha256-b'></script>
    <link rel="Stylesheet" href="/static/c.css" integrity="sha256-c">
    <link rel="modulepreload" href="/static/d.js" integrity="sha256-d">
    <link rel="icon" href="/static/e.png" integrity="sha256-e">
    <script>document.write('<script src="f.js" integrity="sha256-f">')</script>
    <script type="importmap">{"imports": {"g": "/g.js"}, "integrity": {"/g.js": "sha256-g"}}</script>
    <script type="importmap">not JSON</script>
    """
    found = in_html(html, "page")
    assert [(one.url, one.integrity, one.crossorigin) for one in found] == [
        ("/static/a.js", "sha256-a", True),
        ("/static/b.js", "sha256-b", False),
        ("/static/c.css", "sha256-c", False),
        ("/static/d.js", "sha256-d", False),
        ("/g.js", "sha256-g", True),
    ]


@pytest.mark.parametrize(
    ("manifest", "names"),
    [
        (
            {
                "status": "done",
                "chunks": {"main": ["main.js"]},
                "assets": {
                    "main.js": {
                        "name": "main.js",
                        "path": "/srv/code/dist/main.js",
                        "publicPath": "auto",
                        "integrity": "sha384-x",
                    }
                },
            },
            {"main.js"},
        ),
        ({"main.js": {"src": "main.1a.js", "integrity": "sha384-x"}}, {"main.1a.js"}),
        ({"src/main.ts": {"file": "assets/main.1a.js", "integrity": "sha384-x"}}, {"assets/main.1a.js"}),
        ({"entrypoints": {}, "integrity": {"/build/app.js": "sha384-x"}}, {"/build/app.js"}),
        ({"main": {"js": [{"file": "a.js", "integrity": "sha384-x"}]}}, {"a.js"}),
        ({"dist/a.js": {"integrity": "sha384-x"}}, {"dist/a.js"}),
    ],
    ids=["tracker", "assets manifest", "vite", "encore", "nested", "named by its key"],
)  # fmt: skip
def test_manifests_of_every_plug_in_promise(manifest: object, names: set[str]) -> None:
    (promise,) = in_manifest(manifest, "stats.json")
    assert promise.integrity == "sha384-x"
    assert names <= {promise.url, *promise.also}
    assert promise.place.startswith("stats.json, ")


def test_a_manifest_without_integrity_promises_nothing() -> None:
    assert in_manifest({"a.js": {"src": "a.1.js", "integrity": None}, "b": ["b.js"]}, "x") == []


def test_what_another_site_serves_is_its_own_affair() -> None:
    promise = Promise("https://cdn.example.com/a.js", sri(OTHER), "page")
    assert about([promise], FILES, lambda _: None) == []


def test_a_file_of_another_host_needs_crossorigin() -> None:
    promise = Promise("https://cdn.example.com/a.js", sri(SERVED), "the page", crossorigin=False)
    assert wrong(promise, SERVED, is_elsewhere=False) is None
    assert 'crossorigin="anonymous"' in str(wrong(promise, SERVED, is_elsewhere=True))
    assert "browsers refuse it" in str(wrong(promise, OTHER, is_elsewhere=False))
