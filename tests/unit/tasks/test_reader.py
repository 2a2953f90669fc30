"""Help and lists whose reader has gone: `fab --list | head`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from fab_static.tasks.reader import end_with_reader
from tests.unit.tasks.started import MAIN

# `fab --help` alone is Fabric's: it ends before a fabfile is read
TOLD = [["--list"], ["--help", "deploy"], ["staging", "deploy", "--help"], []]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories" / "staging.yml").write_text("app: shop\n")
    (tmp_path / "fabfile.py").write_text("from fab_static import namespace\n")
    return tmp_path


def told_to_nobody(folder: Path, *words: str) -> tuple[int, str]:
    """Return how a program ends, and what it says, whose reader has closed the pipe before it begins."""
    with subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        said = process.stderr.read()
        return process.wait(), said


@pytest.mark.parametrize("words", TOLD, ids=" ".join)
def test_help_and_lists_end_without_a_word_when_nobody_reads_on(
    folder: Path, words: list[str]
) -> None:
    """Invoke's traceback of ten lines stood below the first line of `fab --list | head -1`."""
    assert told_to_nobody(folder, "-c", MAIN, *words) == (-signal.SIGPIPE, "")


def test_so_does_the_program_that_begins(folder: Path) -> None:
    assert told_to_nobody(folder, "-m", "fab_static", "--help") == (-signal.SIGPIPE, "")


def test_a_task_that_runs_does_not_end_with_its_reader() -> None:
    before = signal.getsignal(signal.SIGPIPE)
    seen = []
    program = SimpleNamespace(parse_cleanup=lambda: seen.append(signal.getsignal(signal.SIGPIPE)))
    end_with_reader(program)  # type: ignore[arg-type]
    program.parse_cleanup()  # it has printed nothing: a task comes
    assert seen == [signal.SIG_DFL]
    assert signal.getsignal(signal.SIGPIPE) == before
