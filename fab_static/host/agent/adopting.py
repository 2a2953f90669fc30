"""Makes the folder of a build host what the record in a bucket says: the host may be new, or have missed runs."""

from __future__ import annotations

import json
import os

from fab_static.host.agent.claims import claim
from fab_static.host.agent.disk import alone, lasting, point, remove_tree, set_aside, write_file
from fab_static.host.agent.names import RELEASE, checked
from fab_static.host.agent.provisional import PROVISIONAL, UNION
from fab_static.host.agent.record import record_of
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent


@lasting
def adopt(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Write the log and the journal again, and link what is live and what was. Body: log and journal, as JSON.

    The releases that are named must be here. A log of another history is kept beside, not lost.
    """
    host = agent.host
    claim(host)
    found = json.loads(body.decode("utf-8"))
    for name in filter(None, (head["current"], head["previous"])):
        if checked(RELEASE, name, "release") not in host.releases():
            raise RefusedError(
                f"there is no release {name}", host.path("releases"), "deploy again", "release"
            )
    with alone(host):
        keep_other_history(host, found["log"])
        lines = "".join(json.dumps(line) + "\n" for line in found["log"])
        write_file(host.path("log.jsonl"), lines.encode())
        if found["journal"] is not None:
            write_file(host.path("journal.json"), json.dumps(found["journal"]).encode())
        for link in ("previous", "current"):
            if head[link]:
                point(host.path(link), "releases/" + head[link])
            elif os.path.lexists(host.path(link)):
                remove_tree(host.path(link))
        remove_tree(
            host.path(PROVISIONAL)
        )  # of a flip that died here: the bucket knows how it ended
        remove_tree(host.path(UNION))
    return {}, b""


def keep_other_history(host: Host, log: list[Head]) -> None:
    """Set a log aside that shares no line with the one that comes: this folder was never of that record."""
    here = record_of(host)
    if here and not any(line in log for line in here):
        set_aside(host.path("log.jsonl"))
