"""The modules of the host agent, all of them at once, for tests that replace what several use."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from fab_static.host import agent


def rooms() -> list[ModuleType]:
    """Return the modules of the agent."""
    names = [each.name for each in pkgutil.iter_modules(agent.__path__)]
    return [import_module(f"{agent.__name__}.{name}") for name in names]


def replace(monkeypatch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    """Replace a function or a number of the agent wherever it is used."""
    users = [room for room in rooms() if hasattr(room, name)]
    assert users, f"no module of the agent has {name}"
    for room in users:
        monkeypatch.setattr(room, name, value)
