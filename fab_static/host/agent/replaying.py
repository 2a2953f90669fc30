"""What a recorded run of a build phase would leave of another state of the static root."""

from __future__ import annotations

import json

from fab_static.host.agent.digests import begun_sha256
from fab_static.host.agent.recorded import read_record, recorded
from fab_static.host.agent.static_root import hold, listing_of, told_by
from fab_static.host.agent.transfer import put_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.wire import Agent


def replay(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say what a recorded run that made the listing `left` of `was` makes of `now`: `listing`, or `why` nobody knows.

    The body is the listing's difference to `now`.
    """
    from fab_static.host.project.reads import compared  # late: it comes with `learn`

    record = read_record(recorded(agent, head["name"]))
    if record is None or record["token"] != head["token"]:
        return {"why": "its last run did not end well"}, b""
    try:
        was, left, now = (listing_of(agent, head[name]) for name in ("was", "left", "now"))
    except FileNotFoundError:
        return {"why": "what it worked on is not known any more"}, b""
    listing, why = compared.replayed(record["inside"], head["root"], was, left, now)
    if listing is None:
        return {"why": why}, b""
    data = json.dumps(listing, sort_keys=True).encode()
    name = begun_sha256(data).hexdigest()
    if head.get("keep"):  # who only looks writes nothing
        put_object(agent, {}, data)
        hold(agent.host, name, listing)
    files = {
        path: {"asked": asked, "object": (now["extra"].get(path) or [None])[0]}
        for path, asked in record["inside"]["parts"].items()
    }
    return {"listing": name, "parts": files}, told_by(agent, head["now"], data)
