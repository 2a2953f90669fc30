"""Runs a command and sees what it read, where the build host has strace and lets us."""

from __future__ import annotations

from typing import Callable, List

from fab_static.host.project.reads.programs import Ran, run
from fab_static.host.project.traces import strace

# words, the folder it runs in, its standard input
Observe = Callable[[List[str], str, bytes], Ran]


def observer(trust: list[str]) -> Observe | str:
    """Return what runs a command and sees what that reads; or why nothing here does."""
    why = strace.why_not()
    if why:
        return why
    return lambda words, folder, data: run(words, folder=folder, given=data, trust=trust)
