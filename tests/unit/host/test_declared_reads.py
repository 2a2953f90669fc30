"""What a phase of the project's own says that it reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fab_static.host.project.reads.declared import are_files, inputs_of
from fab_static.host.project.reads.globs import matching
from fab_static.host.project.reads.states import state_of

FILES = (
    "package.json",
    "frontend/main.ts",
    "frontend/.babelrc",
    "frontend/pages/cart.ts",
    "frontend/pages/deep/x.test.ts",
    "frontend/dist/out.js",
    "frontend/__pycache__/x.pyc",
    ".git/config",
)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    code = tmp_path / "code"
    for name in FILES:
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text(name)
    (tmp_path / "lock.json").write_text("{}")
    return code


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("package.json", ["package.json"]),
        ("frontend/*.ts", ["frontend/main.ts"]),
        (
            "frontend/**/*.ts",
            ["frontend/main.ts", "frontend/pages/cart.ts", "frontend/pages/deep/x.test.ts"],
        ),
        ("frontend/**/deep/*", ["frontend/pages/deep/x.test.ts"]),
        ("frontend/pages", ["frontend/pages/cart.ts", "frontend/pages/deep/x.test.ts"]),
        ("frontend/pages/", ["frontend/pages/cart.ts", "frontend/pages/deep/x.test.ts"]),
        ("frontend/[m]ain.??", ["frontend/main.ts"]),
        ("frontend/[!m]*.ts", []),
        ("frontend/main.ts/*", []),
        ("../lock.json", ["../lock.json"]),
        ("nothing/**", []),
    ],
)
def test_a_glob_names_files(code: Path, pattern: str, found: list[str]) -> None:
    whole = os.path.normpath(code / pattern)
    assert [os.path.relpath(path, code) for path in matching(whole)] == found


def test_two_stars_are_all_below_dot_files_too_and_not_what_the_phase_writes(code: Path) -> None:
    inputs, nothing = inputs_of(str(code), ["frontend/**"], ["frontend/dist"], 0)
    names = [os.path.relpath(path, code) for aspect, path, _, _ in inputs if aspect == "bytes"]
    assert sorted(names) == [
        "frontend/.babelrc",
        "frontend/main.ts",
        "frontend/pages/cart.ts",
        "frontend/pages/deep/x.test.ts",
    ]
    assert nothing == []


def test_a_file_that_comes_or_goes_is_another_state(code: Path) -> None:
    (glob, *_), _ = inputs_of(str(code), ["frontend/**"], ["frontend/dist"], 0)
    assert glob[0] == "matches"
    assert state_of("matches", glob[1]) == glob[2]
    (code / "frontend/dist/more.js").write_text("x")
    assert state_of("matches", glob[1]) == glob[2], "its own output is not an input"
    (code / "frontend/more.ts").write_text("x")
    assert state_of("matches", glob[1]) != glob[2]


@pytest.mark.parametrize("pattern", ["frontend/dist/*.js", "frontend/dist/out.js", "frontend/dist"])
def test_what_lies_in_a_folder_that_the_phase_writes_is_no_input(code: Path, pattern: str) -> None:
    inputs, nothing = inputs_of(str(code), [pattern], ["frontend/dist"], 0)
    assert [one[0] for one in inputs] == ["matches"]
    assert nothing == [pattern]
    assert are_files(str(code), pattern)
    assert not are_files(str(code), "frontend/dist/*.css")


def test_a_glob_that_matches_nothing_is_named(code: Path) -> None:
    assert inputs_of(str(code), ["*.md", "package.json"], [], 0)[1] == ["*.md"]
