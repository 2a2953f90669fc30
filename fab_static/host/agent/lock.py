"""The lock: one deploy at a time for each app and environment."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time

from fab_static.host.agent.claims import claim
from fab_static.host.agent.disk import alone, point, remove_tree, set_aside, write_file
from fab_static.host.agent.plain import is_folder
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.work import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

LOCK_DEAD_SECONDS = 60.0  # a lock whose owner was not heard of for so long is nobody's
LOCK_WATCH_SECONDS = 12.0  # two beats: so long no beat may come before a silent lock is taken


def holder(host: Host) -> dict[str, Any] | None:
    """Return who holds the lock, with the seconds since the last heartbeat, or None if it is free."""
    if not is_folder(host.path("lock")):
        return None
    owner = host.known("lock/owner.json", is_owner) or {
        "owner": "unknown",
        "since": os.stat(host.path("lock")).st_mtime,
        "phase": "unknown",
        "token": None,
    }
    beat = host.path("lock", "heartbeat")
    heard = os.lstat(beat if os.path.lexists(beat) else host.path("lock")).st_mtime
    silent = time.time() - heard
    owner["silent_seconds"] = max(0.0, silent)
    owner["abandoned"] = os.path.exists(host.path("lock", "abandoned"))
    # a beat of the future: the clock was set back, and says nothing
    owner["dead"] = owner["abandoned"] or not -LOCK_DEAD_SECONDS <= silent <= LOCK_DEAD_SECONDS
    return dict(owner)


def is_owner(owner: Head) -> bool:
    """Tell whether this is what `lock` notes of an owner."""
    since, process = owner.get("since"), owner.get("process")
    return (
        all(isinstance(owner.get(key), str) for key in ("owner", "phase", "token"))
        and isinstance(since, (int, float))
        and 0 <= since < 1e11
        and (process is None or isinstance(process, int))
    )


def own_lock(host: Host) -> dict[str, Any] | None:
    """Return the owner's record while this agent holds the lock; None once it is another's, or free."""
    owner = host.known("lock/owner.json", is_owner)
    return owner if owner and host.token and owner["token"] == host.token else None


def watched(host: Host) -> tuple[Any, ...] | None:
    """Return which beat was the last of a lock that looks dead, once none followed it for two beats.

    None where it does not look dead, says that it is, or beats after all. After a clock has jumped ahead, or a
    machine has slept, every owner looks silent for long. So a clock that only goes forward measures.
    """
    with alone(host):
        present = holder(host)
        last = last_beat(host)
    if not present or not present["dead"] or present["abandoned"]:
        return None
    deadline = time.monotonic() + LOCK_WATCH_SECONDS
    while time.monotonic() < deadline:
        moved()
        time.sleep(min(0.2, LOCK_WATCH_SECONDS / 10))  # between two looks
        if last_beat(host) != last:
            return None
    return last


def last_beat(host: Host) -> tuple[Any, ...]:
    """Return what is another one after every beat, and for every owner."""
    found: list[Any] = []
    for name in ("", "heartbeat"):
        with contextlib.suppress(FileNotFoundError):
            status = os.lstat(host.path("lock", name))
            found.append((status.st_ino, status.st_mtime_ns))
    return tuple(found)


def look_at_lock(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say who holds the lock."""
    present = None
    if os.path.isdir(agent.host.root):  # who only looks makes no folder
        with alone(agent.host):  # else it may be taken, or released, between two looks of ours
            present = holder(agent.host)
    return {"holder": public(present), "now": time.time()}, b""


