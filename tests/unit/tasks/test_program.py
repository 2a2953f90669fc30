"""`fab-static`: it works where no fabfile is, and knows our version."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from fab_static.tasks import chosen
from fab_static.tasks.program import program


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fab_static.tasks.beginning.CHOSEN", {})
    monkeypatch.setattr(chosen, "CHOSEN", {})
    return tmp_path


@pytest.fixture(autouse=True)
def pipes() -> Iterator[None]:
    """Have what the program does to its process last no longer than the test: it ends with its reader."""
    before = signal.getsignal(signal.SIGPIPE)
    yield
    signal.signal(signal.SIGPIPE, before)


def run(*words: str) -> int | str | None:
    try:
        program.run(["fab-static", *words])
    except SystemExit as end:
        return end.code
    return 0


def test_init_works_without_a_fabfile(folder: Path) -> None:
    assert run("init") == 0
    assert (folder / "inventories" / "staging.yml").exists()


def test_init_writes_here_though_a_folder_above_has_a_fabfile(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "fabfile.py").write_text("raise RuntimeError('of another project')\n")
    (folder / "shop").mkdir()
    monkeypatch.chdir(folder / "shop")
    assert run("init") == 0
    assert (folder / "shop" / "fabfile.py").exists()


def test_any_other_task_is_exit_2_and_says_how_it_is_called(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("staging", "deploy") == 2
    said = capsys.readouterr().err
    assert said == "fab-static knows `init` alone. Beside a fabfile: fab staging deploy\n"


def test_its_version_stands_beside_fabrics(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"fab-static {version('fab-static')}"
    assert lines[1].startswith("Fabric 3.")


def test_its_help_fits_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--help") == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
