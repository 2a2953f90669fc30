"""The command line before any host is asked: names, help, completion."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fab_static.tasks import TASKS

ROOT = Path(__file__).resolve().parents[3]
APP = "shop"
RELEASE = "20261122T170102Z-3f9c1a7b"
FAB = Path(sys.executable).parent / "fab"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("operator")
    (folder / "inventories").mkdir()
    shutil.copy(ROOT / "fabfile.py", folder)
    for name in ("staging", "production"):
        shutil.copy(ROOT / "inventories" / "staging.yml", folder / "inventories" / f"{name}.yml")
    return folder


def fab(folder, *words):
    return subprocess.run(
        [FAB, *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80", "PATH": f"{FAB.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_list_says_of_each_name_what_kind_it_is_in_one_line(folder):
    lines = fab(folder, "--list").stdout.strip().splitlines()[2:]
    assert all(" · " in line for line in lines), lines  # none is broken in two
    kinds = {line.split()[0]: line.split()[1] for line in lines}
    assert kinds["staging"] == kinds["production"] == "Environment"
    assert kinds["deploy"] == kinds["rollback"] == "Live"
    assert kinds["status"] == kinds["why"] == "Look"
    assert kinds["compress"] == kinds["prune"] == "Phase"


@pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
def test_every_task_says_what_it_does_and_shows_an_example_of_itself(task):
    """What `fab --help <task>` prints; tests/integration/test_documented.py runs them all."""
    first, *rest = task.__doc__.strip().splitlines()
    assert re.fullmatch(r"(Begin|Live|Look|Phase \d+) · [A-Z].*\.", first)
    examples = [
        line.split("  ")[0].split()
        for line in (one.strip() for one in rest)
        if line.startswith("fab ")
    ]
    assert examples
    at = 1 if task.name == "init" else 2  # it comes before there is an environment
    assert all(words[at] == task.name.replace("_", "-") for words in examples)
    assert [
        line for line in task.__doc__.splitlines() if len(line) > 78
    ] == []  # Invoke indents by 2
    assert set(task.help) == {argument.name for argument in task.get_arguments()}


@pytest.mark.parametrize("task", ["deploy", "compress"])
def test_help_shows_examples(folder, task):
    ran = fab(folder, "--help", task)
    assert ran.returncode == 0
    assert f" {task}" in next(line for line in ran.stdout.splitlines() if line.startswith("  fab "))


def complete(folder, line, word):
    """Return what bash offers for a line, with the script that fab prints."""
    script = f"""
source <(fab --print-completion-script bash)
COMP_WORDS=({line}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_complete_fab fab '{word}'; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": f"{FAB.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.split()


def test_the_shell_completes_environments_tasks_and_options(folder):
    assert complete(folder, "fab sta", "sta") == ["staging", "status"]
    assert complete(folder, "fab staging roll", "roll") == ["rollback"]
    assert complete(folder, "fab staging rollback --re", "--re") == ["--repair"]


def test_the_shell_completes_releases_from_this_machines_archive(folder, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    runs = folder / "state" / "fab_static" / APP / "staging"
    runs.mkdir(parents=True)
    (runs / "20261122T170102Z-deploy.json").write_text(f'{{"release": "{RELEASE}"}}')
    assert complete(folder, "fab staging rollback --to", "") == ["previous", RELEASE]
    assert complete(folder, f"fab staging diff {RELEASE[:4]}", RELEASE[:4]) == [RELEASE]


@pytest.mark.parametrize("words", [["foo"], ["foo", "bar"], ["--new", "foo"]])
def test_diff_takes_releases_by_place_or_by_name(folder, words):
    """Exit 2: they were understood, and are none."""
    ran = fab(folder, "staging", "diff", *words)
    assert ran.returncode == 2
    assert f'"{words[-1] if words[0] == "--new" else words[0]}" is not a release' in ran.stderr
