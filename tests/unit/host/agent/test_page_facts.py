"""What the agent tells of files that pages will print."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from fab_static.host.agent.page_facts import fonts_in, hashes_of
from fab_static.host.agent.refusals import RefusedError


def test_hashes_are_those_of_the_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a.js"
    file.write_bytes(b"alert(1)")
    assert hashes_of(str(file), ["sha384", "sha512"]) == {
        "": hashlib.sha256(b"alert(1)").hexdigest(),
        "sha384": hashlib.sha384(b"alert(1)").hexdigest(),
        "sha512": hashlib.sha512(b"alert(1)").hexdigest(),
    }


@pytest.mark.parametrize(
    ("css", "fonts"),
    [
        ("@font-face{src:url(a.woff2)}", ["a.woff2"]),
        ("@FONT-FACE { src: url( 'a.eot?#iefix' ), url(\"../f/a.woff2?v=4\") format('woff2') }", ["../f/a.woff2?v=4"]),
        ("@font-face{src:url(a.woff),url(a.ttf)}", ["a.woff"]),
        ("@font-face{src:url(data:font/woff2;base64,AA)}", []),
        ("/* @font-face{src:url(a.woff2)} */ b{background:url(b.png)}", []),
        ("@font-face{src:url(a.woff2);unicode-range:U+0000-00FF,U+0131}", ["a.woff2"]),
        ("@font-face{src:url(a.woff2);unicode-range:U+00??}", ["a.woff2"]),
        ("@font-face{src:url(a.woff2);unicode-range:U+0400-045F}", []),
        ("@font-face{src:local(Arial)}", []),
    ],
)  # fmt: skip
def test_the_font_that_a_page_needs_is_found_in_each_face(css: str, fonts: list[str]) -> None:
    assert list(fonts_in(css)) == fonts


def test_objects_are_hashed_and_a_damaged_one_is_refused(agent, root) -> None:
    data = b"alert(1)"
    name = agent.do("put_object", data)["object"]
    _, body = agent.ask("hashes", json.dumps({name: ["sha384"]}).encode())
    assert json.loads(body) == {name: {"sha384": hashlib.sha384(data).hexdigest()}}
    path = root / "objects" / name[:2] / name
    path.chmod(0o644)
    path.write_bytes(b"alert(2)")
    with pytest.raises(RefusedError, match="is damaged"):
        agent.ask("hashes", json.dumps({name: ["sha384"]}).encode())


def test_the_fonts_of_stylesheets_are_told(agent) -> None:
    name = agent.do("put_object", b"@font-face{src:url(a.woff2)}")["object"]
    _, body = agent.ask("fonts", json.dumps([name]).encode())
    assert json.loads(body) == {name: ["a.woff2"]}
