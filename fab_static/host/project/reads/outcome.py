"""What is left of a run: its inputs with their states, and why it must not be used again, if it must not."""

from __future__ import annotations

import os
import sys
from typing import Iterable

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
# Native modules, or packages of them, that open no file and no connection of their own, or only through CONNECTING.
READ_NOTHING = frozenset(
    [
        "_brotli", "_rcssmin", "_rjsmin", "_ruamel_yaml", "aiohttp", "bcrypt", "brotli",
        "chardet", "charset_normalizer", "cryptography", "Crypto", "frozenlist", "greenlet", "hiredis",
        "jellyfish", "markupsafe", "msgpack", "multidict", "nacl", "numpy", "orjson",
        "PIL._imaging", "PIL._imagingmath", "PIL._imagingmorph", "PIL._webp",  # its fonts and profiles do
        "propcache", "psycopg2", "MySQLdb", "pydantic_core", "rapidfuzz", "rcssmin", "regex",
        "rjsmin", "rpds", "setproctitle", "simplejson", "ujson", "wrapt", "xxhash", "yaml",
        "yarl", "zope", "zstandard",
    ]
)  # fmt: skip
_COMPILED_PYTHON = "__mypyc"  # it reads through Python's own functions
OPEN_UNSEEN = ("_dbm", "_gdbm")  # of the standard library
# known by stat data alone: only an installer writes there
_INSTALLED = (
    *(os.path.join(prefix, "lib", "") for prefix in {sys.prefix, sys.base_prefix}),
    *("/usr/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/bin/", "/sbin/"),
)


class Outcome:
    """Makes a record's inputs of notes.

    Args:
        notes: of the run.
        trust: native modules that read nothing unseen, besides those that we know.
    """

    def __init__(self, notes: Notes, trust: Iterable[str]) -> None:
        self._notes = notes
        self._trust = READ_NOTHING | set(trust)

    def record(self) -> tuple[list[Row], list[str]]:
        """Return the inputs with their states, and why the run must not be used again, if it must not."""
        self._notes.here.off = True
        self._modules()
        return self.rows()

    def rows(self) -> tuple[list[Row], list[str]]:
        """Return the same of what was noted alone: this process's own modules are not asked."""
        inputs: dict[Input, Row] = {}
        for (aspect, path), (stamp, state) in sorted(self._notes.inputs.items()):
            if self._is_no_input(path, state):
                continue
            if self._notes.written.get(path):
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

    def _modules(self) -> None:
        own = sys.base_prefix + os.sep
        if not sys.modules.keys().isdisjoint(OPEN_UNSEEN):
            self._notes.is_unseen("it may have opened a dbm database")
        native: dict[str, str] = {}  # file -> the module; requests has chardet's by a second name
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if not isinstance(file, str):
                continue
            key = ("bytes", os.path.abspath(file))
            stamp = stamp_of(file)
            is_new = stamp is not None and not settled(stamp, self._notes.start_ns)
            if is_new and key not in self._notes.inputs:  # imported before we listened
                self._notes.is_unseen(f"{file} changed while it was read")
            self._notes.note("bytes", file)
            is_ours = file.startswith(own) and "lib-dynload" in file
            if file.endswith(".so") and not is_ours:
                native[file] = min(native.get(file, name), name, key=len)
        unknown = [name for name in sorted(native.values()) if not self._reads_nothing(name)]
        if unknown:  # all at once: else the next deploy would tell of the next one
            self._notes.is_unseen(_of_native(unknown))

    def _reads_nothing(self, module: str) -> bool:
        package = module.split(".")[0]
        return not self._trust.isdisjoint((package, module)) or package.endswith(_COMPILED_PYTHON)

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


def _of_native(modules: list[str]) -> str:
    """Return why a run that loaded native modules is not used again: the first one of each package."""
    first: dict[str, str] = {}
    for name in modules:
        first.setdefault(name.split(".")[0], name)
    *names, last = first.values()
    told = f"s {', '.join(names)} and {last}" if names else f" {last}"
    return (
        f"it loaded the native module{told}, which may read unseen; "
        f"trust what does not: build.trust: [{', '.join(first)}]"
    )
