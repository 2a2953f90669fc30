"""The words of the command line, however an inventory is named and wherever our tasks stand."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fab_static.tasks import names

ROOT = Path(__file__).resolve().parents[3]
FAB = Path(sys.executable).parent / "fab"
NESTED = """\
from invoke import Collection, task
from fab_static import namespace as static


@task
def migrate(c): ...


namespace = Collection(migrate)
namespace.add_collection(static, "static")
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inventories").mkdir()
    shutil.copy(ROOT / "fabfile.py", tmp_path)
    add(tmp_path, "staging")
    return tmp_path


def add(folder, *environments):
    for name in environments:
        shutil.copy(ROOT / "inventories" / "staging.yml", folder / "inventories" / f"{name}.yml")


def fab(folder, *words):
    ran = subprocess.run(
        [FAB, *words],
        cwd=folder,
        env={**os.environ, "XDG_STATE_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ran.stderr
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize("word", ["eu_west", "eu-west"])
def test_an_environment_with_an_underscore_works_under_both_spellings(folder, word):
    """(fleet C21)."""
    add(folder, "eu_west")
    code, shown, _ = fab(folder, word, "nginx")
    assert (code, "server {" in shown) == (0, True)
    code, _, errors = fab(folder, word, "report", "A")
    assert code == 2
    assert "choose one of: fab eu_west releases" in errors


@pytest.mark.parametrize("word", ["eu.west.1", "eu-west-1"])
def test_an_environment_with_dots_works_and_is_no_collection(folder, word):
    add(folder, "eu.west.1")
    assert fab(folder, word, "nginx")[0] == 0
    assert fab(folder, "staging", "nginx")[0] == 0


def test_two_environments_of_one_word_are_refused_and_the_others_work(folder):
    add(folder, "eu_west", "eu-west")
    for word in ("eu_west", "eu-west"):
        assert fab(folder, word, "nginx") == (
            2,
            "",
            "error: eu-west.yml and eu_west.yml are one word on the command line: eu-west\n"
            f"  where: {folder}/inventories\n"
            "  mend:  rename one of them\n",
        )
    assert fab(folder, "staging", "nginx")[0] == 0


def test_an_inventory_named_as_a_task_is_refused_in_words_and_the_others_work(folder):
    """(fleet C26)."""
    add(folder, "deploy", "cdn_function")
    for word in ("deploy", "cdn-function"):
        code, shown, errors = fab(folder, word, "status")
        assert (code, shown) == (2, "")
        assert errors == (
            "error: no environment was named; there are: staging; "
            '"cdn_function" is a task, and cannot be an environment; '
            '"deploy" is a task, and cannot be an environment\n'
            "  where: the command line\n"
            "  mend:  put one before the task: fab <environment> deploy; "
            f"rename {folder}/inventories/cdn_function.yml; rename {folder}/inventories/deploy.yml\n"
        )
    assert fab(folder, "staging", "nginx")[0] == 0
    assert fab(folder, "--list")[0] == 0


def test_files_that_editors_leave_beside_an_inventory_are_no_environments(folder):
    add(folder, ".#staging", "._production")
    code, listed, _ = fab(folder, "--list")
    assert code == 0
    assert listed.count("Environment ·") == 1


def test_below_a_collection_arguments_are_understood_and_hints_name_commands_that_exist(folder):
    """(fleet C25)."""
    (folder / "fabfile.py").write_text(NESTED)
    add(folder, "eu_west")
    code, _, errors = fab(folder, "static.staging", "static.diff", "A", "B")
    assert code == 2
    assert errors == (
        'error: "A" is not a release; ids look like 20261122T170102Z-3f9c1a7b\n'
        "  where: the release named\n"
        "  mend:  choose one of: fab static.staging static.releases\n"
    )
    never = "20200101T000000Z-00000000"
    code, _, errors = fab(folder, "static.eu_west", "static.report", never)
    assert (code, errors.splitlines()[0]) == (1, f"error: no report of {never} is kept here")
    code, _, errors = fab(folder, "static.status")
    assert code == 2
    assert "put one before the task: fab static.<environment> static.deploy\n" in errors
    assert fab(folder, "static.staging", "static.nginx", "migrate")[0] == 0


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("fab staging deploy --resume", "fab static.staging static.deploy --resume"),
        (
            "run: fab staging resource-static compress seal, or",
            "run: fab static.staging static.resource-static static.compress static.seal, or",
        ),
        ("fab eu-west rollback --to A", "fab static.eu-west static.rollback --to A"),
        ("`fab … diff` shows all", "`fab … static.diff` shows all"),
        ("fab <env> nginx", "fab static.<env> static.nginx"),
        ("fab other deploy", "fab other deploy"),
        ("a prefab staging deploy", "a prefab staging deploy"),
        ("fab staging deployment", "fab static.staging deployment"),
    ],
)
def test_commands_are_written_as_they_are_called_below_a_collection(text, written):
    below = names.below(
        "static.",
        ["staging", "eu-west"],
        ["deploy", "resource-static", "compress", "seal", "rollback", "diff", "nginx"],
    )
    assert below(text) == written
    assert names.below("", ["staging"], ["deploy"])(text) == text


def test_the_collection_is_known_by_the_first_of_our_words():
    known = ["staging", "deploy"]
    assert names.prefix_of(["static.staging", "static.deploy"], known) == "static."
    assert names.prefix_of(["a.b.deploy"], known) == "a.b."
    assert names.prefix_of(["staging", "deploy", "x.staging"], known) == ""
    assert names.prefix_of(["-c", "fabfile", "migrate"], known) == ""
