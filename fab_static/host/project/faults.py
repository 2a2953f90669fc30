"""Finds the sources that collectstatic fails on."""

from __future__ import annotations

import os
from contextlib import contextmanager

from fab_static.host.project.finders import collecting_options, default_patterns, source_folders
from fab_static.host.project.paths import absolute, is_below
from fab_static.host.project.refusals import ProbeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator

    from fab_static.plan.wire.questions import Fault, Faults, OfCollectstatic


def ask_faults(request: OfCollectstatic) -> Faults:
    """Return what is wrong with the sources; `words` are those of collectstatic's command, or null."""
    patterns, _ = collecting_options(request.get("words"))
    return {"faults": faults_of_sources(patterns)}


@contextmanager
def sources_looked_through(patterns: list[str] | None) -> Iterator[None]:
    """Name the sources that cannot be collected, where that is why the block fails."""
    try:
        yield
    except (OSError, RecursionError) as error:
        said = str(error)
        refuse_faults(patterns, lambda fault: any(path in said for path in fault["paths"]))
        raise


def refuse_faults(patterns: list[str] | None, is_why: Callable[[Fault], bool]) -> None:
    """Refuse the sources that collectstatic fails of, if one of them is why something has failed.

    Raises:
        ProbeError: naming each.
    """
    faults = faults_of_sources(patterns)
    why = [fault for fault in faults if is_why(fault)]
    if why:
        told = why + [fault for fault in faults if fault["is_listed"] and fault not in why]
        raise ProbeError(
            "sources cannot be collected:\n"
            + "\n".join(f"    {fault['what']}" for fault in told[:20]),
            os.getcwd(),
            "remove, mend or rename what is named above",
        )


def faults_of_sources(patterns: list[str] | None) -> list[Fault]:
    """Return every source that collectstatic fails of: `what` is wrong with it, and its `names`.

    By one of `paths` an error names it. `is_listed` tells that Django's own finders list it for sure.
    """
    from django.conf import settings

    root = absolute(settings.STATIC_ROOT) or ""
    faults: list[Fault] = []
    names: dict[str, str] = {}
    for prefix, folder, is_listed in source_folders():
        for within, path, fault in walked(
            folder, default_patterns() if patterns is None else patterns
        ):
            name = os.path.join(prefix, within)
            if fault:
                paths = [path, os.path.join(root, name)]
                what = f"{path} {fault}"
                faults.append(
                    {"what": what, "names": [name], "paths": paths, "is_listed": is_listed}
                )
            elif is_listed:
                names.setdefault(name, path)
    for name, path in names.items():
        parent = os.path.dirname(name)
        while parent and parent not in names:
            parent = os.path.dirname(parent)
        if parent:
            what = f"{names[parent]} is a file where {path} needs a folder"
            paths = [names[parent], path, os.path.join(root, parent)]
            faults.append(
                {"what": what, "names": [name, parent], "paths": paths, "is_listed": True}
            )
    return faults


def walked(folder: str, patterns: list[str]) -> Iterator[tuple[str, str, str | None]]:
    """Yield name, path and what is wrong with it, None for nothing, of all that collectstatic meets in a folder."""
    from django.contrib.staticfiles.utils import matches_patterns

    top = ("", [os.path.realpath(folder)])
    folders = [top]  # each with its real path, and with those of the folders that it lies in
    while folders:
        within, parents = folders.pop()
        try:
            entries = sorted(os.listdir(os.path.join(folder, within)))
        except OSError as error:
            if within:
                yield within, os.path.join(folder, within), f"cannot be read: {error.strerror}"
            continue
        for entry in entries:
            name = os.path.join(within, entry)
            path = os.path.join(folder, name)
            if matches_patterns(entry, patterns) or matches_patterns(name, patterns):
                continue
            if not os.path.isdir(path):
                yield name, path, fault_of(path)
                continue
            real_path = os.path.realpath(path)
            if any(is_below(parent, real_path) for parent in parents):
                yield name, path, f"is a link to {os.readlink(path)}, a folder that it lies in"
            else:
                folders.append((name, [*parents, real_path]))


def fault_of(path: str) -> str | None:
    """Return why a file cannot be collected, or None if it can."""
    if os.path.islink(path) and not os.path.exists(path):
        return f"is a link to {os.readlink(path)}, which is not there"
    if not os.path.isfile(path):
        return "is neither a file nor a folder"
    return None if os.access(path, os.R_OK) else "cannot be read"
