"""Phases of the project's own in an inventory."""

from __future__ import annotations

import pytest

from fab_static.errors import InventoryError
from fab_static.plan import inventory
from fab_static.plan.build_order import BUILD_PHASES, OwnPhase
from fab_static.plan.inventory.own_phases import TAKEN, spelled_phases
from fab_static.tasks.chosen import TASK_WORDS
from fab_static.tasks.namespace import TASKS

SMALL = """\
app: shop
deploy_to: /srv/shop/static
hosts: {here: {local: true, roles: [build, static, web]}}
project: {path: /srv/shop/code}
"""


def built(phases: str) -> inventory.Build:
    """Return the build of an inventory with these phases."""
    text = f"{SMALL}build: {{phases: {phases}}}\n"
    return inventory.parse(text, name="staging", source="staging.yml").build


def test_a_phase_of_its_own_stands_where_the_list_has_it() -> None:
    found = built(
        "[{name: vite, run: npm run build, writes: [assets/dist], reads: ['frontend/**', ../package.json]},"
        " collectstatic, {name: sizes, run: sh sizes.sh}, compress]"
    )
    assert found.phases == ("vite", "collectstatic", "sizes", "compress")
    assert found.own == {
        "vite": OwnPhase(
            "vite", "npm run build", ("assets/dist",), ("frontend/**", "../package.json")
        ),
        "sizes": OwnPhase("sizes", "sh sizes.sh"),
    }


def test_the_usual_ones_keep_their_order_and_own_ones_follow_what_they_follow_in_the_list() -> None:
    found = built("[compress, {name: after, run: x}, collectstatic, {name: late, run: x}]")
    assert found.phases == ("collectstatic", "late", "compress", "after")


@pytest.mark.parametrize(
    ("phases", "problem"),
    [
        (
            "[{name: Vite!, run: x}]",
            'phases[0].name (line 5): "Vite!" is not a name of a phase: a-z, 0-9',
        ),
        ("[{name: status, run: x}]", "phases[0].name (line 5): status is a task already"),
        ("[{name: compress, run: x}]", "compress is one of the usual phases; write its name alone"),
        ("[{run: x}]", "phases[0].name: is missing"),
        ("[{name: vite}]", "phases[0].run: is missing"),
        ("[{name: vite, run: x, wirtes: [a]}]", "unknown key; did you mean `writes`?"),
        ("[{name: vite, run: x, writes: [/srv]}]", '"/srv" is a whole path; write it relative'),
        ("[{name: vite, run: x, writes: [.]}]", '"." holds the checkout'),
        ("[{name: vite, run: x, writes: [../x]}]", '"../x" holds the checkout'),
        ("[{name: vite, run: x, writes: ['a/*']}]", '"a/*" is a pattern; name the folder'),
        ("[{name: vite, run: x, reads: [/etc]}]", '"/etc" is a whole path'),
        (
            "[{name: vite, run: x}, {name: vite, run: y}]",
            'phases[1] (line 5): "vite" stands there twice',
        ),
        ("[collectstatic, collectstatic]", '"collectstatic" stands there twice'),
        (
            "[{name: a, run: x, writes: [dist]}, {name: b, run: x, writes: [dist/js]}]",
            "a writes dist, and b dist/js: give each a folder or a file of its own",
        ),
        ("[3]", "phases[0] (line 5): must be the name of a phase, or a mapping, not 3"),
        ("[]", "is empty; name at least one build phase"),
        ("vite", "must be a list: [vite]"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(phases: str, problem: str) -> None:
    with pytest.raises(InventoryError) as caught:
        built(phases)
    assert problem in caught.value.what


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InventoryError) as caught:
        built("[{name: why, run: x, writes: [/a, ../b]}, colectstatic]")
    assert len(caught.value.what.splitlines()) == 5


def test_names_that_are_tasks_are_those_of_the_command_line() -> None:
    assert TASK_WORDS
    words = {task.name.replace("-", "_") for task in TASKS} | {"promote", "receive"}
    assert words - set(BUILD_PHASES) == TAKEN


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("build: {phases: [{name: vite, run: x}, collectstatic]}", ["vite"]),
        ("build: {phases: [{name: status, run: x}, {name: [1], run: x}, {run: x}]}", []),
        ("build: [run:]", []),
        ("a: b: c", []),
        ("build: {phases: vite}", []),
        ("", []),
    ],
)
def test_tasks_are_named_however_wrong_the_rest_of_the_file_is(text: str, names: list[str]) -> None:
    assert spelled_phases(text) == names
