"""The phases of a build: the usual ones by their names, the project's own as mappings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from pathlib import PurePosixPath

import yaml

from fab_static.plan.build_order import BUILD_PHASES, OwnPhase
from fab_static.plan.inventory.section import Section, no_such

NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,31}")
# tasks of ours, as a phase would be spelled; tests/unit/tasks holds them to the command line
TAKEN = frozenset(
    (
        *(
            "activate",
            "cdn_function",
            "check",
            "deploy",
            "diff",
            "distribute",
            "export",
            "init",
            "invalidate",
            "join",
            "nginx",
        ),
        *(
            "plan",
            "prepare",
            "probe",
            "promote",
            "prune",
            "receive",
            "releases",
            "report",
            "rollback",
            "seal",
            "sign",
        ),
        *("status", "unlock", "verify", "why"),
    )
)


def read_phases(section: Section) -> tuple[tuple[str, ...], Mapping[str, OwnPhase]]:
    """Return the names of the phases as the inventory lists them, and the project's own among them."""
    if not section.has("phases"):
        return section.choices("phases", BUILD_PHASES, what="build phase", default=BUILD_PHASES), {}
    names: list[str] = []
    own: dict[str, OwnPhase] = {}
    for at, (value, part) in enumerate(section.list_of_sections("phases", "a phase")):
        place = f"phases[{at}]"
        name = value if part is None else part.text("name")
        if part is None and name not in BUILD_PHASES:
            section.problem(place, no_such(name, BUILD_PHASES, "build phase", "build phases"))
        elif name in names:
            section.problem(place, f'"{name}" stands there twice')
        elif part is not None:
            own[name] = _read_own(part, name)
        names.append(name)
    if not names and not section.is_wrong("phases"):
        section.problem("phases", "is empty; name at least one build phase")
    _refuse_shared(section, list(own.values()))
    return tuple(dict.fromkeys(filter(None, names))), own


def _read_own(part: Section, name: str) -> OwnPhase:
    if name and not NAME.fullmatch(name):
        part.problem("name", f'"{name}" is not a name of a phase: a-z, 0-9 and _ only, 32 at most')
    elif name in BUILD_PHASES:
        part.problem(
            "name",
            f"{name} is one of the usual phases; write its name alone, and its line to build.commands.{name}",
        )
    elif name in TAKEN:
        part.problem("name", f"{name} is a task already; choose another name")
    phase = OwnPhase(
        name, part.text("run"), part.list_of_text("writes"), part.list_of_text("reads")
    )
    for key, values in (("writes", phase.writes), ("reads", phase.reads)):
        for at, value in enumerate(values):
            if problem := _of_path(key, value):
                part.problem(f"{key}[{at}]", problem)
    part.close()
    return phase


def _of_path(key: str, value: str) -> str | None:
    """Return what is wrong with a path of a phase, or None if nothing is."""
    parts = PurePosixPath(value).parts
    if not value or "\0" in value:
        return "is empty"
    if value.startswith("/"):
        return f'"{value}" is a whole path; write it relative to project.path'
    if key == "writes" and (".." in parts or not parts):
        return f'"{value}" holds the checkout; name the files or folders in it that the phase makes'
    if key == "writes" and set(value) & set("*?["):
        return f'"{value}" is a pattern; name the folder that holds the files'
    return None


def _refuse_shared(section: Section, phases: Sequence[OwnPhase]) -> None:
    """Note each file or folder that two phases write: what one has made would be put back over the other's."""
    for other, phase in combinations(phases, 2):
        for theirs, path in product(other.writes, phase.writes):
            if _overlap(PurePosixPath(theirs), PurePosixPath(path)):
                section.problem(
                    "phases",
                    f"{other.name} writes {theirs}, and {phase.name} {path}: "
                    "give each a folder or a file of its own",
                )


def _overlap(one: PurePosixPath, other: PurePosixPath) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def spelled_phases(text: str) -> list[str]:
    """Return the names of the project's own phases in an inventory's text, however wrong the rest of it is."""
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return []
    build = data.get("build") if isinstance(data, dict) else None
    phases = build.get("phases") if isinstance(build, dict) else None
    found = (
        [one.get("name") for one in phases if isinstance(one, dict)]
        if isinstance(phases, list)
        else []
    )
    return [
        name
        for name in found
        if isinstance(name, str) and NAME.fullmatch(name) and name not in {*BUILD_PHASES, *TAKEN}
    ]
