"""Keeps what pages may ask for beyond the live release: names that a kept one has, and the live one has not.

Pages of an earlier release stay open. Those of the next one come from hosts that have flipped already. The names
stand in `pool/gone`. The web server looks there last: a name that the live release has is never taken from there.
Each name has the bytes that it had when it was last live.
"""

from __future__ import annotations

import contextlib
import os

from fab_static.host.agent.claims import Folders
from fab_static.host.agent.disk import link_or_copy
from fab_static.host.agent.names import checked_path, places_of
from fab_static.host.agent.objects import Objects
from fab_static.host.agent.pool import place_for
from fab_static.host.agent.record import record_of
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.seals import ZSTD, found_at, seal_of, with_copies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Container, Iterable, Iterator

    from fab_static.host.agent.store import Host


def keep_names(host: Host, leaving: str | None, coming: str | None) -> None:
    """Link what only the release that is leaving has, before `current` moves to the one that comes.

    Until `current` moves nobody sees these links: their names are still found in it.
    """
    if not leaving or not coming or leaving == coming:
        return
    try:
        seal = seal_of(host, leaving)
    except RefusedError:  # it is damaged: a reason to go away from it, none to stay
        return
    static = host.path("releases", leaving, "static")
    if os.path.isdir(static):
        link_all(host, lacking(seal, seal_of(host, coming)["files"]))


def let_in(host: Host, coming: dict[str, Any]) -> None:
    """Link what only a release that may go live has: a host that has flipped names it before we do.

    A name that an earlier release left keeps its bytes: pages of that are open.
    """
    live = host.live()
    if not live or live == coming["id"]:
        return
    try:
        names = seal_of(host, live)["files"]
    except RefusedError:  # as in keep_names
        return
    wanted = lacking(coming, names)
    link_all(host, (one for one in wanted if found_at(host, one[0])[1] is None))


def link_all(host: Host, wanted: Iterable[tuple[str, str, int]]) -> None:
    """Make each of these a link to its object, where the host holds that."""
    objects, folders = Objects(host), Folders(host)
    for path, sha256, _size in wanted:
        place = place_for(host, path, sha256, objects)
        if place is None or not os.path.lexists(host.object(sha256)):
            continue
        folders.make(os.path.dirname(host.path(place)))
        link_or_copy(host.object(sha256), host.path(place))
        for other in {*places_of(path)} - {
            place
        }:  # of earlier bytes; it would stand in a folder's way
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                os.unlink(host.path(other))


class Gone:
    """What `pool/gone` must hold: places in it, SHA-256, size. Releases are added in the order of `by_last_live`."""

    def __init__(self, host: Host) -> None:
        self.entries: list[tuple[str, str, int]] = []
        self._names: set[str] | None = None
        live = host.live()
        if live:
            with contextlib.suppress(RefusedError):  # a damaged one: then nothing is pruned
                self._names = set(seal_of(host, live)["files"])

    def add(self, seal: dict[str, Any]) -> None:
        """Add what no release so far has, neither the live one nor one that was live later."""
        if self._names is not None:  # while nothing is live, no page is open
            self.entries += lacking(seal, self._names)
            self._names.update(seal["files"])


def gone_since(host: Host, live: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Return what `pool/gone` must hold for pages of the release before this one."""
    before = host.live("previous")
    if not before or host.live() != live["id"] or before == live["id"]:
        return []
    try:
        return [*lacking(seal_of(host, before), live["files"])]
    except RefusedError:  # nobody knows what it had; `releases` tells of it
        return []


def lacking(seal: dict[str, Any], names: Container[str]) -> Iterator[tuple[str, str, int]]:
    """Yield what a release has beyond these names: place in `pool/gone`, SHA-256, size."""
    files, named = seal["files"], set(seal["named"])
    for path, file in files.items():
        if path in names or path in named:  # what is named by its content stands in pool/named
            continue
        for ending, sha256, size in with_copies(file):
            if ending != ZSTD and (not ending or path + ending not in files):
                yield f"pool/gone/{checked_path(path)}{ending}", sha256, size


def by_last_live(host: Host) -> list[str]:
    """Return the releases here: the one that was live last first; at the end those that never were."""
    live = [one["release"] for one in record_of(host) if one.get("event") == "activate"]
    last = {release: place for place, release in enumerate(live)}
    return sorted(host.releases(), key=lambda one: (last.get(one, -1), one), reverse=True)