def public(owner: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what anybody may know of an owner: all but the token, by which he proves himself."""
    return owner and {key: value for key, value in owner.items() if key != "token"}


def lock(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Take the lock for the operator of this connection; it lives as long as the connection does."""
    host = agent.host
    claim(host)
    silent_since = None if head.get("steal") else watched(host)
    with alone(host):
        present = holder(host)
        is_dead = present and (
            present["abandoned"] or (present["dead"] and last_beat(host) == silent_since)
        )
        if present and not is_dead and not head.get("steal"):
            return {"taken": False, "holder": public(present)}, b""
        if present:
            remove_tree(host.path("lock"))
        elif os.path.lexists(host.path("lock")):
            set_aside(host.path("lock"))
        os.mkdir(host.path("lock"))
        host.token = os.urandom(16).hex()
        since = time.time()
        owner = {
            "format": 1,
            "owner": head["owner"],
            "process": head.get("process"),
            "phase": head["phase"],
            "since": since,
            "token": host.token,
        }
        try:
            write_file(host.path("lock", "owner.json"), json.dumps(owner).encode())
            write_file(host.path("lock", "heartbeat"), b"")
            note_beat(host)
        except BaseException:  # a full disk, say: nobody's lock must not keep the next one out
            host.token = None
            remove_tree(host.path("lock"))
            raise
    answer = {"taken": True, "took_over": public(present), "now": since, "token": host.token}
    return answer, b""


def beat(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Renew the lock, and say at which phase its owner is. `ours` is false when somebody stole it."""
    host = agent.host
    with alone(host):
        take_up(host, head)
        owner = own_lock(host)
        if owner:
            os.utime(host.path("lock", "heartbeat"))  # not written: on a full disk it beats as well
            note_beat(host)
            if owner["phase"] != head["phase"]:
                owner["phase"] = head["phase"]
                write_phase(host, owner)
        present = holder(host)
    return {"ours": owner is not None, "holder": public(present)}, b""


def refuse_lost(host: Host, held: Head) -> None:
    """Refuse the request of an operator who says that he holds the lock, and does not; note at which phase he is.

    So the request is its own proof: no beat has to go before it. The heart beats elsewhere.
    """
    owner = host.known("lock/owner.json", is_owner)
    if owner and owner["token"] == held["token"]:
        if owner["phase"] != held["phase"]:
            with alone(host):
                owner = host.known("lock/owner.json", is_owner)
                if owner and owner["token"] == held["token"]:
                    owner["phase"] = held["phase"]
                    write_phase(host, owner)
        return
    with alone(host):  # it may be being taken just now: who has it then is told
        present = holder(host)
    raise RefusedError(
        "this deploy does not hold the lock any more: "
        + (present["owner"] if present else "somebody")
        + " took it",
        host.path("lock"),
        "see who deploys now",
        "lock",
    )


def take_up(host: Host, head: Head) -> None:
    """Hold the lock by its token, for an operator whose agent that took it has ended.

    Where somebody else took it since, it has another token, and this changes nothing.
    """
    if host.token is None and head.get("token"):
        host.token = head["token"]
        if own_lock(host) and not os.path.lexists(host.path("lock", "heartbeat")):
            os.replace(host.path("lock", "abandoned"), host.path("lock", "heartbeat"))


def note_beat(host: Host) -> None:
    """Note which beat was this agent's last."""
    host.beat = os.lstat(host.path("lock", "heartbeat")).st_mtime_ns


def write_phase(host: Host, owner: Head) -> None:
    """Note at which phase the owner is; on a full disk the note is old, and the lock no less his."""
    try:
        write_file(host.path("lock", "owner.json"), json.dumps(owner).encode())
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def unlock(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Release the lock, if it is still this operator's own."""
    host = agent.host
    with alone(host):
        take_up(host, head)
        owner = own_lock(host)
        if owner:
            remove_tree(host.path("lock"))
        host.token = None
    return {"ours": owner is not None}, b""


def abandon_lock(host: Host) -> None:
    """Leave word that the owner's connection ended without a release: nobody need wait for it.

    What a build lifted is a link again then, unless the build is another's by now.
    """
    with contextlib.suppress(OSError, ValueError, RefusedError):
        if host.token:
            with alone(host):
                # another beat: the operator has another agent, which holds the lock now
                heard = os.lstat(host.path("lock", "heartbeat")).st_mtime_ns
                if own_lock(host) and heard == host.beat:
                    # renamed, not written: on a full disk nobody need wait either
                    for path, target in host.lifted.items():
                        with contextlib.suppress(OSError):
                            point(path, target)
                    os.replace(host.path("lock", "heartbeat"), host.path("lock", "abandoned"))
