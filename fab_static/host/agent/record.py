"""What was done here: log.jsonl, a line for each deed, and journal.json, what the last build left."""

from __future__ import annotations

import json
import os
import time

from fab_static.host.agent.disk import set_aside, write_file
from fab_static.host.agent.names import is_release
from fab_static.host.agent.plain import open_plain, read_plain
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

RECORD_ENTRIES = 2000  # of log.jsonl that are looked at: years of deploys, and a bounded answer
RECORD_BYTES = 32 << 20  # of log.jsonl, from its end


def record_of(host: Host) -> list[dict[str, Any]]:
    """Return the entries of log.jsonl; a line that cannot be read is passed over, and `odd` counts it."""
    try:
        file = open_plain(host.path("log.jsonl"))
    except FileNotFoundError:
        return []
    except RefusedError as error:
        host.odd["log.jsonl"] = f"{error.what}; it is passed over"
        return []
    except OSError as error:
        host.odd["log.jsonl"] = f"log.jsonl cannot be read ({error.strerror}); it is passed over"
        return []
    with open(file, "rb") as lines:
        begins = max(0, os.fstat(file).st_size - RECORD_BYTES)
        lines.seek(begins)
        found = lines.read(RECORD_BYTES).split(b"\n")[
            bool(begins) :
        ]  # the first may be half a line
    entries = [entry_of(line) for line in found if line]
    record = [entry for entry in entries if entry is not None]
    if len(record) != len(entries):
        odd = len(entries) - len(record)
        host.odd["log.jsonl"] = (
            f"{odd} {'line' if odd == 1 else 'lines'} of log.jsonl cannot be read, and "
            f"{'is' if odd == 1 else 'are'} passed over"
        )
    return record[-RECORD_ENTRIES:]


def entry_of(line: bytes) -> dict[str, Any] | None:
    """Return a line of log.jsonl; None where it is none of ours: cut off by a crash, or strange."""
    try:
        entry = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    at = entry.get("at")
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not 0 <= at < 1e11:
        return None
    if entry.get("event") in ("activate", "undo") and not is_release(entry.get("release")):
        return None
    if "rolled_back" in entry and not is_release(entry["rolled_back"]):
        return None
    return entry


def note(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Append one entry to log.jsonl."""
    agent.host.claim()
    append(agent.host, head["entry"])
    return {}, b""


def append(host: Host, entry: Head) -> None:
    """Append one entry to log.jsonl, whole and on a line of its own."""
    line = json.dumps(dict(entry, at=time.time())) + "\n"
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


def last_activated(host: Host) -> str | None:
    """Return the release that the record's last activation, not undone, made live."""
    live: list[str] = []
    for entry in record_of(host):
        if entry.get("event") == "activate":
            live.append(entry["release"])
        elif entry.get("event") == "undo" and live and live[-1] == entry["release"]:
            live.pop()
    return live[-1] if live else None


def write_journal(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Write journal.json whole. Body: its text."""
    agent.host.claim()
    write_file(agent.host.path("journal.json"), body)
    return {}, b""
