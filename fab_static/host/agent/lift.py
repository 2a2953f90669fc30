"""Turns the project's links into files while a build writes them, and back."""

from __future__ import annotations

import os

from fab_static.host.agent.disk import aside, copy, is_link_to, point
from fab_static.host.agent.work import Work, moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.wire import Agent


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
