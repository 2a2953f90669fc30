"""What is left of a run: its inputs with their states, and why it must not be used again, if it must not."""

from __future__ import annotations

import os
import sys

from fab_static.host.project.reads.notes import Notes
from fab_static.host.project.reads.paths import source_of
from fab_static.host.project.reads.states import (
    Entry,
    Input,
    Row,
    Stamp,
    digest_of_names,
    entries_of,
    is_device,
    settled,
    stamp_of,
    state_of,
)

HASHED_BYTES = 8 << 20  # larger files are known by their stat data alone
# known by stat data alone: only an installer writes there
_INSTALLED = (
    *(os.path.join(prefix, "lib", "") for prefix in {sys.prefix, sys.base_prefix}),
    *("/usr/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/bin/", "/sbin/"),
)


class Outcome:
    """Makes a record's inputs of notes."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def rows(self) -> tuple[list[Row], list[str]]:
        """Return the inputs with their states, and why the run must not be used again, if it must not."""
        inputs: dict[Input, Row] = {}
        for (aspect, path), (stamp, state) in sorted(self._notes.inputs.items()):
            if self._is_no_input(path, state):
                continue
            if self._notes.written.get(path):
                if state_of(aspect, path) == state:  # it would find what it left
                    inputs[aspect, path] = [aspect, path, state, None]
                else:
                    self._notes.is_unseen(f"it read {path} and wrote it")
                continue
            if state == "absent" and path in self._notes.written:
                aspect, state = "kind", state_of("kind", path)  # it made that itself
            elif aspect == "names" and path in self._notes.listed:
                aspect, path, state = self._names(path)
                stamp = None if aspect == "others" else stamp
            inputs[aspect, path] = self._input(aspect, path, stamp, state)
        for path in self._notes.written:
            # what it left elsewhere must be there still, as it left it; of a folder that it made, the folder
            kind = state_of("kind", path)
            if self._is_no_input(path, kind):
                continue
            if kind == "folder":
                inputs["kind", path] = ["kind", path, kind, None]
            elif kind == "file":
                inputs["bytes", path] = ["bytes", path, state_of("bytes", path), None]
                if path not in self._notes.set_up:
                    self._notes.more.setdefault("written", []).append(os.path.realpath(path))
        return list(inputs.values()), self._notes.unseen

    def _is_no_input(self, path: str, state: str | None) -> bool:
        """Tell whether it is another's to watch, or a folder that holds a cache: another machine may have none there."""
        return self._is_anothers(path) or (
            state in ("absent", "folder")
            and any(one.startswith(path + "/") for one in self._notes.caches)
        )

    def _names(self, folder: str) -> tuple[str, str, str]:
        """Return aspect, path and state of a folder that was listed, with what the run itself has made there since."""
        listed, builds = self._notes.listed[folder], self._notes.builds
        held = {name for name, _ in listed.entries}
        found = list(listed.entries)
        for name, is_folder in _entries_now(folder):
            place = os.path.join(folder, name)
            is_own = place in self._notes.written or place in self._notes.inside
            if name not in held and (is_own or listed.is_left_out(place)):
                found.append((name, is_folder))
        without = sorted(os.path.basename(one) for one in builds if os.path.dirname(one) == folder)
        if without:
            found = [entry for entry in found if entry[0] not in without]
            return "others", "\0".join([folder, *without]), digest_of_names(found)
        return "names", folder, digest_of_names(found)

    def _input(self, aspect: str, path: str, stamp: Stamp | None, state: str | None) -> Row:
        is_settled = stamp is not None and settled(stamp, self._notes.start_ns)
        if aspect == "bytes" and stamp is not None:
            is_settled = is_settled and stamp == stamp_of(path)
            if state is None and not is_settled:
                self._notes.is_unseen(f"{path} changed while it was read")
            known = self._notes.states.get((aspect, path))
            if state is None and is_settled and known and tuple(known[3]) == stamp:
                return known
            large = stamp[0] > HASHED_BYTES or path.startswith(_INSTALLED)
            if state is None and large:
                return [aspect, path, "", stamp]
            now = state_of(aspect, path)
            if state is not None and now != state:
                self._notes.is_unseen(f"{path} changed while it was read")
            state = now
        return [aspect, path, state, stamp if is_settled else None]

    def _is_anothers(self, path: str) -> bool:
        if path.startswith("/proc/self/") or is_device(path):
            return True
        if os.sep + "__pycache__" + os.sep in path + os.sep:
            # pkgutil lists the folder itself, whoever compiles meanwhile
            return source_of(path) is None
        return (path + "/").startswith(self._notes.anothers)


def _entries_now(folder: str) -> list[Entry]:
    try:
        return entries_of(folder)
    except OSError:
        return []
