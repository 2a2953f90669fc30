"""Makes a release live, provisionally until the operator confirms it, or puts back what was."""

from __future__ import annotations

import contextlib
import json
import os
import time

from fab_static.host.agent.claims import claim
from fab_static.host.agent.disk import (
    alone,
    copy,
    is_link_to,
    lasting,
    point,
    remove_tree,
    write_file,
)
from fab_static.host.agent.gone import keep_names
from fab_static.host.agent.joining import left
from fab_static.host.agent.names import RELEASE, checked, in_folder
from fab_static.host.agent.noting import append
from fab_static.host.agent.plain import read_json
from fab_static.host.agent.provisional import PROVISIONAL, UNION, noted_flip
from fab_static.host.agent.record import last_activated
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.seals import read_seal, seal_of
from fab_static.host.agent.trust import LIVE_THEN, refuse_untrusted, was_live
from fab_static.host.agent.watchdog import BEFORE, go_back, start_watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent


@lasting
def flip(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make a release live: `previous` to what was live, `current` to it, each in one rename.

    What only the release before has is linked into `pool/gone` first.

    `joins` is there for a host that was away: what was live elsewhere meanwhile, and this release at the end.

    `links` maps a file of the project to its place below `deploy_to`. On web hosts these are the offline
    manifest (`manifest` names it) and the resource versions: so they flip with `current`.

    The flip is provisional until `confirm` comes. When nothing is heard of the operator for `confirm_timeout`
    seconds, a watchdog that outlives this connection puts back what was live.
    """
    host = agent.host
    claim(host)
    release = checked(RELEASE, head["release"], "release")
    read_seal(host, release, head.get("seal"))
    refuse_untrusted(host, release)
    refuse_folders(head["links"])
    with alone(host):
        before = host.live()
        if before != release:
            if not was_live(host, before):  # no way back leads there any more
                remove_tree(host.path(LIVE_THEN))
            begin_provisionally(host, dict(head, current=before, previous=host.live("previous")))
        leaving = left(host, head.get("joins"), before)
        for one in leaving:
            keep_names(host, leaving=one, coming=release)
        if leaving and leaving[-1] != release:
            point(host.path("previous"), "releases/" + leaving[-1])
        union = write_union(host, before, release) if before and before != release else None
        if union and head["manifest"]:
            point(head["manifest"], union)
        point(host.path("current"), "releases/" + release)
        set_links(head["links"], union and head["manifest"])
        if last_activated(host) != release:  # a flip may have died before its note
            append(host, dict(head["entry"], event="activate", release=release))
    return {"before": before}, b""


def refuse_folders(links: Head) -> None:
    """Refuse to make a link where the project has a folder."""
    for path, target in links.items():
        if os.path.isdir(path):
            raise RefusedError(
                f"{path} is a folder, and should be a link to {target}",
                path,
                "move it away; see COMPRESS_OFFLINE_MANIFEST in the project's settings",
            )


def begin_provisionally(host: Host, head: Head, *, back: bool = False) -> None:
    """Note the flip, before anything moves, and start who will go back.

    `back`: the operator is on the way back already. The note says where a host
    stands, and nothing to obey. The watchdog has in memory what is linked and reloaded on the way back; the
    operator has it in the inventory.
    """
    keys = ("release", "current", "previous")
    note = {"format": 1, **{key: head[key] for key in keys}, "at": time.time(), "back": back}
    write_file(host.path(PROVISIONAL), json.dumps(note).encode())
    start_watchdog(host, head, note)


def set_links(links: Head, joined: str | None) -> None:
    """Make the project's manifests links into `current`; not yet the one that is joined."""
    for path, target in links.items():
        if path == joined or (os.path.islink(path) and os.readlink(path) == target):
            continue
        if os.path.exists(path) and not os.path.islink(path):
            remove_tree(path + BEFORE)
            try:
                os.link(path, path + BEFORE)  # linked, not moved: no instant without the file
            except OSError:  # fs.protected_hardlinks, or a file system without links
                copy(path, path + BEFORE, times=True)
        point(path, target)


def write_union(host: Host, old: str, new: str) -> str | None:
    """Write both releases' offline manifests as one, the new one's keys winning; return its path."""
    union: Head = {}
    for release in (old, new):
        try:
            manifest = seal_of(host, release)["offline_manifest"]
            if not manifest:
                return None
            path = host.path("releases", release, in_folder(manifest["path"]))
            union.update(read_json(path) or {})
        except (RefusedError, OSError, TypeError, ValueError):
            return None  # it is damaged: a reason to go away from it, none to stay
    write_file(host.path(UNION), json.dumps(union, indent=2, sort_keys=True).encode())
    return host.path(UNION)


@lasting
def confirm(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make a flip final, or the way back from one. False when it went back before the word came, or shall.

    `links` and `manifest` as in `flip`; on the way back none are needed.
    """
    host = agent.host
    with alone(host):
        if host.live() != head["release"]:
            return {"confirmed": False}, b""
        known = noted_flip(host)
        if known and known["release"] == head["release"]:
            if known["back"] and not host.why_not_ours(PROVISIONAL):
                return {"confirmed": False}, b""
            append(host, dict(head.get("entry", {}), event="confirm", release=head["release"]))
        manifest = head.get("manifest")
        if manifest and is_link_to(manifest, host.path(UNION)):
            point(
                manifest, head["links"][manifest]
            )  # every process was reloaded: from here on its own
        remove_tree(host.path(PROVISIONAL))
        remove_tree(host.path(UNION))
    return {"confirmed": True}, b""


@lasting
def doubt(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make a confirmed flip provisional again, because not every host could be told: all will go back.

    An operator who dies on the way there leaves a watchdog on every host, as one who dies on the way
    forth does. A `confirm` that comes late is refused.
    """
    host = agent.host
    with alone(host):
        if host.live() == head["release"] != head["current"]:
            begin_provisionally(host, head, back=True)
    return {}, b""


@lasting
def flip_back(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Put back what was live before a flip; does nothing where the flip never came.

    Where processes are to `reload` then, the flip stays noted until `confirm` says that they have: should
    the operator die before, the watchdog has them do it.
    """
    host = agent.host
    with alone(host):
        known, live = noted_flip(host), host.live()
        is_owed = head["current"] and head["reload"] and (known or live != head["current"])
        if is_owed:
            note = dict(head, release=known["release"] if known else live)
            with contextlib.suppress(OSError):  # on a full disk links move anyway
                begin_provisionally(host, note, back=True)
        go_back(host, head)
        if not is_owed:
            remove_tree(host.path(PROVISIONAL))
    return {}, b""
