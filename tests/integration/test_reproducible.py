"""Two builds of one revision are one release: on another path, at another time, with another hash seed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fab_static.plan.release import Release
from tests.integration.conftest import on_this_machine, write_tiny

PHASES = ("collectstatic", "compress")
MORE = "{% load static compress %}{% compress css %}<link rel=stylesheet href=\"{% static 'site.css' %}\"><style>p{top:N}</style>{% endcompress %}"


def build(folder: Path, method: str, seed: str, mtime: int) -> Release:
    project = write_tiny(folder)
    for number in range(8):  # compress walks templates in the order of a set
        page = project / "templates" / f"page{number}.html"
        page.write_text(MORE.replace("N", str(number)))
    with (project / "tiny" / "settings.py").open("a") as file:
        file.write(f'COMPRESS_CSS_HASHING_METHOD = "{method}"\n')
    for path in (project / "assets").rglob("*"):
        os.utime(path, (mtime, mtime))
    variables = {"environment": {"PYTHONHASHSEED": seed}}
    with on_this_machine(project, *PHASES, project=variables) as (session, _):
        return session.prepare()


@pytest.mark.parametrize("method", ["mtime", "content", "hash"])
def test_two_builds_of_one_revision_have_one_digest(tmp_path: Path, method: str) -> None:
    """Mtime is compressor's default: without us it gives every build other names."""
    first = build(tmp_path / "a", method, seed="1", mtime=1_000_000_000)
    second = build(tmp_path / "elsewhere" / "b", method, seed="2", mtime=1_700_000_000)
    assert second.files == first.files
    assert second.digest == first.digest
    assert len(first.named) >= 8
