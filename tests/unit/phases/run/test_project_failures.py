"""A command of the project that fails says how, where, and what mends it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fab_static.errors import BuildError
from fab_static.host.agent.commands import _why_not
from fab_static.phases.run.project_failures import failure
from fab_static.remote import Ran
from tests.unit.phases.run.started import Started


@pytest.mark.parametrize(
    ("ran", "what", "where"),
    [
        (Ran(127, "CODE: No such file"), "there is no folder CODE", "web1"),
        (
            Ran(127, "PYTHON: No such file"),
            "the project's Python PYTHON cannot be started there",
            "web1",
        ),
        (
            Ran(-9, "", timed_out=True),
            "manage.py compress was ended after 1800 seconds",
            "web1: CODE",
        ),
        (
            Ran(1, "KeyError: 'x'\n"),
            "manage.py compress failed with exit code 1:\n    KeyError: 'x'",
            "web1: CODE",
        ),
    ],
    ids=["no folder", "no Python", "too long", "failed"],
)
def test_a_command_that_fails_says_how(started: Started, ran: Ran, what: str, where: str) -> None:
    project = started.project()

    def meant(text: str) -> str:
        return text.replace("CODE", project.path).replace("PYTHON", project.python)

    started.ends = Ran(ran.code, meant(ran.output), timed_out=ran.timed_out)
    with pytest.raises(BuildError) as caught:
        project.run("manage.py compress", print)
    assert caught.value.what == meant(what)
    assert caught.value.where == meant(where)


def test_a_folder_that_is_not_there_is_told_from_an_interpreter_that_is_not(
    started: Started,
) -> None:
    project = started.project()
    folder = failure(project, "manage.py compress", Ran(127, f"{project.path}: No such file"))
    python = failure(project, "manage.py compress", Ran(127, f"{project.python}: No such file"))
    assert folder.mend.endswith("correct project.path in the inventory")
    assert python.mend.endswith("correct project.python in the inventory")


@pytest.mark.parametrize(
    ("why", "mend"),
    [
        (
            "Permission denied",
            "let USER run it; the file or folder that is closed, also where a link leads, is shown there by: "
            "namei -l PYTHON",
        ),
        (
            "Permission denied (sudo's noexec: its rule needs EXEC:)",
            "add EXEC: to the rule of ssh.become in sudoers",
        ),
        ("Exec format error", "see there what PYTHON --version says"),
    ],
)
def test_why_an_interpreter_that_is_there_does_not_start_is_told_with_its_cure(
    started: Started, why: str, mend: str
) -> None:
    """It may be a link into a folder that the user may not enter: no new virtual environment mends that."""
    project = started.project()
    project.host.hello["user"] = "deploy"
    error = failure(project, "manage.py compress", Ran(127, f"{project.python}: {why}"))
    assert error.what == f"the project's Python {project.python} cannot be started there: {why}"
    assert error.mend == mend.replace("USER", "deploy").replace("PYTHON", project.python)


def test_a_folder_that_is_closed_is_told_from_one_that_is_not_there(started: Started) -> None:
    project = started.project()
    project.host.hello["user"] = "deploy"
    error = failure(project, "manage.py compress", Ran(127, f"{project.path}: Permission denied"))
    assert error.what == f"the folder {project.path} cannot be entered there: Permission denied"
    assert error.mend.endswith(f"namei -l {project.path}")


def test_the_agent_says_what_these_words_are_made_of(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("")
    python.chmod(0o644)  # not even root may start it
    with pytest.raises(PermissionError) as caught:
        subprocess.run([str(python)], check=False)
    assert _why_not(caught.value) == f"{python}: Permission denied"


def test_a_command_that_printed_nothing_says_so(started: Started) -> None:
    error = failure(started.project(), "exit 7", Ran(7, ""))
    assert error.what == "exit 7 failed with exit code 7 and printed nothing"
