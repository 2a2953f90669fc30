"""Says what is live on a host, and what is strange there."""

from __future__ import annotations

import os
import stat
import time

from fab_static.host.agent.plain import is_folder
from fab_static.host.agent.provisional import PROVISIONAL, provisional_flip
from fab_static.host.agent.record import record_of
from fab_static.host.agent.store import FOLDERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent


def ping(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say nothing but that it is there."""
    return {}, b""


def state(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say what is live, what was before, which releases are here, and what the record says."""
    host = agent.host
    host.odd.clear()
    host.check_claim()
    if may_anybody_write(host.root):
        host.odd[""] = f"every account there may write below {host.root}: chmod o-w {host.root}"
    journal = host.known("journal.json")
    is_foreign = host.why_not_ours("journal.json") if journal is not None else None
    if is_foreign:
        host.odd["journal.json"] = is_foreign + "; nothing that it says was built is used again"
    for name in linked(host):
        host.odd[name] = f"{host.told_of_link(name)}; nothing is written through it"
    return {
        "current": host.live(),
        "previous": host.live("previous"),
        "releases": host.releases(),
        "provisional": provisional_flip(host),
        "unsettled": PROVISIONAL in host.odd,
        "record": record_of(host),
        "journal": journal,
        "journal_is_ours": not is_foreign,
        "odd": list(host.odd.values()),
        "now": time.time(),
    }, b""


def may_anybody_write(folder: str) -> bool:
    """Tell whether every account of this host may write in a folder."""
    try:
        return bool(os.stat(folder).st_mode & stat.S_IWOTH)
    except OSError:
        return False


def linked(host: Host) -> list[str]:
    """Return the names of the folders of ours, and of what lies in them, that are links."""
    names = [name for name in FOLDERS if os.path.islink(host.path(name))]
    for folder in ("objects", "pool", "releases"):
        if is_folder(host.path(folder)):
            names += links_in(host, folder)
    return names


def links_in(host: Host, folder: str) -> list[str]:
    """Return the names of what lies in a folder of ours and is a link, or none if it cannot be read."""
    try:
        with os.scandir(host.path(folder)) as entries:
            return sorted(f"{folder}/{entry.name}" for entry in entries if entry.is_symlink())
    except OSError:
        return []
