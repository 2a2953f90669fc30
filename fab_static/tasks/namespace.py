"""All tasks, with one for each environment: what a fabfile imports."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.program import Program
from invoke.tasks import Task

from fab_static.errors import InventoryError
from fab_static.phases import EVERYTHING
from fab_static.plan.spelling import spelled, task_name
from fab_static.sessions.environments import environments, file_of, own_phases
from fab_static.tasks import first_line, names
from fab_static.tasks.beginning import init
from fab_static.tasks.chosen import CHOSEN, ENVIRONMENTS, TASK_WORDS
from fab_static.tasks.ending import refuse, terminal_for
from fab_static.tasks.exporting import export, sign
from fab_static.tasks.fabric_settings import given_by, let_fabric_go_on
from fab_static.tasks.living import activate, deploy, join, prepare, rollback
from fab_static.tasks.looking import check, diff, plan, releases, report, status, unlock, why
from fab_static.tasks.misspelt import refuse_idle, refuse_misspelt
from fab_static.tasks.ours import folded
from fab_static.tasks.reader import end_with_reader
from fab_static.tasks.serving import cdn_function, nginx
from fab_static.tasks.single import phase_task
from fab_static.tasks.together import refuse_apart

# Python's own is 700 objects: in a release of 10,000 files a quarter of our time would go into looking for cycles
GARBAGE_AFTER = 100_000

TASKS = (
    init,
    deploy,
    prepare,
    activate,
    rollback,
    join,
    plan,
    status,
    releases,
    diff,
    report,
    why,
    check,
    unlock,
    export,
    sign,
    nginx,
    cdn_function,
    *(phase_task(name) for name in EVERYTHING if name != "activate"),
)
for one in TASKS:
    one.__doc__ = folded(one.__doc__ or "")
TASK_WORDS[:] = [spelled(one.name) for one in TASKS]


def namespace_beside(folder: Path) -> Collection:
    """Return the tasks, with one for each environment of the `inventories` folder in this folder.

    An inventory that can be no environment is refused when it is asked for; the others work.
    """
    inventories = folder / "inventories"
    collection = Collection(*TASKS)
    taken = set(collection.task_names)
    known = environments(inventories)
    alike = names.alike(known)
    for name in known:
        if spelled(name) not in taken:
            collection.add_task(_environment_task(name, inventories, alike), spelled(name))
    for name in own_phases(inventories):
        if task_name(name) not in {*collection.task_names, *known}:
            collection.add_task(phase_task(name))
    ENVIRONMENTS[:] = known
    CHOSEN.setdefault("inventories", inventories)
    _meet_program(known, inventories, set(collection.task_names))
    return collection


def _environment_task(name: str, inventories: Path, alike: Mapping[str, list[str]]) -> Task[Any]:
    same = alike.get(spelled(name), [])
    files = " and ".join(file_of(one, inventories) for one in same or [name])

    def choose(c: Context) -> None:
        first_line.end()
        if same:
            error = InventoryError(
                f"{files} are one word on the command line: {spelled(name)}",
                where=str(inventories),
                mend="rename one of them",
            )
            refuse(terminal_for({}, stream=sys.stderr, errors=None), error)
        try:
            given = given_by(c.config)
        except InventoryError as error:
            refuse(terminal_for({}, stream=sys.stderr, errors=None), error)
        CHOSEN.update(environment=name, inventories=inventories, given=given)

    choose.__doc__ = f"Environment · inventories/{files}" + (": rename one of them" if same else "")
    return Task(choose, name=spelled(name))


def _meet_program(environments: list[str], inventories: Path, ours: set[str]) -> None:
    """Tell `fab` itself of our names, and what must not end our tasks.

    `fab eu_west` and `fab eu.west` shall mean the task eu-west: Invoke knows names with dashes alone.
    """
    frame = sys._getframe()  # no other way: it has no hook between reading our tasks and its words
    while frame := frame.f_back:  # type: ignore[assignment]
        program = frame.f_locals.get("self")
        if isinstance(program, Program) and hasattr(program, "core"):
            gc.set_threshold(GARBAGE_AFTER)
            words = program.core.unparsed
            words[:] = [names.as_spelled(word, environments) for word in words]
            if hasattr(program.config, "load_ssh_config"):
                let_fabric_go_on(program, ours)
            end_with_reader(program)
            if not program.args.complete.value:
                refuse_misspelt(program, ours)
                refuse_idle(program, [spelled(name) for name in environments])
                refuse_apart(program)
            _complete_releases(program, environments, inventories)
            return


def _complete_releases(program: Program, environments: list[str], inventories: Path) -> None:
    """Offer releases to the shell, where it asks; Invoke adds the names of tasks and options."""
    # `from fab_static import namespace` asks for it twice
    if program.args.complete.value and not CHOSEN.setdefault("completes", False):
        CHOSEN["completes"] = True
        from fab_static.tasks.completing import releases_for  # not above: a command completes none

        for name in releases_for(program.core.remainder, environments, inventories):
            print(name)  # noqa: T201 - as Invoke does
