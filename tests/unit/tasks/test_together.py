"""Options that mean nothing alone or beside another: they are refused before any task runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.tasks import namespace, together
from fab_static.tasks.ours import OurTask
from tests.unit.tasks.test_misspelt import BELOW, FABFILE, fab


@pytest.mark.parametrize(
    ("words", "task", "option", "needed"),
    [
        ("deploy --json", "deploy", "--json", "--dry-run"),
        ("deploy -j --yes", "deploy", "--json", "--dry-run"),
        ("compress deploy --json", "deploy", "--json", "--dry-run"),
        ("status --wait 5", "status", "--wait", "--repair"),
        ("unlock --because gone", "unlock", "--because", "--steal"),
        (
            "export --manifests image --without-objects-of x",
            "export",
            "--without-objects-of",
            "--out",
        ),
        ("verify --project-path /app", "verify", "--project-path", "--here"),
        ("verify --release x", "verify", "--release", "--here"),
    ],
)
def test_an_option_without_the_one_that_gives_it_a_meaning_is_bad_input(
    tmp_path: Path, words: str, task: str, option: str, needed: str
) -> None:
    """`deploy --json` went live, where a plan was wanted."""
    told = (
        f"error: {option} has no meaning without {needed}\n"
        f"  where: {task}\n"
        f"  mend:  add {needed}, or leave {option} out\n"
    )
    assert fab(tmp_path, FABFILE, "staging", *words.split()) == (2, told)


@pytest.mark.parametrize(
    ("words", "task", "option", "beside"),
    [
        ("deploy --rebuild --resume", "deploy", "--resume", "--rebuild"),
        ("deploy --verify-cache --resume", "deploy", "--resume", "--verify-cache"),
        ("deploy --dry-run --resume", "deploy", "--resume", "--dry-run"),
        ("deploy --dry-run --rebuild", "deploy", "--rebuild", "--dry-run"),
        ("deploy --dry-run --verify-cache", "deploy", "--verify-cache", "--dry-run"),
        ("deploy --dry-run --without edge1", "deploy", "--without", "--dry-run"),
        ("prepare --from qa --rebuild", "prepare", "--rebuild", "--from"),
        ("prepare --from qa --verify-cache", "prepare", "--verify-cache", "--from"),
        ("verify --here --audit", "verify", "--audit", "--here"),
        ("verify --here --wait 5", "verify", "--wait", "--here"),
    ],
)
def test_two_options_that_cannot_be_meant_at_once_are_bad_input(
    tmp_path: Path, words: str, task: str, option: str, beside: str
) -> None:
    """`deploy --rebuild --resume` said that nothing was stale, and rebuilt nothing."""
    code, told = fab(tmp_path, FABFILE, "staging", *words.split())
    first, where, mend = told.splitlines()
    assert code == 2
    assert first.startswith(f"error: {option} has no meaning beside {beside}: ")
    assert (where, mend) == (f"  where: {task}", f"  mend:  leave out {option} or {beside}")


def test_below_a_collection_options_are_refused_too(tmp_path: Path) -> None:
    code, told = fab(tmp_path, BELOW, "static.staging", "static.deploy", "--json")
    assert (code, told[:49]) == (2, "error: --json has no meaning without --dry-run\n  ")


def test_a_task_of_the_teams_own_may_have_any_options(tmp_path: Path) -> None:
    own = f"{FABFILE}\n@task\ndef status(c, wait=''):\n    print('waited', wait)\n"
    own += "\nfrom invoke import Collection\nnamespace = Collection(status, static=namespace)\n"
    assert fab(tmp_path, own, "status", "--wait=5") == (0, "waited 5\n")


@pytest.mark.parametrize(
    ("task", "given"),
    [
        ("deploy", ["dry_run", "json", "yes", "wait", "project_path"]),
        ("deploy", ["rebuild", "verify_cache"]),
        ("verify", ["here", "release", "project_path", "project_python"]),
        ("status", ["repair", "wait", "without", "json"]),
        ("why", ["json"]),
        ("rollback", ["check", "repair", "to"]),
    ],
)
def test_options_that_mean_something_together_are_taken(task: str, given: list[str]) -> None:
    assert together.problem(task, given) is None


def test_each_rule_names_options_that_its_task_has() -> None:
    """A renamed option would be passed over again."""
    tasks = {one.name: one for one in namespace.TASKS if isinstance(one, OurTask)}
    for name in {*together.NEEDS, *together.CONTRADICT}:
        has = {one.attr_name or one.name for one in tasks[name].get_arguments()}
        needs = together.NEEDS.get(name, {})
        pairs = [*needs.items(), *together.CONTRADICT.get(name, {})]
        assert {option for pair in pairs for option in pair} <= has
