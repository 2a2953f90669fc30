"""The manifests of bundlers, as each writes its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fab_static.errors import ManifestError
from fab_static.plan.bundler_manifest import names_in, path_of

VITE = {
    "src/main.ts": {
        "file": "assets/main.1a2b.js",
        "src": "src/main.ts",
        "isEntry": True,
        "css": ["assets/main.3c4d.css"],
        "assets": ["assets/logo.5e6f.svg"],
        "imports": ["_shared.js"],
        "dynamicImports": ["src/lazy.ts"],
    },
    "_shared.js": {"file": "assets/shared.7a8b.js", "name": "shared"},
}
TRACKER = {
    "status": "done",
    "assets": {"main.1a.js": {"name": "main.1a.js", "path": "/build/host/main.1a.js"}},
    "chunks": {
        "main": ["runtime.2b.js", "main.1a.js"],
        "old": [{"name": "old.3c.js", "path": "/x"}],
    },
}


@pytest.mark.parametrize(
    ("manifest", "names"),
    [
        (
            VITE,
            [
                "assets/main.1a2b.js",
                "assets/main.3c4d.css",
                "assets/logo.5e6f.svg",
                "assets/shared.7a8b.js",
            ],
        ),
        (TRACKER, ["runtime.2b.js", "main.1a.js", "old.3c.js"]),
        (
            {"main.js": "/static/main.1a.js", "main.css": "main.2b.css"},
            ["/static/main.1a.js", "main.2b.css"],
        ),
        ({"shop/js/cart": ["runtime.1a.js", "cart.2b.js"]}, ["runtime.1a.js", "cart.2b.js"]),
        (
            {
                "status": "done",
                "chunks": {"main": ["main.1a.js", "main.1a.js.map", "own.2b.js"]},
                "assets": {
                    "main.1a.js": {"publicPath": "https://cdn.example.com/static/js/main.1a.js"},
                    "own.2b.js": {"publicPath": "auto"},
                },
            },
            ["https://cdn.example.com/static/js/main.1a.js", "own.2b.js"],
        ),
        ({"main.js": {"src": "main.1a.js", "integrity": "sha384-x"}}, ["main.1a.js"]),
        ({}, []),
        ({"a": None, "b": 3}, []),
    ],
    ids=[
        "vite",
        "webpack-bundle-tracker",
        "flat",
        "lists",
        "with URLs",
        "with integrity",
        "empty",
        "no names",
    ],
)
def test_the_files_that_each_kind_names(manifest: Any, names: list[str]) -> None:
    assert list(names_in(json.dumps(manifest), where="x")) == names


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "the manifest is not JSON: "),
        ("", "the manifest is not JSON: "),
        ("[" * 100_000, "the manifest is not JSON: "),
        ("[]", "the manifest is not a JSON object"),
        ('{"status": "error", "chunks": {}}', "has not ended well: the status is error, not done"),
        ('{"status": "compile", "chunks": {}}', "has not ended well: the status is compile"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str, what: str) -> None:
    with pytest.raises(ManifestError) as caught:
        names_in(text, where="build1: /srv/code/stats.json")
    assert what in caught.value.what


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("main.1a.js", "dist/main.1a.js"),
        ("./main.1a.js", "dist/main.1a.js"),
        ("/main.1a.js", "dist/main.1a.js"),
        ("auto/main.1a.js", "dist/main.1a.js"),
        ("/static/dist/main.1a.js", "dist/main.1a.js"),
        ("/static/dist/main.1a.js?v=3", "dist/main.1a.js"),
        ("https://cdn.example.com/static/dist/main.1a.js", "dist/main.1a.js"),
        ("https://fonts.example.net/x.css", ""),
        ("//fonts.example.net/x.css", ""),
        ("data:text/css,x", ""),
        ("a%20b.js", "dist/a b.js"),
        ("lost.js", None),
        ("../secret.js", None),
    ],
)
def test_a_name_stands_for_a_file_of_the_release(name: str, path: str | None) -> None:
    files = {"dist/main.1a.js", "dist/a b.js", "secret.js"}
    url = "https://cdn.example.com/static/"
    assert path_of(name, files, static_url=url, folders=["dist"]) == path
