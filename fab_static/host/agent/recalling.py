"""Gives the answer of an earlier run of the project, while all that it read is as it was."""

from __future__ import annotations

import os

from fab_static.host.agent.recorded import PROVED, read_record, recorded, why_not

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.wire import Agent


def recall(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say of a recorded run whether all that it read is as it was.

    `left` maps further files to the SHA-256s that are acceptable; null: the file may be absent. `shown` maps files to
    those that the run would read in their place.

    Returns `token`, with the answer of that run as body; or `why` it must run again. With `anew` it runs again at once:
    `ran` says how that ended.
    """
    path = recorded(agent, head["name"])
    proved = {} if head.get("shown") else {**PROVED}
    PROVED.clear()
    record = proved.get(head["name"]) or read_record(path)
    why = why_not(agent, head, record)
    if record and not why:
        if head.get("keep"):  # it was used; who only looks writes nothing
            os.utime(path)
        return {"token": record["token"]}, (record["answer"] or "").encode()
    told: Head = {"why": why}
    if "anew" in head:
        from fab_static.host.agent.commands import run
        from fab_static.host.agent.waiting import waiting  # late, both: something has changed

        order = {**head["anew"], "folder": head["folder"], "environment": head["environment"]}
        with waiting():
            told["ran"] = run(agent, order, b"")[0]
    return told, b""
