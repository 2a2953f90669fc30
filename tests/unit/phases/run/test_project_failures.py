"""A command of the project that fails says how, where, and what mends it."""

from __future__ import annotations

import pytest

from fab_static.errors import BuildError
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
