"""Writes down what is done here: log.jsonl, a line for each deed, and journal.json, what the last build left."""

from __future__ import annotations

import json
import os
import time

from fab_static.host.agent.claims import claim
from fab_static.host.agent.disk import set_aside, write_file
from fab_static.host.agent.plain import open_plain, read_plain
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent


def note(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Append one entry to log.jsonl."""
    claim(agent.host)
    append(agent.host, head["entry"])
    return {}, b""


def append(host: Host, entry: Head) -> None:
    """Append one entry to log.jsonl, whole and on a line of its own."""
    append_as_they_are(host, [dict(entry, at=time.time())])


def append_as_they_are(host: Host, entries: list[Head]) -> None:
    """Append entries that say when they were, each on a line of its own."""
    line = "".join(json.dumps(entry) + "\n" for entry in entries)
    with open(opened_record(host.path("log.jsonl")), "r+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                line = "\n" + line  # the line before was cut off by a crash
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def opened_record(path: str) -> int:
    """Open log.jsonl to write at its end; what is there and cannot be written to makes room for one that can."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    try:
        return open_plain(path, flags)
    except RefusedError:
        set_aside(path)
    except PermissionError:  # another account deployed before
        try:
            there = read_plain(path)[0]
        except PermissionError:
            set_aside(path)
        else:
            write_file(path, there)
    return open_plain(path, flags)


def write_journal(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Write journal.json whole. Body: its text."""
    claim(agent.host)
    write_file(agent.host.path("journal.json"), body)
    return {}, b""
