"""A precompiler's command is not run again while all that it read is the same."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.django_starts import run_python

# compressor's own filter, with our step-in, and an observer that says of each command that it read vars.txt
SCRIPT = """
    import json, os, subprocess, sys
    from fab_static.host.project.precompilers.kept import Kept
    from fab_static.host.project.precompilers.stepping_in import Calls, step_in
    from fab_static.host.project.reads.programs import Ran
    from fab_static.host.project.reads.states import state_of
    import django
    from django.conf import settings
    settings.configure(INSTALLED_APPS=["compressor"], STATIC_URL="/static/", STATIC_ROOT="static")
    django.setup()
    from compressor.exceptions import FilterError
    from compressor.filters import base
    order = json.loads(sys.argv[1])
    told = []
    sys.addaudithook(lambda event, words: told.append(words) if event == "fab_static.read" else None)
    ran = []

    def observe(words, folder, data):
        inputs = [["bytes", os.path.join(folder, "vars.txt"), state_of("bytes", "vars.txt"), None]]
        ran.append(words[-1])
        done = subprocess.run(words, cwd=folder, input=data, capture_output=True)
        return Ran(done.returncode, done.stdout, done.stderr, inputs, order["written"], order["unseen"])

    calls = Calls(order["without"] or observe, Kept("kept"), verifies=order["verifies"])
    step_in(base, calls)
    answers = []
    for content, filename in order["sources"]:
        compiler = base.CachedCompilerFilter(
            content=content, filter_type="css", filename=filename, charset="utf-8", command=order["command"],
            mimetype="text/x")
        try:
            answers.append(compiler.input())
        except FilterError as error:
            answers.append(f"FilterError: {error}")
    print(json.dumps({"answers": answers, "ran": ran, "told": told}))
"""
INLINE = [["a { b: c }", None]]
TO_FILE = "cat {infile} vars.txt > {outfile}"


class Project:
    """A folder in which compressor compiles what it is given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.errors = ""
        self.told: list[Any] = []
        self.ran: list[str] = []
        (folder / "vars.txt").write_text(" red")

    def compiled(self, command: str = TO_FILE, sources: Any = INLINE, **order: Any) -> list[str]:
        given = {"written": [], "unseen": [], "verifies": False, "without": None, **order}
        asked = json.dumps({**given, "command": command, "sources": sources})
        done = run_python(
            "-c", textwrap.dedent(SCRIPT), asked, cwd=self.folder, env=os.environ, text=True
        )
        assert done.returncode == 0, done.stderr
        self.errors = done.stderr
        answer = json.loads(done.stdout)
        self.told, self.ran = answer["told"], answer["ran"]
        answers: list[str] = answer["answers"]
        return answers


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        TO_FILE,
        "cat {infile} vars.txt",
        "cat - vars.txt",
        "cat - vars.txt > {outfile}",
        "cat < {infile} - vars.txt",
    ],
)
def test_what_a_command_made_is_used_again_while_what_it_read_is_the_same(
    project: Project, command: str
) -> None:
    made = project.compiled(command)
    assert made == ["a { b: c } red"]
    assert len(project.ran) == 1
    assert project.compiled(command) == made
    assert project.ran == []
    (project.folder / "vars.txt").write_text(" blue")
    assert project.compiled(command) == ["a { b: c } blue"]


def test_each_source_is_a_call_of_its_own(project: Project) -> None:
    project.compiled(sources=[["a {}", None]])
    assert project.compiled(sources=[["a {}", None], ["b {}", None]]) == ["a {} red", "b {} red"]
    assert len(project.ran) == 1


def test_one_source_in_two_blocks_is_compiled_once(project: Project) -> None:
    assert project.compiled(sources=INLINE * 2) == ["a { b: c } red"] * 2
    assert len(project.ran) == 1


def test_a_file_of_another_name_is_another_source(project: Project) -> None:
    for name in ("one.x", "two.x"):
        (project.folder / name).write_text("a {}")
        project.compiled(sources=[["a {}", str(project.folder / name)]])
        assert len(project.ran) == 1


