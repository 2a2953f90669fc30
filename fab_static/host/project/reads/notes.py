"""What a process has read and written so far."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any, Callable, Collection, Iterable, Iterator, Mapping, NamedTuple

from fab_static.host.project.reads.inside import Inside
from fab_static.host.project.reads.paths import absolute, forms, is_to_write, source_of
from fab_static.host.project.reads.states import (
    LISTINGS,
    Entry,
    Input,
    Row,
    Stamp,
    digest_of_names,
    entries_of,
    settled,
    stamp_of,
    state_of,
)


class Here(threading.local):
    """What is so in one thread."""

    off = False  # nothing that it does is noted
    vouched = False  # the next process that it starts tells what it reads


class Listed(NamedTuple):
    """The names that a folder had when it was listed, except for those that a run had made there itself.

    `is_left_out` tells of a path whether it does not count: what a run fills as a cache, for one.
    """

    entries: Collection[Entry]
    is_left_out: Callable[[str], bool]


class Notes:
    """What a process has read and written so far."""

    def __init__(self, start: float, inside: Iterable[str]) -> None:
        self.start_ns = int(start * 1e9)
        self.anothers: tuple[str, ...] = ()  # what is another's to watch: as paths begin
        self.caches: set[str] = set()  # folders that never change what a run makes
        self.inside = Inside()
        for path in inside:
            self.leave_inside(path)
        # -> the stat data when first looked at, and the state then, where stat data does not stand for it
        self.inputs: dict[Input, tuple[Stamp | None, str | None]] = {}
        self.listed: dict[str, Listed] = {}  # folders, as they were then
        self.written: dict[str, bool] = {}  # path -> was it read before
        self.builds: frozenset[str] = frozenset()  # what builds make: nobody depends on its name
        self.set_up: frozenset[str] = frozenset()  # written before the command began
        self.unseen: list[str] = []
        self.here = Here()
        self.before: Mapping[str, Any] = {}  # the last run's record
        self.states: dict[Input, Row] = {}  # in it
        self.more: dict[str, Any] = {}  # that is to be kept with this one
        # called before each look: programs may have ended whose reads are not noted yet
        self.settle: Callable[..., None] = _nothing_to_settle

    def knows(self, before: Mapping[str, Any] | None) -> None:
        """Take in the record of the last run: what is as it was then need not be read to know its state."""
        self.before = before or {}
        for row in self.before.get("inputs", ()):
            if row[3] is not None:
                self.states[row[0], row[1]] = row

    def is_as_before(self, path: str) -> bool:
        """Tell whether a file is the one that the last run read."""
        row = self.states.get(("bytes", path))
        return row is not None and stamp_of(path) == tuple(row[3])

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Note nothing that this thread does meanwhile."""
        before = self.here.off
        self.here.off = True
        try:
            yield
        finally:
            self.here.off = before

    def first_change(self) -> str | None:
        """Return which of the things noted so far is not as it was any more, or None if all are."""
        for (aspect, path), (stamp, state) in self.inputs.items():
            if stamp is not None and settled(stamp, self.start_ns) and stamp == stamp_of(path):
                continue
            if state is None or state_of(aspect, path) != state:
                return f"{path} has changed since the project was set up"
        return None

    def leave_out(self, path: str) -> None:
        """Watch a file, or a folder and all in it, no more."""
        self.anothers = tuple({*self.anothers, *forms(path)})

    def leave_inside(self, path: str) -> None:
        """Note of a file, or a folder and all in it, what is read and written, but no states."""
        self.leave_out(path)
        self.inside.add(path)

    def is_left_out(self, path: Any) -> bool:
        """Tell at once whether a path as the project gives it is one that nobody watches here."""
        return isinstance(path, str) and path.startswith(self.anothers) and "/.." not in path

    def is_unseen(self, why: str) -> None:
        """Note why this run must not be used again."""
        if why not in self.unseen:
            self.unseen.append(why)

    def note(self, aspect: str, path: Any, state: str | None = None) -> None:
        """Note that an aspect of a path is looked at now; `state` is what a child read of it.

        A file's bytes are hashed when the run is over, unless they may change unseen until then.
        """
        name = absolute(path)
        if name is None or name in self.written:
            return
        if name in self.inside:
            self.inside.looked(name, (aspect,))
            return
        source = source_of(name) if aspect == "bytes" else None
        key = (aspect, source or name)  # a compiled module is made from its source
        if key not in self.inputs:
            stamp = stamp_of(key[1]) if aspect == "bytes" or aspect in LISTINGS else None
            is_late = aspect == "bytes" and stamp is not None and settled(stamp, self.start_ns)
            if state is None and aspect == "names":
                state = self._listed(name)
            elif state is None and not is_late:
                state = state_of(*key)
            self.inputs[key] = (stamp, state)
        elif state is not None:
            stamp, known = self.inputs[key]
            if known is None:
                self.inputs[key] = (stamp, state)
            elif known != state:
                self.is_unseen(f"{name} changed while it was read")

    def _listed(self, folder: str) -> str:
        """Note the names that a folder has now; return that state."""
        try:
            entries = entries_of(folder)
        except OSError:
            return state_of("names", folder)
        self._keep(folder, entries, _none_is_left_out)
        return digest_of_names(entries)

    def lists(
        self, folder: str, entries: Collection[Entry], is_left_out: Callable[[str], bool]
    ) -> None:
        """Note that a program has listed a folder, which held these names then."""
        if ("names", folder) not in self.inputs:
            self.note("names", folder, digest_of_names(entries))
            self._keep(folder, entries, is_left_out)

    def _keep(
        self, folder: str, entries: Collection[Entry], is_left_out: Callable[[str], bool]
    ) -> None:
        kept = [entry for entry in entries if os.path.join(folder, entry[0]) not in self.written]
        self.listed[folder] = Listed(kept, is_left_out)

    def makes(self, paths: Iterable[str]) -> None:
        """Learn what builds make, and whether it is there or not changes no folder for whoever lists that."""
        places = [(os.path.split(path), path) for path in paths]
        self.builds = frozenset(
            one
            for (folder, name), path in places
            for one in (path, os.path.join(os.path.realpath(folder), name))
        )

    def opened(self, path: Any, mode: Any, flags: Any) -> None:
        """Note an opening."""
        if not is_to_write(mode, flags):
            self.note("bytes", path)
        elif not (isinstance(mode, str) and mode.startswith("a") and "+" not in mode):
            # what is only appended to is a log
            if os.path.isdir(path):  # a file without a name in it: O_TMPFILE
                return
            if isinstance(mode, str) and "+" in mode and "w" not in mode:
                self.note("bytes", path)
            self.wrote(path)

    def wrote(self, path: Any) -> None:
        """Note that this process writes a file, or changes a name in a folder."""
        name = absolute(path)
        if name is not None and name not in self.written:
            looks = (self.inputs.get((aspect, name)) for aspect in ("bytes", "names"))
            self.written[name] = any(look and look[1] != "absent" for look in looks)
            stamp, state = self.inputs.get(("bytes", name), (None, "unread"))
            if state is None:  # not hashed yet: now is the last moment
                self.inputs["bytes", name] = (stamp, state_of("bytes", name))

    def imported(self, file: str) -> None:
        """Note that a module came from a file, which may have been read before we listened."""
        stamp = stamp_of(file)
        is_new = stamp is not None and not settled(stamp, self.start_ns)
        if is_new and ("bytes", os.path.abspath(file)) not in self.inputs:
            self.is_unseen(f"{file} changed while it was read")
        self.note("bytes", file)


def _none_is_left_out(_path: str) -> bool:
    """Tell that a path counts."""
    return False


def _nothing_to_settle(*, all_of_them: bool = False) -> None:
    """Do nothing: no programs are followed here."""
