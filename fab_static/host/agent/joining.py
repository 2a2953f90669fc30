"""Has a host take part that was away, or is new: it knows then what was live elsewhere."""

from __future__ import annotations

from fab_static.host.agent.names import RELEASE, checked
from fab_static.host.agent.noting import append_as_they_are
from fab_static.host.agent.record import record_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fab_static.host.agent.store import Host


def left(host: Host, joins: list[dict[str, Any]] | None, before: str | None) -> list[str]:
    """Return the releases that pages may still be of, the one that was live last at the end.

    Args:
        host: this host.
        joins: the other hosts' record, for a host that joins them: it is written here where ours says otherwise.
        before: what is live here.
    """
    if not joins:
        return [before] if before else []
    *names, _ = [checked(RELEASE, entry["release"], "release") for entry in joins]
    learn(host, joins)
    return names


def learn(host: Host, record: list[dict[str, Any]]) -> None:
    """Append what was live elsewhere, from the first entry on that our record has not in this order."""
    wanted = [entry["release"] for entry in record]
    last = {
        entry["release"]: place
        for place, entry in enumerate(record_of(host))
        if entry.get("event") == "activate" and entry["release"] in wanted
    }
    ours = sorted(last, key=lambda release: last[release])
    same = 0
    while wanted[same : same + 1] == ours[same : same + 1] != []:
        same += 1
    if record[same:]:
        append_as_they_are(host, record[same:])
