"""Calls a function as soon as the project has imported a module: nothing of it is imported before the project wants it.

A project's manage.py may say where its Django is: in a folder of its own, say.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Callable

MANAGEMENT = "django.core.management"


def add_command(name: str, command: object) -> None:
    """Have the project's Django know a management command of ours."""

    def listen() -> None:
        utility: Any = sys.modules[MANAGEMENT].ManagementUtility
        fetch = utility.fetch_command

        def fetch_command(self: object, subcommand: str) -> object:
            return command if subcommand == name else fetch(self, subcommand)

        utility.fetch_command = fetch_command

    when_imported(MANAGEMENT, listen)


def when_imported(name: str, then: Callable[[], None]) -> None:
    """Call `then` once a module has been loaded; at once where it is."""
    if name in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, _Awaited(name, then))


class _Awaited:
    """A finder that finds one module as others would, and has `then` called when it is loaded."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self._name = name
        self._then = then

    def find_spec(self, name: str, *_where: object) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is None or spec.loader is None:
            sys.meta_path.insert(0, self)  # a manage.py may look in vain, and then say where it is
            return spec
        load = spec.loader.exec_module

        def load_and_tell(module: ModuleType) -> None:
            load(module)
            self._then()

        # not here and now: no other thread can import meanwhile
        spec.loader.exec_module = load_and_tell  # type: ignore[method-assign]
        return spec
