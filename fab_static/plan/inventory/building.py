"""The project of an inventory, and how its static files are built."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from fab_static.plan.build_order import BUILD_PHASES, order_of
from fab_static.plan.encodings import ENDINGS
from fab_static.plan.inventory.environment import Build, Project
from fab_static.plan.inventory.own_phases import read_phases
from fab_static.plan.inventory.section import Section, no_such

MOST_DELTAS = 20  # earlier releases; each costs the seal its time again
_OPERATORS = ";&|<>"  # of a shell


def read_project(section: Section) -> Project:
    """Return the checkout of the Django project, on build and web hosts."""
    project = Project(
        path=section.absolute("path"),
        python=section.text("python", "python3"),
        settings=section.optional_text("settings"),
        environment=section.texts("environment"),
        secrets=section.list_of_text("secrets"),
    )
    for at, secret in enumerate(project.secrets):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", secret):
            section.problem(
                f"secrets[{at}]",
                "is not a name of an environment variable; write the name, never the value",
            )
        if secret in project.environment:
            section.problem(f"secrets[{at}]", f"{secret} stands in environment too; keep one")
    section.close()
    return project


def read_build(section: Section) -> Build:
    """Return the phases of the build in the order that they run, with their commands."""
    phases, own = read_phases(section)
    commands = section.texts("commands")
    for phase in commands:
        if phase not in BUILD_PHASES:
            section.problem(
                f"commands.{phase}", no_such(phase, BUILD_PHASES, "build phase", "build phases")
            )
        elif problem := _of_command(commands[phase]):
            section.problem(f"commands.{phase}", problem)
    precompress = section.choices(
        "precompress", tuple(ENDINGS), what="encoding", default=("gzip",), may_be_empty=True
    )
    trust = section.list_of_text("trust")
    by_content = section.list_of_text("by_content")
    for at, program in enumerate(by_content):
        if "/" in program:
            name = PurePosixPath(program).name
            section.problem(
                f"by_content[{at}]", f'"{program}" is a path; write the name alone: {name}'
            )
    immutable = section.list_of_text("immutable")
    for at, glob in enumerate(immutable):
        problem = _of_glob(glob)
        if problem:
            section.problem(f"immutable[{at}]", f'"{glob}" {problem}')
    deltas = section.integer("deltas", 0, most=MOST_DELTAS)
    section.close()
    # the order of the usual ones follows from what they read and write, not from the list
    ordered = tuple(phase for phase in order_of(phases) if phase in phases)
    return Build(ordered, own, commands, precompress, trust, by_content, immutable, deltas)


def _of_glob(glob: str) -> str | None:
    """Return what is wrong with a glob of files in the static root, or None if nothing is."""
    if glob.startswith("/") or ".." in glob.split("/"):
        return 'must be relative to STATIC_ROOT, without "..", such as dist/assets/**'
    if not glob.strip("*/"):
        return "names every file; stylesheets and images keep their names when their bytes change"
    return None


def _of_command(text: str) -> str | None:
    """Return what is wrong with a phase's command, or None if nothing is."""
    if not text.strip():
        return "is empty; write the command, or leave the key out for the usual one"
    if text.split(maxsplit=1)[0] != "manage.py":
        return None  # a shell line: the shell reads it
    try:
        command = shlex.split(text)[1:]
        words = list(shlex.shlex(text, punctuation_chars=_OPERATORS))
    except ValueError as error:
        return f'"{text}" cannot be read: {str(error).lower()}'
    operator = next((word for word in words if set(word) <= set(_OPERATORS)), None)
    if operator is not None:
        return (
            f'"{text}" begins with manage.py, so no shell reads its {operator}; write the '
            "interpreter's whole path before each manage.py, and a shell reads the line"
        )
    if not command or command[0].startswith("-"):
        return f'"{text}" names no management command; write it after manage.py'
    return None
