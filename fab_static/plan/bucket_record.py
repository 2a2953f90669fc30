"""The record where a bucket keeps it: what is live, what was, which releases are kept, the journal and the log.

A build host that lasts has all of this in its `deploy_to`. One that does not last is given it when a run begins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypedDict

from fab_static.plan.publication import PRIVATE, Item, Manifest, hidden, is_for_good, object_item
from fab_static.plan.release import Release
from fab_static.plan.wire.answers import State, Summary
from fab_static.plan.wire.kept import Beside, Json
from fab_static.plan.wire.shapes import Moment

RECORD = PRIVATE + "record.json"
OF_A_MACHINE = "static_root"  # of the journal: which folder a build fills there


class KeptSeal(Beside):
    """A release that is kept: the object that is its seal, and a few words on it."""

    sha256: str
    size: int
    summary: Summary


class Begun(TypedDict):
    """A flip that begins: what its end will have made of the record."""

    release: str
    at: Moment
    entry: Json


class KeptRecord(TypedDict):
    """All that a bucket keeps for a build host that does not last."""

    format: int
    app: str
    environment: str
    run: str  # that wrote it: each run writes it first of all, so that no earlier one can any more
    current: str | None
    previous: str | None
    journal: Json | None
    log: list[Json]
    releases: dict[str, KeptSeal]
    begun: Begun | None


def settled(record: KeptRecord, others: Collection[str | None]) -> KeptRecord:
    """Return the record once it is known how a flip ended whose operator died.

    Args:
        record: as it was read.
        others: what is live on every other host and in the origin, or None if that is not sure.
    """
    begun = record["begun"]
    if not begun or not others or {*others} != {begun["release"]}:
        return record
    line: Json = {**begun["entry"], "event": "activate", "release": begun["release"]}
    return {
        **record,
        "current": begun["release"],
        "previous": record["current"],
        "log": [*record["log"], {**line, "at": begun["at"]}],
        "begun": None,
    }


def state_of(record: KeptRecord, here: State) -> State:
    """Return what a build host would say of itself that has this record."""
    return {
        **here,
        "current": record["current"],
        "previous": record["previous"],
        "releases": sorted(record["releases"]),
        "provisional": None,
        "unsettled": False,
        "record": record["log"],
        "journal": journal_here(record["journal"], here["journal"]),
        "journal_is_ours": True,
    }


def journal_here(journal: Json | None, here: Json | None) -> Json | None:
    """Return the journal as it holds on this machine.

    Which folder a build fills is the machine's own. What a build phase left are objects: a phase that left them on
    another machine never ran on this one.
    """
    if not journal:
        return journal
    here = here or {}
    phases = {
        name: entry
        for name, entry in _phases(journal).items()
        if _left(entry) in ({}, _left(_phases(here).get(name)))
    }
    return {**journal, "phases": phases, OF_A_MACHINE: here.get(OF_A_MACHINE)}


def _phases(journal: Json) -> Json:
    phases = journal.get("phases")
    return phases if isinstance(phases, dict) else {}


def _left(entry: object) -> Json:
    """Return which objects a phase left, or worked on; none of a phase that does not build."""
    if not isinstance(entry, dict):
        return {}
    return {key: entry[key] for key in ("listing", "base", "wrote", "record") if entry.get(key)}


def journal_for_all(journal: Json | None) -> Json | None:
    """Return the journal without what is true of one machine alone."""
    return journal and {**journal, OF_A_MACHINE: None}


def apart(release: Release, *, is_origin: bool) -> list[Item]:
    """Return the objects of a release that the bucket must hold beyond what visitors are served from.

    With them a build host that is empty can take the release in, and give it to a host that lacks it.
    """
    served = {item.sha256 for item in hidden(release)} if is_origin else set()
    held = release.objects(("build",))
    return [
        object_item(sha256, size) for sha256, size in sorted(held.items()) if sha256 not in served
    ]


def places(manifest: Manifest) -> Mapping[str, str]:
    """Return where a bucket holds bytes for good: SHA-256 -> key."""
    return {
        entry.sha256: key
        for key, entry in manifest.files.items()
        if entry.sha256 and is_for_good(key, entry)
    }
