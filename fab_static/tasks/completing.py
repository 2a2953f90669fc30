"""Completes releases in a shell: what this machine's archive knows of; no host is asked."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from fab_static.errors import FabStaticError
from fab_static.plan.spelling import spelled
from fab_static.sessions.environments import read_environment

TAKE_RELEASES = ("--to", "--release", "--old", "--new")
BY_PLACE = ("diff", "report", "export")


def releases_for(line: str, environments: Sequence[str], inventories: Path) -> list[str]:
    """Return the releases that may follow on an unfinished command line, the newest first.

    Args:
        line: what stands there so far.
        environments: the names of all.
        inventories: the folder of their files.
    """
    try:
        words = [word.rpartition(".")[2] for word in shlex.split(line)]
    except ValueError:  # a quote that is still open
        return []
    asks = {*words[-2:]} & {*TAKE_RELEASES, *BY_PLACE}
    named = [one for one in environments for word in words if word in (one, spelled(one))]
    if not asks or not named:
        return []
    found = _kept(named[-1], inventories)
    return ["previous", *found] if found and asks & {*TAKE_RELEASES} else found


def _kept(environment: str, inventories: Path) -> list[str]:
    """Return the releases of the runs that are kept on this machine."""
    from fab_static.report.archive import Archive  # not above: each command loads this module

    try:
        app = read_environment(environment, inventories).app
        runs = Archive(app, environment).summaries()
        found = [known.get("release") for _, known in runs]
    except (FabStaticError, OSError):  # nobody could read words about it, in the middle of a line
        return []
    return [name for name in dict.fromkeys(found) if isinstance(name, str)]
