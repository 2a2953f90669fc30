"""How our tasks read their words: short options that mean the same everywhere, times and lists of hosts."""

from __future__ import annotations

import re
from functools import partial
from inspect import cleandoc
from itertools import chain
from textwrap import wrap
from typing import Any, TypedDict

import invoke.tasks
from invoke.tasks import Task

from fab_static.errors import InventoryError

# Invoke would give each option the first letter that is free in its task: -v was --verify-cache in one of them
SHORT = {"verbose": "v", "quiet": "q", "wait": "w", "yes": "y", "json": "j"}
WIDTH = 76  # Invoke indents help by 2
_STANDS_ALONE = re.compile(r"\s*fab(?:-static)? ")  # a command
_BEGINS = re.compile(r"(?:Needs|Leaves|If it fails|Exits)\b")
_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smh]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


class OurTask(Task[Any]):
    """A task whose options have no short form, except for those in SHORT."""

    def arg_opts(self, name: str, default: str, taken_names: set[str]) -> dict[str, Any]:
        """Return what an option is called, and what it takes."""
        self.auto_shortflags = False
        found = super().arg_opts(name, default, taken_names)
        found["names"] += [SHORT[name]] if name in SHORT else []
        return found


def folded(text: str) -> str:
    """Return a docstring whose lines fit 80 columns as Invoke prints it; lines of commands stay as they are."""
    found: list[str] = []
    for line in cleandoc(text).splitlines():
        goes_on = found and found[-1] and not _STANDS_ALONE.match(found[-1])
        if line and goes_on and not _STANDS_ALONE.match(line) and not _BEGINS.match(line):
            found[-1] += f" {line.strip()}"
        else:
            found.append(line)
    whole = [[line] if _STANDS_ALONE.match(line) else wrap(line, WIDTH) or [""] for line in found]
    return "\n".join(chain.from_iterable(whole))


task = partial(invoke.tasks.task, klass=OurTask)


def versions() -> str:
    """Return our version, and those of what we stand on."""
    from importlib.metadata import version  # not above: `fab --list` tells no version

    return ", ".join(f"{name} {version(name)}" for name in ("fab-static", "Fabric", "Paramiko"))


def seconds(text: str | float) -> float:
    """Return the seconds that `600`, `90s` or `5m` are.

    Raises:
        InventoryError: it is not a time.
    """
    found = _TIME.fullmatch(str(text).strip())
    if not found:
        raise InventoryError(
            f'"{text}" is not a time',
            where="--wait",
            mend="write seconds, or 90s, 5m, 1h: --wait 5m",
        )
    return float(found[1]) * _SECONDS[found[2]]


class LeftOut(TypedDict, total=False):
    """The hosts that a task leaves out."""

    without: tuple[str, ...]


def left_out(hosts: str | None) -> LeftOut:
    """Return what `edge2,web3` means to a session, or nothing if no host is named."""
    names = (name.strip() for name in (hosts or "").split(","))
    without = tuple(dict.fromkeys(name for name in names if name))
    return {"without": without} if without else {}


class Allowed(TypedDict, total=False):
    """The same, and whether pages may cost more than the budget."""

    without: tuple[str, ...]
    over_budget: bool


def allowed(hosts: str | None, *, over_budget: bool) -> Allowed:
    """Return what `--without` and `--over-budget` mean to a session; nothing of what is not given."""
    found: Allowed = {"over_budget": True} if over_budget else {}
    for name in left_out(hosts).get("without", ()):
        found["without"] = (*found.get("without", ()), name)
    return found
