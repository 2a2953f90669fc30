"""Begins to answer the calls of compress's precompilers, as soon as the project imports that command."""

from __future__ import annotations

import atexit
import os
import sys

from fab_static.host.project.imports import when_imported
from fab_static.host.project.precompilers.kept import Kept
from fab_static.host.project.precompilers.observing import observer
from fab_static.host.project.precompilers.stepping_in import Calls, step_in
from fab_static.host.project.results import SIZE, base_folder

COMPRESS = "compressor.management.commands.compress"
_NAMES = ("CompilerFilter", "NamedTemporaryFile", "subprocess")  # what we take the place of


def begin(trust: list[str]) -> None:
    """Answer calls from the moment that compress is imported."""
    when_imported(COMPRESS, lambda: begin_now(trust))  # the settings are there then, and no sooner


def begin_now(trust: list[str]) -> None:
    """Answer calls from now on, where compressor is the one that we know, and results may be kept."""
    from compressor.filters import base
    from django.conf import settings

    folder = base_folder(getattr(settings, "FAB_STATIC_CACHE", True), os.getcwd())
    if folder is None or not all(hasattr(base, name) for name in _NAMES):
        return
    results = os.path.join(folder, "results")
    sys.audit("fab_static.cache", results)  # what is in it never changes what a run makes
    kept = Kept(results, getattr(settings, "FAB_STATIC_CACHE_SIZE", SIZE))
    verifies = os.environ.get("FAB_STATIC_VERIFY_CACHE", "0") != "0"
    calls = Calls(observer(trust), kept, verifies=verifies)
    step_in(base, calls)
    atexit.register(_tell, calls)


def _tell(calls: Calls) -> None:
    if calls.asked:
        rest = "" if calls.made == calls.asked else "; all that the others read is as it was"
        sys.stdout.write(f"{calls.made} of {calls.asked} calls of precompilers ran{rest}\n")
