"""Reads what was done here: log.jsonl, a line for each deed."""

from __future__ import annotations

import json
import os

from fab_static.host.agent.names import is_release
from fab_static.host.agent.plain import open_plain
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fab_static.host.agent.store import Host

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
    """Return a line of log.jsonl, or None if it is not ours: cut off by a crash, or strange."""
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


def last_activated(host: Host) -> str | None:
    """Return the release that the record's last activation, not undone, made live."""
    live: list[str] = []
    for entry in record_of(host):
        if entry.get("event") == "activate":
            live.append(entry["release"])
        elif entry.get("event") == "undo" and live and live[-1] == entry["release"]:
            live.pop()
    return live[-1] if live else None
