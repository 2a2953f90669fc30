"""What a phase of the project's own says that it reads: files that match globs.

Their states are taken before it runs: what changes while it runs is another input for the next time.
"""

from __future__ import annotations

import contextlib
import os
from typing import Iterable

from fab_static.host.project.reads.globs import NEVER, matching
from fab_static.host.project.reads.states import Row, settled, stamp_of, state_of


def inputs_of(
    folder: str, patterns: Iterable[str], apart: Iterable[str], start_ns: int
) -> tuple[Row, list[str]]:
    """Return the inputs that globs name, as a record has them; and the globs that no file matches.

    Args:
        folder: the globs are relative to it.
        patterns: the globs; one without a wildcard that names a folder means all that is in it.
        apart: files and folders, relative too, that are left out: the phase writes them.
        start_ns: when the run began.
    """
    places = tuple(os.path.normpath(os.path.join(folder, path)) for path in apart)
    inputs: dict[str, Row] = {}
    nothing = []
    for pattern in patterns:
        glob = ":".join((os.path.normpath(os.path.join(folder, pattern)), *places))
        found = matching(glob)
        inputs[glob] = ["matches", glob, state_of("matches", glob), None]
        for path in found:
            stamp = stamp_of(path)
            is_settled = stamp is not None and settled(stamp, start_ns)
            inputs[path] = ["bytes", path, state_of("bytes", path), stamp if is_settled else None]
        if not found:
            nothing.append(pattern)
    return list(inputs.values()), nothing


def left_in(folder: str, start_ns: int) -> list[Row]:
    """Return as inputs that what was made or changed in a folder since `start_ns` is there.

    So a phase that nobody traced, and that names nothing that it writes, runs again in a fresh checkout. What
    packages consist of does not count, only that they are there.
    """
    found: list[Row] = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in NEVER]
        for name in (*folders, *names):
            path = os.path.join(where, name)
            with contextlib.suppress(OSError):
                if os.lstat(path).st_ctime_ns >= start_ns:
                    found.append(["kind", path, state_of("kind", path), None])
        folders[:] = [name for name in folders if name != "node_modules"]
    return found


def are_files(folder: str, pattern: str) -> bool:
    """Tell whether a glob matches files, those that the phase writes among them."""
    return bool(matching(os.path.normpath(os.path.join(folder, pattern))))
