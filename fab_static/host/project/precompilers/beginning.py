"""Begins to answer the calls of compress's precompilers, as soon as the project imports that command."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import Callable

from fab_static.host.project import compressing
from fab_static.host.project.imports import when_imported
from fab_static.host.project.precompilers.kept import Kept
from fab_static.host.project.precompilers.observing import observer
from fab_static.host.project.precompilers.stepping_in import Calls, step_in
from fab_static.host.project.results import SIZE, base_folder

COMPRESS = "compressor.management.commands.compress"
_NAMES = ("CompilerFilter", "NamedTemporaryFile", "subprocess")  # what we take the place of


def begin(trust: list[str]) -> None:
    """Answer calls from the moment that compress is imported."""
    # the settings are there then, and no sooner
    when_imported(COMPRESS, lambda: _begin_and_tell(trust, int))


def begin_in_fork(trust: list[str], wait: Callable[[], int]) -> None:
    """Answer calls in a project that is set up, and render in turn; the first wait for what is compiled ahead.

    Args:
        trust: native modules and programs that the inventory vouches for.
        wait: returns how many calls were made ahead, once that has ended.
    """
    from compressor.base import Compressor

    ahead = _Once(wait)
    _begin_and_tell(trust, ahead)
    compressing.begin()
    precompile: Callable[..., object] | None = getattr(Compressor, "precompile", None)
    if precompile is None:
        ahead()
        return

    def after_that(*args: object, **kwargs: object) -> object:
        ahead()
        return precompile(*args, **kwargs)

    Compressor.precompile = after_that


class _Once:
    """Waits for what is compiled ahead, the first time; templates are found and parsed beside the last of it."""

    def __init__(self, wait: Callable[[], int]) -> None:
        self._wait = wait
        self._made: int | None = None
        self._waiting = threading.Lock()

    def __call__(self) -> int:
        """Return how many calls were made ahead."""
        if self._made is None:
            sys.audit("fab_static.waits")
            with self._waiting:
                if self._made is None:
                    self._made = self._wait()
        return self._made


def _begin_and_tell(trust: list[str], wait: Callable[[], int]) -> None:
    calls = begin_now(trust)
    if calls:
        atexit.register(_tell, calls, wait)


def begin_now(trust: list[str]) -> Calls | None:
    """Answer calls from now on, where compressor is the one that we know, and results may be kept; else None."""
    from compressor.filters import base
    from django.conf import settings

    folder = base_folder(getattr(settings, "FAB_STATIC_CACHE", True), os.getcwd())
    if folder is None or not all(hasattr(base, name) for name in _NAMES):
        return None
    results = os.path.join(folder, "results")
    sys.audit("fab_static.cache", results)  # what is in it never changes what a run makes
    kept = Kept(results, getattr(settings, "FAB_STATIC_CACHE_SIZE", SIZE), trust)
    verifies = os.environ.get("FAB_STATIC_VERIFY_CACHE", "0") != "0"
    calls = Calls(observer(trust), kept, verifies=verifies)
    step_in(base, calls)
    return calls


def _tell(calls: Calls, wait: Callable[[], int]) -> None:
    # what failed ahead was made again here, and what is in no block of this run was not asked for
    made_ahead = min(wait(), calls.asked - calls.made)
    if calls.asked:
        made = calls.made + made_ahead
        ahead = f", {made_ahead} of them while other phases ran" if made_ahead else ""
        rest = "" if made >= calls.asked else "; all that the others read is as it was"
        told = f"{made} of {calls.asked} calls of precompilers ran{ahead}{rest}"
        sys.stdout.write(f"{told}\n")