def test_another_command_line_or_environment_is_another_call(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.compiled("cat {infile} vars.txt")
    project.compiled("cat  {infile} vars.txt")
    assert len(project.ran) == 1
    monkeypatch.setenv("SASS_PATH", "/elsewhere")
    project.compiled("cat {infile} vars.txt")
    assert len(project.ran) == 1


def test_what_an_answered_call_had_read_counts_as_read_by_the_phase(project: Project) -> None:
    """Else a changed variable would not be seen by the next deploy."""
    project.compiled()
    assert project.told == []  # whoever runs it tells
    project.compiled()
    variables = project.folder / "vars.txt"
    assert [(path, aspect) for path, _, aspect in project.told] == [(str(variables), "bytes")]


def test_a_failure_is_told_as_compressor_tells_it_and_nothing_is_kept(project: Project) -> None:
    failing = "echo no such colour >&2; exit 3"
    for _ in range(2):
        assert project.compiled(failing) == ["FilterError: no such colour\n"]
        assert len(project.ran) == 1


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({"written": ["/srv/out.map"]}, "it wrote /srv/out.map"),
        ({"unseen": ["it asked the network"]}, "it asked the network"),
    ],
)
def test_what_nobody_could_give_back_runs_each_time_and_says_why_once(
    project: Project, order: Any, why: str
) -> None:
    for _ in range(2):
        project.compiled(sources=[["a {}", None], ["b {}", None]], **order)
        assert len(project.ran) == 2
        assert (
            project.errors
            == f"fab_static: cat runs each time: {why} (the style element `a {{}}`)\n"
        )


def test_files_that_a_command_leaves_beside_its_output_hold_nothing_up(project: Project) -> None:
    """Sass writes a source map there, whose name stands in the CSS."""
    sass = "cat {infile} > {outfile}; echo map > {outfile}.map; basename {outfile} >> {outfile}"
    made = project.compiled(sass)
    assert made == ["a { b: c }outfile.css\n"]
    assert project.compiled(sass) == made
    assert project.ran == []


def test_an_output_that_names_a_temporary_file_is_made_each_time(project: Project) -> None:
    for _ in range(2):
        project.compiled("echo {infile}")
        assert len(project.ran) == 1
    assert "its output names a temporary file" in project.errors


def test_verifying_compiles_anyway_and_passes_where_nothing_differs(project: Project) -> None:
    made = project.compiled()
    assert project.compiled(verifies=True) == made
    assert len(project.ran) == 1


def test_verifying_names_a_source_that_is_made_anew_each_time(project: Project) -> None:
    chance = "cat {infile}; date +%N"
    project.compiled(chance)
    (told,) = project.compiled(chance, verifies=True)
    assert told == (
        "FilterError: cat has made something else of the same files than it did before, and what it made then "
        "would have been used again\n  where: the style element `a { b: c }`\n  mend:  let `cat {infile}; date "
        "+%N` make the same each time: no clock, no chance; until then it runs each time"
    )
    project.compiled(chance)
    assert len(project.ran) == 1
    assert "it made something else of the same files" in project.errors


def test_where_nothing_is_observed_it_runs_as_ever_and_the_reason_is_said_once(
    project: Project,
) -> None:
    for _ in range(2):
        sources = [["a {}", None], ["b {}", None]]
        made = project.compiled(sources=sources, without="strace is not installed")
        assert made == ["a {} red", "b {} red"]
        assert project.errors == "fab_static: cat runs each time: strace is not installed\n"
        assert not (project.folder / "kept").exists()


def test_a_result_that_another_account_may_have_written_is_not_used(project: Project) -> None:
    """(fleet D)."""
    project.compiled()
    (kept,) = (path for path in (project.folder / "kept").rglob("*") if path.is_file())
    kept.chmod(0o666)
    project.compiled()
    assert len(project.ran) == 1


def test_a_damaged_result_is_not_used(project: Project) -> None:
    project.compiled()
    (kept,) = (path for path in (project.folder / "kept").rglob("*") if path.is_file())
    kept.write_bytes(kept.read_bytes()[:-1] + b"!")
    assert project.compiled() == ["a { b: c } red"]
    assert len(project.ran) == 1
