"""SPEAKS: the command line, fab <environment> <task> [options].

Reads words, clock and files, calls the api, prints, and exits with the code that says how it ended. This
folder alone imports invoke, prints and exits.

- first_line speaks before all else is loaded;
- namespace is what a fabfile gets;
- living, looking, serving and single hold the tasks;
- ending turns how a task ends into words and a code;
- chosen and names know how things are called on this command line.

`fab --list` runs no task. So each task imports what it needs in its body. The list is there at once, and
`status` does not wait for what only a deploy needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fab_static.tasks.ending import EXIT_CODES
    from fab_static.tasks.namespace import TASKS, namespace_beside

_FROM = {"EXIT_CODES": "ending", "TASKS": "namespace", "namespace_beside": "namespace"}


def __getattr__(name: str) -> object:
    """Load what is asked for: first_line speaks before any of it is there."""
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_FROM[name]}"), name)
    return found


__all__ = ["EXIT_CODES", "TASKS", "namespace_beside"]
