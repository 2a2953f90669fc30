"""A cache that travels: what builds left in the inventory's `cache`, for a machine on which nothing was built yet.

A build that ran a phase leaves its records there, with the objects that phases left. Another machine takes a phase's
record when all that it names has the same bytes there; then the phase is used again as if it had run there. The cache
fails no build: what cannot be read, written or believed is told once, and phases run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import chain, islice
from typing import TYPE_CHECKING, cast

from fab_static.aws.refusals import RefusedError
from fab_static.errors import FabStaticError
from fab_static.host.agent.protocol import RECORD
from fab_static.phases.run import listings
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.from_hub import Signed
from fab_static.phases.run.holders import records, sources
from fab_static.phases.run.journal import left_by
from fab_static.phases.run.reuse import Known, command_of, what_is_known
from fab_static.phases.run.settings import beside_root, static_root_of
from fab_static.plan import carried as plan
from fab_static.plan.carried import Build, Guard
from fab_static.plan.publication import Item
from fab_static.plan.putting import batches
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wire.kept import Entry, Left
from fab_static.plan.wording import counted
from fab_static.workers import Workers

if TYPE_CHECKING:
    from fab_static.aws.s3 import Bucket
    from fab_static.phases.run.project import ProjectOnHost
    from fab_static.plan.build_order import OwnPhase

MOST_BYTES = 64 << 20  # of a build's record, as the bucket holds it


def known_elsewhere(deploy: Deployment, name: str, base: str | None) -> Known | None:
    """Return what a phase would leave, by a run on another machine that read the same, or None if nobody knows."""
    place = deploy.environment.cache
    if place is None or deploy.reuse == "no" or deploy.by_itself:
        return None
    try:
        return _known_elsewhere(deploy, name, base)
    except FabStaticError as error:
        _tell(deploy, f"{name} is not taken from the cache: {error.what}")
        return None


def _known_elsewhere(deploy: Deployment, name: str, base: str | None) -> Known | None:
    builds = [build for build in _builds(deploy) if name in build["steps"]]
    before = deploy.journal.phases.get(name)
    why = ""
    while builds:
        build, why = _chosen(deploy, name, builds, base)
        if build is None:
            break
        builds.remove(build)
        entry = _entry(deploy, name, build)
        if entry is None:
            continue
        deploy.journal.phases[name] = entry
        known = what_is_known(deploy, name, base)
        if known.entry and _bring(deploy, known):
            return known
        why = known.why
        deploy.journal.phases.pop(name, None)
        if before:
            deploy.journal.phases[name] = before
    if why:
        deploy.show.say(f"not in the cache: {why}")
    return None


def _chosen(
    deploy: Deployment, name: str, builds: list[Build], base: str | None
) -> tuple[Build | None, str]:
    """Have the host take the record of one of these builds that would read the same there; or return why none."""
    if deploy.carrying.places:  # one that worked on the same need not be replayed
        builds = sorted(builds, key=lambda build: not _began_here(deploy, name, build, base))
    candidates = [
        {"record": step["record"], "given": build["given"], "places": build["places"]}
        for build in builds
        for step in (build["steps"][name],)
    ]
    request = _project(deploy).to_unpack(*_run_of(deploy, name), name, _root(deploy))
    head, _ = deploy.build.ask(verbs.UNPACK, request, json.dumps(candidates).encode())
    deploy.carrying.places = head["places"]
    if not 0 <= head["chosen"] < len(builds):
        return None, head["why"]
    return builds[head["chosen"]], ""


def _began_here(deploy: Deployment, name: str, build: Build, base: str | None) -> bool:
    """Tell whether a phase worked there on what it would work on here."""
    given = deploy.journal.phases[base]["listing"] if base else None
    then = build["steps"][name]["left"].get("base")
    if not given or not then:
        return given == then
    listing = plan.placed(build["listings"][then], deploy.carrying.places)
    return listing is not None and sha256(plan.text_of(listing)).hexdigest() == given


def _builds(deploy: Deployment) -> list[Build]:
    """Return the newest builds that the cache holds for these phases; it is asked once."""
    carrying = deploy.carrying
    if carrying.builds is None:
        carrying.builds = []  # what fails now is not tried again
        bucket = _bucket(deploy)
        found = islice(bucket.listing(f"builds/{_key(deploy)}/"), plan.NEWEST)
        keys = [key for key, size, _ in found if size <= MOST_BYTES]
        with Workers(plan.NEWEST, "fab_static cache") as workers:
            for there in workers.map(bucket.get, keys):
                build = plan.read(there[0]) if there else None
                if build:
                    carrying.builds.append(build)
    return carrying.builds


def _bucket(deploy: Deployment) -> Bucket:
    from fab_static.aws.s3 import Bucket  # not above: whoever has no cache starts sooner

    place, carrying = deploy.environment.cache, deploy.carrying
    assert place  # noqa: S101 - whoever comes here has asked
    if carrying.bucket is None:
        carrying.bucket = Bucket(replace(place, prefix=f"{place.prefix}{deploy.environment.app}/"))
    return carrying.bucket


def _project(deploy: Deployment) -> ProjectOnHost:
    return deploy.project(deploy.build)


def _root(deploy: Deployment) -> str:
    return static_root_of(deploy.facts(deploy.build))


def _run_of(deploy: Deployment, name: str) -> tuple[str, OwnPhase | None]:
    return command_of(deploy, name), deploy.environment.build.own.get(name)


def _key(deploy: Deployment) -> str:
    project = _project(deploy)
    return plan.key_of({name: project.what(*_run_of(deploy, name)) for name in deploy.phases})


def _entry(deploy: Deployment, name: str, build: Build) -> Entry | None:
    """Return what the journal would say of a phase had it run here; its listings are kept on the host then."""
    step = build["steps"][name]
    facts = deploy.facts(deploy.build)
    beside = beside_root(facts, deploy.bundler_manifests(deploy.build))
    guard = Guard(frozenset(beside), deploy.environment.build.own)
    left: Left = {**step["left"], "record": step["record"]["token"]}
    for key in ("base", "listing", "wrote"):
        name_there = left.get(key)
        if not isinstance(name_there, str):
            continue
        listing = plan.placed(build["listings"][name_there], deploy.carrying.places)
        wrong = (
            plan.fault(name, listing, guard, is_wrote=key == "wrote")
            if listing
            else "it lies in a place that is not here"
        )
        if listing is None or wrong:
            _tell(deploy, f"{name} is not taken from the cache: {wrong}")
            return None
        head, _ = deploy.build.ask(verbs.PUT_OBJECT, body=plan.text_of(listing))
        left[key] = head["object"]
    no = {"release": None, "listing": None, "base": None}
    return cast("Entry", {**no, **left, "ran": 0, "seconds": 0.0})


def _bring(deploy: Deployment, known: Known) -> bool:
    """Have the build host fetch what it lacks of what a phase left; tell where it cannot."""
    assert known.entry  # noqa: S101 - whoever comes here has asked
    wanted = plan.objects(
        listings.read(deploy, name) for name in (known.listing, known.entry.get("wrote")) if name
    )
    _, absent = deploy.build.ask(verbs.MISSING, asks.Missing(), records(wanted))
    if not absent:
        return True
    bucket = _bucket(deploy)
    lacking = [plan.object_of(raw.hex(), size) for raw, size in RECORD.iter_unpack(absent)]
    try:
        for batch in batches(lacking):
            urls, body = Signed(bucket, batch).request(batch)
            deploy.build.ask(verbs.FETCH_URLS, asks.FetchUrls(urls=urls), body)
    except FabStaticError as error:
        deploy.carrying.may_be_whole = False
        _tell(deploy, f"what the cache says is not what it holds, so phases run: {error.what}")
        return False
    deploy.show.say(f"{counted(len(lacking), 'object')} from {bucket.place}")
    return True


def leave(deploy: Deployment) -> None:
    """Leave in the cache what the phases of this run read and left, where one of them ran."""
    if deploy.environment.cache is None or deploy.by_itself or not deploy.carrying.has_run:
        return
    try:
        _leave(deploy)
    except RefusedError as error:
        may_not = error.status == 403
        words = "it is read, and not written: these credentials may not" if may_not else error.what
        _tell(deploy, f"the cache {deploy.environment.cache}: {words}")
    except FabStaticError as error:
        _tell(deploy, f"nothing is left in the cache {deploy.environment.cache}: {error.what}")


def _leave(deploy: Deployment) -> None:
    entries = {
        name: entry
        for name in deploy.phases
        if (entry := deploy.journal.phases.get(name))
        and entry.get("record")
        and not entry.get("unseen")
    }
    kept = {
        sha256: listings.read(deploy, sha256)
        for entry in entries.values()
        for sha256 in plan.listings_of(entry)
    }
    wrote: dict[str, int] = {}
    for entry in entries.values():
        base = kept.get(entry["base"] or "")
        for one in filter(None, (entry["listing"], entry.get("wrote"))):
            wrote |= plan.new_objects(base, kept[one])
    request = _project(deploy).to_pack(list(entries), _root(deploy))
    head, body = deploy.build.ask(verbs.PACK, request, records(wrote))
    packed = json.loads(body)
    for name, why in head["why"].items():
        deploy.show.say(f"{name} stays out of the cache: {why}")
    places = head["places"]
    build: Build = {
        "format": plan.FORMAT,
        "given": head["given"],
        "places": places if head["names_places"] else None,
        "steps": {name: {"left": _plain(entries[name]), "record": packed[name]} for name in packed},
        "listings": {sha256: plan.named(one, places) for sha256, one in kept.items()},
    }
    if packed:
        _send(deploy, build, plan.objects(kept.values()))


def _plain(entry: Entry) -> Left:
    """Return what the journal keeps of what a phase left, without what is of this run alone."""
    left = left_by(entry)
    left.pop("reused", None)
    left.pop("release", None)  # type: ignore[typeddict-item]  # a journal of an earlier version has it
    return left


def _send(deploy: Deployment, build: Build, objects: dict[str, int]) -> None:
    """Write objects first, then the record that names them.

    Raises:
        RefusedError: they may not be written.
    """
    there: set[str] = set()
    if deploy.carrying.may_be_whole:
        there = {
            sha256
            for one in deploy.carrying.builds or ()
            for sha256 in plan.objects(one["listings"].values())
        }
    wanted = {sha256: size for sha256, size in objects.items() if sha256 not in there}
    bucket = _bucket(deploy)

    def sent(item: Item, data: bytes) -> str:
        if deploy.carrying.may_be_whole:
            return bucket.create(item, data)
        return bucket.put(item.key, data, headers=item.headers, sha256=item.sha256)

    if wanted:
        with _read(deploy, wanted) as items:
            sent(*next(items))  # alone: it may be forbidden
            bucket.each(items, sent)
    data = plan.written(build)
    name = f"builds/{_key(deploy)}/{plan.name_of(data, time.time())}"
    bucket.put(name, data, headers=plan.HEADERS)
    phases = counted(len(build["steps"]), "phase")
    deploy.show.say(f"{phases} in the cache now; {counted(len(wanted), 'object')} sent")


@contextmanager
def _read(deploy: Deployment, wanted: dict[str, int]) -> Iterator[Iterator[tuple[Item, bytes]]]:
    """Give objects of the build host, as the bucket holds them."""
    lent = sources(records(wanted), [], [deploy.build])
    bodies = chain.from_iterable(source.objects(part) for source, part in lent)
    try:
        yield ((plan.object_of(name, len(data)), data) for name, data in bodies)
    finally:
        for source, _ in lent:
            source.close_agent()


def _tell(deploy: Deployment, text: str) -> None:
    """Tell once: a cache that cannot be had fails no build."""
    if text not in deploy.carrying.told:
        deploy.carrying.told.add(text)
        deploy.show.warn(text)
