"""`fab init`: it writes what is not there, and nothing over what is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from chaos.project import write
from fab_static.sessions.environments import environments, read_environment
from fab_static.tasks import beginning, chosen

NEXT = [
    "",
    "Change the address in inventories/staging.yml, and look through the rest of it. Then:",
    "  fab staging check",
    "  fab staging plan",
    "  fab staging deploy",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "shop")


def test_it_writes_all_that_a_first_deploy_needs_and_says_the_next_commands(folder: Path) -> None:
    assert list(beginning.begun(folder)) == [
        "fabfile.py is written",
        "inventories/staging.yml is written",
        "inventories/example.yml is written",
        ".gitignore ignores resource_versions.yml and /staticfiles/ now",
        *NEXT,
    ]
    inventories = folder / "inventories"
    assert environments(inventories) == ["staging"]
    assert read_environment("staging", inventories).project.settings == "tiny.settings"
    assert "from fab_static import namespace" in (folder / "fabfile.py").read_text()
    assert "every key" in (inventories / "example.yml").read_text().lower()


def test_what_is_there_stays_as_it_is(folder: Path) -> None:
    (folder / "fabfile.py").write_text("# mine\n")
    (folder / "inventories").mkdir()
    (folder / "inventories" / "staging.yml").write_text("mine: 1\n")
    (folder / ".gitignore").write_text("staticfiles\n*.pyc")
    assert list(beginning.begun(folder))[:6] == [
        "fabfile.py is there already",
        "  add to its end:",
        "    from fab_static import namespace",
        "inventories/staging.yml is there already",
        "inventories/example.yml is written",
        ".gitignore ignores resource_versions.yml now",
    ]
    assert (folder / "fabfile.py").read_text() == "# mine\n"
    assert (folder / "inventories" / "staging.yml").read_text() == "mine: 1\n"
    assert (folder / ".gitignore").read_text().splitlines() == [
        "staticfiles",
        "*.pyc",
        "# written by builds of static files",
        "resource_versions.yml",
    ]


FABFILES = {  # text, a task of its own, ours
    "a task": ("@task\ndef hi(c):\n    pass\n", "hi", "staging"),
    "a task in lines": (
        "@fabric.task(\n    optional=[]\n)\n@same\ndef hi(c): pass\n",
        "hi",
        "staging",
    ),
    "a task named as ours": ("@task\ndef deploy(c): pass\n", "deploy", "static.staging"),
    "a namespace": ("@task\ndef hi(c): pass\nns = Collection(hi)\n", "hi", "static.staging"),
}
HEAD = """\
import fabric
from fabric import task
from invoke import Collection

def same(work): return work

"""


@pytest.mark.parametrize(("text", "own", "ours"), FABFILES.values(), ids=FABFILES)
def test_what_it_says_to_add_keeps_the_tasks_of_a_fabfile(
    folder: Path, text: str, own: str, ours: str
) -> None:
    """`from fab_static import namespace` alone hid them: Fabric takes a namespace as all that there is."""
    fabfile = folder / "fabfile.py"
    fabfile.write_text(HEAD + text)
    said = list(beginning.begun(folder))
    added = said[2 : said.index("inventories/staging.yml is written")]
    fabfile.write_text(HEAD + text + "\n".join(map(str.strip, added)))
    words = [sys.executable, "-m", "fabric", "--list"]
    listed = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert {own, ours} <= {line.split()[0] for line in listed.splitlines() if line.strip()}
    assert f"  fab {ours} {ours.removesuffix('staging')}check" in said


def test_a_second_time_it_writes_nothing(folder: Path) -> None:
    list(beginning.begun(folder))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert list(beginning.begun(folder))[:4] == [
        "fabfile.py is there already",
        "inventories/staging.yml is there already",
        "inventories/example.yml is there already",
        ".gitignore has its lines already",
    ]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_fabfile_may_be_a_package(folder: Path) -> None:
    (folder / "fabfile").mkdir()
    (folder / "fabfile" / "__init__.py").write_text("from fab_static import namespace\n")
    assert next(beginning.begun(folder)) == "fabfile/__init__.py is there already"
    assert not (folder / "fabfile.py").exists()


def test_where_no_project_is_the_guess_is_told(tmp_path: Path) -> None:
    assert list(beginning.begun(tmp_path))[4:6] == [
        "no manage.py was found here: what inventories/staging.yml says of the project is a guess. If it",
        "stands in another folder, run fab-static init there",
    ]


def test_a_project_in_a_folder_is_named_where_another_may_be_meant(folder: Path) -> None:
    """It was taken without a word."""
    assert list(beginning.begun(folder.parent))[4:] == [
        "inventories/staging.yml is written for shop/manage.py",
        *NEXT,
    ]
    for name in ("site", "blog/deep"):
        write(folder / name)
    assert list(beginning.begun(folder))[4:8] == [
        "inventories/staging.yml is written for manage.py",
        "there are others: site/manage.py, blog/deep/manage.py",
        "for one of those, change path and settings below project",
        "",
    ]


def test_a_folder_that_cannot_be_written_is_told_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "inventories").write_text("no folder")
    monkeypatch.setattr(chosen, "CHOSEN", {"inventories": tmp_path / "inventories"})
    monkeypatch.setattr(beginning, "CHOSEN", chosen.CHOSEN)
    with pytest.raises(Exit) as caught:
        beginning.init(Context())
    assert caught.value.code == 1
    assert f"error: File exists: {tmp_path}/inventories" in capsys.readouterr().err
