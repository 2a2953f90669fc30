"""Turns the project's links into files while a build writes them, and back."""

from __future__ import annotations

import contextlib
import os
import time

from fab_static.host.agent.disk import alone, aside, copy, is_link_to, point
from fab_static.host.agent.lock import holder
from fab_static.host.agent.work import Work, moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

OWNER_SECONDS = 10.0  # so long an owner whose build has ended may take to show that he is there


def to_lift(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return which of the links `lift` would turn into files."""
    links = head["links"]
    return {"lifted": [path for path in links if is_link_to(path, links[path])]}, b""


def lift(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """On a host that builds and renders: turn the project's links into files while a build writes them.

    A build that wrote through such a link would write into the live release. Returns those turned. Whoever
    asks puts them back with `lower`; if he is gone, the agent does it at its end.
    """
    lifted: list[str] = []
    agent.host.lifted_under = (holder(agent.host) or {}).get("token")
    try:
        for path, target in head["links"].items():
            if not is_link_to(path, target):
                continue
            with Work.starting:  # once the operator is gone, no more is lifted
                moved()
                agent.host.lifted[path] = target
                lifted.append(path)
                temporary = aside(path)
                try:
                    copy(path, temporary)
                    os.replace(temporary, path)
                except FileNotFoundError:
                    os.unlink(path)
    except BaseException:  # a full disk, say: all of them, or none
        lower(agent, dict(head, lifted=lifted), b"")
        raise
    return {"lifted": lifted}, b""


def lower(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Put the links back that `lift` turned into files."""
    for path in head["lifted"]:
        point(path, head["links"][path])
        agent.host.lifted.pop(path, None)
    return {}, b""


def lower_for_owner(host: Host, seconds: float = OWNER_SECONDS) -> None:
    """Put links back for an operator who is gone; the agent that holds his lock is another, and says so.

    He may be there still, and only this connection be cut: then he lowers them himself. Nor is it for us to do where
    the lock is another's by now.
    """
    deadline = time.monotonic() + seconds
    while host.lifted:
        with alone(host):
            present = holder(host) or {"token": None, "dead": True}
            if present["token"] != host.lifted_under:
                return
            if present["dead"]:
                for path, target in host.lifted.items():
                    with contextlib.suppress(OSError):
                        point(path, target)
                return
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)  # between two looks
