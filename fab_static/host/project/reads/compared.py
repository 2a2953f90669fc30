"""Tells whether a recorded run would read the same now, and what it would make of another static root."""

from __future__ import annotations

import hmac
import os
import socket
from types import MappingProxyType
from typing import Any, Callable, Iterable, Mapping, Sequence

from fab_static.host.project.reads.paths import forms
from fab_static.host.project.reads.states import FORMAT, LISTINGS, Row, stamp_of, state_of

NOTHING: Mapping[str, str] = MappingProxyType({})
# Of each login again, or of the terminal; nothing that is built depends on it.
OF_THE_SESSION = frozenset(
    [
        "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "SSH_AUTH_SOCK", "XDG_SESSION_ID",
        "XDG_SESSION_CLASS", "XDG_SESSION_TYPE", "DBUS_SESSION_BUS_ADDRESS", "INVOCATION_ID",
        "JOURNAL_STREAM", "OLDPWD", "PWD", "SHLVL", "TERM", "COLUMNS", "LINES", "WINDOWID",
        "FAB_STATIC_VERIFY_CACHE", "_",
    ]
)  # fmt: skip


def given(
    what: list[str], folder: str | None, environment: Mapping[str, str], salt: str
) -> dict[str, Any]:
    """Return what a run is given, as JSON has it; equal for two runs that differ in nothing but time.

    `what` is the interpreter, and what it is to run.
    Variables are told by a salted hash of each: the record must hold no secret, nor what one could be
    guessed from.
    """
    program = os.path.realpath(what[0])
    stamp = stamp_of(program)
    return {
        "command": what,
        "folder": folder,
        "program": [program, stamp and [*stamp]],
        "machine": socket.gethostname(),
        "user": os.getuid(),
        "salt": salt,
        "variables": {
            name: hmac.new(salt.encode(), os.fsencode(value), "sha256").hexdigest()[:24]
            for name, value in sorted(environment.items())
            if name not in OF_THE_SESSION
        },
    }


def changed(
    record: Mapping[str, Any],
    now: Callable[[str], Mapping[str, Any]],
    shown: Mapping[str, str],
) -> str | None:
    """Return what has changed since a run was recorded, in words, or None if nothing has.

    Args:
        record: as it was written.
        now: salt -> what the run would be given now.
        shown: files -> others that the run would be shown in place of these; of the same bytes they are the same,
            whatever their times.
    """
    if record.get("format") != FORMAT:
        return "it was recorded by another version of fab_static"
    then, today = record["given"], now(record["given"]["salt"])
    if then["command"][:2] == today["command"][:2] and then["command"] != today["command"]:
        return (
            "build.trust, build.by_content, what it is to read and write, or fab_static has changed"
        )
    if record["unseen"]:
        return "; ".join(map(str, record["unseen"]))
    if then["variables"] != today["variables"]:
        names = {**then["variables"], **today["variables"]}
        name = next(n for n in names if then["variables"].get(n) != today["variables"].get(n))
        return f"the environment variable {name} has changed"
    for key, words in (("command", "the command"), ("program", "the interpreter")):
        if today[key] != then[key]:
            return words + " has changed"
    if today != then:
        return "it ran elsewhere"
    return first_change(record["inputs"], shown)


def first_change(inputs: Sequence[Row], shown: Mapping[str, str] = NOTHING) -> str | None:
    """Return which of a record's inputs is another now, in words, or None if none is."""
    read = {path for aspect, path, _, _ in inputs if aspect == "bytes" and path in shown}
    for aspect, path, state, stamp in inputs:
        if path in shown:
            is_known = state == state_of(aspect, shown[path]) or (
                aspect == "times" and path in read
            )
            if not is_known:
                return f"{shown[path]} is another than {path} was"
            continue
        if stamp is not None and stamp_of(path) == tuple(stamp):
            continue
        is_now = state_of(aspect, path) if state else ""
        if is_now != state or not state:
            if aspect == "matches":
                return "other files match {}".format(path.split(":")[0])
            path = path.split("\0")[0]
            if is_now == "absent":
                return f"{path} is gone"
            return "{} {}".format(path, "is there now" if state == "absent" else "has changed")
    return None


def replayed(
    inside: Mapping[str, Any],
    root: str,
    was: Mapping[str, Any],
    left: Mapping[str, Any],
    now: Mapping[str, Any],
) -> tuple[dict[str, Any] | None, str]:
    """Return what a run that made `left` of `was` makes of `now`; else None, and what it read that is another.

    The three are listings: {"files": {path below root: state}, "extra": {path: state, None: absent}}. A run
    that reads nothing of what differs does to `now` what it did to `was`.
    """
    if not was["extra"].keys() == left["extra"].keys() == now["extra"].keys():
        return None, "other files are kept beside the static root"
    roots = tuple(forms(root))

    def key(path: str) -> str:
        """A path below root, or in full; "" is root itself."""
        start = next((form for form in roots if (path + "/").startswith(form)), "")
        return os.path.normpath(path)[len(start) :] if start else path

    before, after, found = (
        {**one["files"], **{path: state for path, state in one["extra"].items() if state}}
        for one in (was, left, now)
    )
    folders = [_folders(files) for files in (before, found)]
    differs = {path for path in before.keys() | found.keys() if before.get(path) != found.get(path)}
    came = {path for path in differs if path not in before or path not in found}  # or went
    came |= folders[0] ^ folders[1]
    listed = {os.path.dirname(path) for path in came}  # folders with other names in them
    for aspect, path in inside["reads"]:
        name = key(path)
        if (
            name in came
            or (name in differs and aspect in ("bytes", "times"))
            or (name in listed and aspect in LISTINGS)
            or (aspect == "tree" and any(each.startswith(name + "/") for each in differs))
        ):
            return None, f"{path} has changed"
    writes = set(map(key, inside["writes"]))
    for name in writes:
        if os.path.dirname(name) in came or name in folders[0] ^ folders[1]:
            return None, f"the folder of {name} came, or went"
    touched = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    for path in touched | writes:
        if path in after:
            found[path] = after[path]
        else:
            found.pop(path, None)
    extra = {path: found.pop(path, None) for path in now["extra"]}
    return {"files": found, "extra": extra}, ""


def _folders(paths: Iterable[str]) -> set[str]:
    """Return all folders that hold files."""
    found: set[str] = set()
    for path in paths:
        path = os.path.dirname(path)
        while path not in found:
            found.add(path)
            path = os.path.dirname(path)
    return found
