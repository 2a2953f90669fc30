"""Which options of a task have no meaning alone, or beside another: they are refused, and never passed over."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

from fab_static.errors import InventoryError
from fab_static.tasks.ending import refuse, terminal_for
from fab_static.tasks.ours import OurTask

if TYPE_CHECKING:
    from invoke.program import Program

# task -> option -> the one that gives it a meaning; `prepare --release` and `report --index` say more themselves
NEEDS = {
    "deploy": {"json": "dry_run"},
    "status": {"wait": "repair"},
    "unlock": {"because": "steal"},
    "export": {"without_objects_of": "out"},
    "verify": dict.fromkeys(("release", "project_path", "project_python"), "here"),
}
_PLANNED = "the plan shows a deploy without it"
_STALE = "--resume runs only what is stale"
_TAKEN = "what --from names is built already"
# task -> two options -> why they cannot be meant at once
CONTRADICT = {
    "deploy": {
        ("resume", "rebuild"): f"{_STALE}, and --rebuild runs every phase",
        ("resume", "verify_cache"): f"{_STALE}, and --verify-cache runs every phase",
        ("resume", "dry_run"): _PLANNED,
        ("rebuild", "dry_run"): _PLANNED,
        ("verify_cache", "dry_run"): _PLANNED,
        ("without", "dry_run"): _PLANNED,
    },
    "prepare": {("rebuild", "from_"): _TAKEN, ("verify_cache", "from_"): _TAKEN},
    "verify": {
        ("audit", "here"): "--here asks the project on this machine, and no bucket",
        ("wait", "here"): "--here waits for no deploy",
    },
}


def problem(task: str, given: Collection[str]) -> InventoryError | None:
    """Return what is wrong with the options of a task, or None if each has a meaning.

    Args:
        task: its name on the command line.
        given: the names of the parameters that the command line sets.
    """
    for option, needed in NEEDS.get(task, {}).items():
        if option in given and needed not in given:
            one, other = _shown(option), _shown(needed)
            return InventoryError(
                f"{one} has no meaning without {other}",
                where=task,
                mend=f"add {other}, or leave {one} out",
            )
    for (option, beside), why in CONTRADICT.get(task, {}).items():
        if option in given and beside in given:
            one, other = _shown(option), _shown(beside)
            return InventoryError(
                f"{one} has no meaning beside {other}: {why}",
                where=task,
                mend=f"leave out {one} or {other}",
            )
    return None


def refuse_apart(program: Program) -> None:
    """Have such options refused before the first task of a command line runs.

    Args:
        program: the one behind `fab`.
    """
    read = program.parse_cleanup  # the last step: help and lists have ended by then

    def read_or_refuse() -> None:
        read()
        for one in program.tasks:
            known = program.collection[one.name]
            if not isinstance(known, OurTask):
                continue
            arguments = one.args.values()
            given = [each.attr_name or each.name for each in arguments if _is_set(each)]
            error = problem(known.name, given)
            if error:
                refuse(terminal_for({}, stream=sys.stderr, errors=None), error)

    setattr(program, "parse_cleanup", read_or_refuse)  # noqa: B010 - mypy takes no method for a variable


def _is_set(argument: object) -> bool:
    return bool(getattr(argument, "value", None) != getattr(argument, "default", None))


def _shown(parameter: str) -> str:
    """Return an option as the command line has it."""
    return "--" + parameter.strip("_").replace("_", "-")
