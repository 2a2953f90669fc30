"""Words of the command line that name nothing: what is said, and how `fab` ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.tasks.misspelt import WHERE, problem
from tests.unit.tasks.started import run

INVENTORY = """\
app: shop
deploy_to: /srv/static
project: {path: /srv/code}
hosts:
  build1: {address: build1.invalid, roles: [build]}
  edge1: {address: edge1.invalid, roles: [static]}
"""
FABFILE = """\
from fabric import task
from fab_static import namespace

@task
def ours(c, fast=False):
    pass

namespace.add_task(ours)
"""
BELOW = """\
from invoke import Collection
from fab_static import namespace as static

namespace = Collection(static=static)
"""


def fab(folder: Path, fabfile: str, *words: str) -> tuple[int, str]:
    """Run fab beside an inventory of hosts that do not exist; return its exit code and what it said."""
    (folder / "inventories").mkdir()
    (folder / "inventories" / "staging.yml").write_text(INVENTORY)
    (folder / "fabfile.py").write_text(fabfile)
    ran = run(folder, *words)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("words", "problem", "where", "mend"),
    [
        (
            "stagin deploy",
            '"stagin" is not a task or an environment; did you mean `staging`?',
            WHERE,
            "fab staging deploy",
        ),
        (
            "staging deply --yes",
            '"deply" is not a task or an environment; did you mean `deploy`?',
            WHERE,
            "fab staging deploy --yes",
        ),
        (
            "staging deploy --wit=5",
            '"--wit" is not an option of deploy; did you mean `--wait`?',
            WHERE,
            "fab staging deploy --wait=5",
        ),
        (
            "staging status -x",
            '"-x" is not an option of status',
            WHERE,
            "see its options: fab --help status",
        ),
        (
            "staging deploy xyz",
            '"xyz" is not a task or an environment; the environments are staging',
            WHERE,
            "see all tasks: fab --list",
        ),
        (
            "production deploy",
            '"production" is not a task or an environment; the environments are staging',
            WHERE,
            "see all tasks: fab --list",
        ),
        (
            "staging",
            "no task was named",
            WHERE,
            "name one, such as fab staging check; see all: fab --list",
        ),
        (
            "staging deploy --wait",
            "--wait needs a value",
            "deploy",
            "see its options: fab --help deploy",
        ),
        ("staging why", "url is missing", "why", "see its options: fab --help why"),
        (
            "--help deplo",
            '"deplo" is not a task or an environment; did you mean `deploy`?',
            WHERE,
            "fab --help deploy",
        ),
    ],
)
def test_a_word_that_names_nothing_is_bad_input_with_the_nearest_that_does(
    tmp_path: Path, words: str, problem: str, where: str, mend: str
) -> None:
    """And nothing is said before it: no host is asked."""
    told = f"error: {problem}\n  where: {where}\n  mend:  {mend}\n"
    assert fab(tmp_path, FABFILE, *words.split()) == (2, told)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("deploy --wait nonsense", '"nonsense" is not a time'),
        ("rollback --to nope", '"nope" is not a release'),
        ("deploy --without edge9", '"edge9" is not a host'),
    ],
)
def test_a_value_that_is_refused_is_refused_before_any_host_is_said_to_be_asked(
    tmp_path: Path, words: str, problem: str
) -> None:
    code, told = fab(tmp_path, FABFILE, "staging", *words.split())
    assert (code, told[: len(problem) + 7]) == (2, f"error: {problem}")


def test_below_a_collection_the_nearest_word_has_its_name(tmp_path: Path) -> None:
    code, told = fab(tmp_path, BELOW, "static.stagin", "static.deploy")
    assert code == 2
    assert "mend:  fab static.staging static.deploy" in told


def test_an_environment_below_a_collection_needs_a_task_too(tmp_path: Path) -> None:
    code, told = fab(tmp_path, BELOW, "static.staging")
    assert code == 2
    assert "mend:  name one, such as fab static.staging static.check; see all" in told


def test_help_for_an_environment_needs_no_task(tmp_path: Path) -> None:
    assert fab(tmp_path, FABFILE, "--help", "staging")[0] == 0


def test_what_invoke_says_otherwise_is_said_as_it_is() -> None:
    error = problem("'5' is ambiguous", None, (), ("deploy",))
    assert str(error).splitlines()[0] == "'5' is ambiguous"
    assert error.mend == "see all tasks: fab --list"


def test_an_option_of_a_task_of_the_teams_own_is_answered_as_invoke_does(tmp_path: Path) -> None:
    assert fab(tmp_path, FABFILE, "ours", "--fats") == (1, "No idea what '--fats' is!\n")
