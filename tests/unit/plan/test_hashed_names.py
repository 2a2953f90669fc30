"""Names that carry a hash of their content, by what a manifest says and by the bytes."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from fab_static.plan.hashed_names import called, hashed, is_like_a_hash
from fab_static.plan.release import File


def file(text: str) -> File:
    data = text.encode()
    return File(hashlib.sha256(data).hexdigest(), len(data), hashlib.sha1(data).hexdigest()[:7])


def found(manifest: Any, *more: str) -> set[str]:
    """Return the hashed names of a manifest; every file has its own name for bytes."""
    words = called(manifest)
    return set(hashed(words, {path: file(path) for path in (*words, *more)}))


VITE = {
    "src/main.ts": {
        "file": "assets/main-BxYz12Ab.js",
        "name": "main",
        "src": "src/main.ts",
        "css": ["assets/main-Q1w2E3r4.css"],
        "assets": ["assets/logo-Zt6_-aB3.svg"],
    },
    "_shared-C9d8E7f6.js": {"file": "assets/shared-C9d8E7f6.js", "name": "shared"},
    "_old-G5h4I3j2.js": {"file": "assets/old-G5h4I3j2.js"},
    "src/stable.ts": {"file": "assets/stable.js", "name": "stable"},
    "src/word.ts": {"file": "assets/word-production.js", "name": "word"},
    "src/runtime.ts": {"file": "assets/runtime-deadbeef.js", "name": "runtime"},
    "src/runtime-1a2b3c4d.ts": {"file": "assets/runtime-1a2b3c4d.js"},
}


def test_vites_names_are_hashed_where_vite_put_a_hash() -> None:
    assert found(VITE) == {
        "assets/main-BxYz12Ab.js",
        "assets/main-Q1w2E3r4.css",
        "assets/logo-Zt6_-aB3.svg",
        "assets/shared-C9d8E7f6.js",
        "assets/old-G5h4I3j2.js",
    }


def test_webpacks_names_are_hashed_where_an_entry_shows_how_they_are_built() -> None:
    names = ["runtime.1a2b3c4d5e6f7a8b9c0d.js", "shop/cart.2b3c4d5e6f7a8b9c0d1e.js"]
    assert found({"shop/cart": [*names, "vendors.js"]}) == {*names}
    tracked = {"status": "done", "chunks": {"cart": names}, "assets": {}}
    assert found(tracked) == {*names}
    assert found({"shop/other": [names[0]]}) == set()  # nothing shows how


def test_the_ending_may_be_longer_and_a_hash_may_be_the_whole_name() -> None:
    manifest = {"main.js": "main.1a2b3c4d.bundle.js", "logo.svg": "1a2b3c4d5e6f7a8b9c0d.svg"}
    assert found(manifest) == {*manifest.values()}


def test_what_is_made_for_another_file_has_the_others_hash() -> None:
    """A change of a comment changes the source map under the same name."""
    script = "main.1a2b3c4d.js"
    listed = [script, f"{script}.map", f"{script}.LICENSE.txt", "main.2b3c4d5e.css.map"]
    assert found({"main": listed}) == {script}


@pytest.mark.parametrize("token", ["1a2b3c4d", "9f8e7d6c5b4a"])
def test_what_two_files_of_other_bytes_share_is_no_hash_of_their_content(token: str) -> None:
    """Of the compilation, the chunk or the commit, it may be."""
    names = {"main": f"main.{token}.js", "cart": f"cart.{token}.js"}
    assert found(names) == set()


def test_a_name_that_the_manifest_does_not_list_is_none() -> None:
    assert "other.2b3c4d5e.js" not in found({"main": "main.1a2b3c4d.js"}, "other.2b3c4d5e.js")


def test_a_name_that_holds_the_beginning_of_its_own_hash_is_proof() -> None:
    """Whatever the manifest calls it, and where it holds the key too."""
    bytes_ = file("x")
    b64 = base64.urlsafe_b64encode(bytes.fromhex(bytes_.sha256)).decode()
    b32 = base64.b32encode(bytes.fromhex(bytes_.sha256)).decode()
    sha1 = hashlib.sha1(b"x").hexdigest()
    for token in (bytes_.sha256[:8], bytes_.sha256[:20].upper(), b64[:8], b32[:8], sha1[:12]):
        path = f"dist/any-{token}.js"
        assert hashed({path: [path]}, {path: bytes_}) == {path}
        assert hashed({path: [path]}, {path: file("y")}) == set()


@pytest.mark.parametrize(
    ("token", "may_be"),
    [
        *[(token, True) for token in ("1a2b3c4d", "BxYz12Ab", "X5PUH2GR", "Zt6_-aB3", "0c9d8e7f6a")],
        *[(token, False) for token in ("deadbeef", "production", "20240101", "20240101T120000Z")],
        *[(token, False) for token in ("legacy-es2015", "Runtime2024", "12345678", "VERSION2")],
    ],
)  # fmt: skip
def test_words_numbers_and_times_are_no_hashes(token: str, *, may_be: bool) -> None:
    assert is_like_a_hash(token) == may_be
