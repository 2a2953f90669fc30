"""Compressed copies beside their files are neither promise nor content: such a project builds for ever (build A4)."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import on_this_machine, write_tiny
from tests.integration.test_nginx_settings import ask, nginx, snippet

GZIP = """
COMPRESS_STORAGE = "compressor.storage.GzipCompressorFileStorage"
"""
EVERY_COPY = """
STORAGES = {"staticfiles": {"BACKEND": "tiny.copies.Storage"}}
"""
STORAGE = """
import gzip, os, subprocess
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

class Storage(ManifestStaticFilesStorage):
    def post_process(self, *args, **kwargs):
        yield from super().post_process(*args, **kwargs)
        for folder, _, names in os.walk(self.location):
            for name in names:
                path = os.path.join(folder, name)
                if name.endswith((".css", ".svg")):
                    with open(path, "rb") as file:
                        data = file.read()
                    with gzip.open(path + ".gz", "wb") as copy:  # its head has the time
                        copy.write(data)
                    with open(path + ".br", "wb") as copy:  # no program here can tell
                        copy.write(os.urandom(20))
                    subprocess.run(["zstd", "-qf", path], check=True)
"""
RULES = "".join(f".rule{number} {{ color: red }}\n" for number in range(400))


def project(folder: Path, settings: str) -> Path:
    code = write_tiny(folder / "project")
    with (code / "tiny" / "settings.py").open("a") as file:
        file.write(settings)
    (code / "tiny" / "copies.py").write_text(STORAGE)
    (code / "assets" / "site.css").write_text(RULES)
    (code / "assets" / "data.csv").write_text("a,b\n" * 300)
    (code / "assets" / "data.csv.gz").write_bytes(gzip.compress(b"a,b\n" * 300, mtime=0))
    (code / "assets" / "alone.csv.gz").write_bytes(gzip.compress(b"1", mtime=0))
    return code


@pytest.mark.parametrize("settings", [GZIP, EVERY_COPY], ids=["compress", "collectstatic"])
def test_a_project_whose_storage_writes_copies_builds_for_ever(
    tmp_path: Path, settings: str
) -> None:
    code = project(tmp_path, settings)
    releases: list[Any] = []
    for turn in range(3):
        if turn == 2:  # another template with another block
            (code / "templates" / "more.html").write_text(
                "{% load compress %}{% compress css %}<style>p { color: blue }</style>{% endcompress %}"
            )
        with on_this_machine(code, "collectstatic", "compress") as (session, told):
            releases.append(session.deploy(reuse="no").current_release())
        assert not told.warned
        time.sleep(1.1)  # gzip's head counts seconds
    first, second, third = releases
    assert first.id == second.id
    assert third.digest != first.digest
    assert not [path for path in third.named if path.endswith((".css.gz", ".br", ".zst"))]
    (style,) = (path for path in first.named if path.startswith("CACHE/css"))
    assert style in third.named
    assert "alone.csv.gz" not in third.copies
    assert {"data.csv.gz", "alone.csv.gz"} <= third.files.keys()
    assert "data.csv.gz" in third.copies
    with nginx(tmp_path / "nginx", snippet(Path(f"{code}.static"))) as port:
        for path in (style, "site.css"):
            _, plain, body = ask(port, f"/static/{path}")
            status, headers, coded = ask(port, f"/static/{path}", Accept_Encoding="gzip")
            assert (status, headers["Content-Encoding"]) == (200, ["gzip"])
            assert gzip.decompress(coded) == body
            assert headers["Cache-Control"] == plain["Cache-Control"]
        status, _, body = ask(port, "/static/data.csv.gz")
        assert (status, gzip.decompress(body)) == (200, b"a,b\n" * 300)
    (code / "templates" / "more.html").unlink()  # or the gate refuses a release without its block
    with on_this_machine(code, "collectstatic", "compress") as (session, _):
        session.rollback()
        assert session.status()["live"] == first.id


def test_versions_of_copies_are_left_out_of_what_is_recorded(tmp_path: Path) -> None:
    """A project's own resource_static hashes all that it finds, copies with the time in them too."""
    code = project(tmp_path, EVERY_COPY)
    write = "; ".join(
        [
            "import hashlib, json, pathlib",
            "root = pathlib.Path('staticfiles')",
            "files = [p for p in sorted(root.rglob('*')) if p.is_file()]",
            "found = {str(p.relative_to(root)): hashlib.sha1(p.read_bytes()).hexdigest()[:7] for p in files}",
            "pathlib.Path('resource_versions.yml').write_text(json.dumps(found))",
        ]
    )
    (code / "versions.py").write_text(write)
    sealed = []
    for _ in range(2):
        with on_this_machine(
            code,
            "collectstatic",
            "resource_static",
            "compress",
            build={"commands": {"resource_static": "python3 versions.py"}},
        ) as (session, _):
            sealed.append(session.deploy(reuse="no").current_release())
        time.sleep(1.1)
    assert sealed[0].id == sealed[1].id
    assert "site.css" in sealed[0].versions
    assert not [path for path in sealed[0].versions if path.startswith("site.css.")]
    assert json.loads(sealed[0].to_json())["copies"]
