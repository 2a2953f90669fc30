"""Brings the record of a bucket to a build host that may be empty, and writes back what that host says."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from hashlib import sha256 as sha256_of
from itertools import chain

from fab_static.errors import FabStaticError
from fab_static.phases.run.bucket_holder import InBucket, LackingError
from fab_static.phases.run.bucket_record import BucketRecord
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.holders import records, sources
from fab_static.phases.run.publication import Publication
from fab_static.plan.bucket_record import Begun, KeptRecord, apart, state_of
from fab_static.plan.publication import hidden, object_item
from fab_static.plan.release import Release
from fab_static.plan.seal import from_json
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wire.answers import State


def bring_here(deploy: Deployment) -> None:
    """Make the build host's folder what the record says, and make the record this run's.

    The run that held the lock before can write no record any more. Where there is no record yet, it becomes what
    the build host has.
    """
    kept = deploy.kept
    if kept is None:
        return
    if kept.note is None:
        _copy_up(deploy)
    elif kept.here is not None:
        _lay_out(deploy, kept, kept.note, kept.here)
    kept.is_here = True
    save(deploy)


def lay_out(deploy: Deployment, name: str) -> None:
    """Have a build host that may be empty hold a release of the record, for who only looks: nothing else changes.

    Raises:
        LackingError: the bucket does not hold all of it any more.
    """
    kept = deploy.kept
    if kept and not kept.is_here and kept.here and name in {*kept.kept} - {*kept.here["releases"]}:
        _release(deploy, kept, name, kept.holder())


def save(deploy: Deployment, begun: Begun | None = None) -> None:
    """Write what the build host says into the bucket, where that keeps the record.

    Args:
        deploy: the run.
        begun: the flip that begins now; whoever comes after our death then knows what its end means.

    Raises:
        DeployLockedError: another run has the lock by now.
    """
    kept = deploy.kept
    if kept is None or not kept.is_here or deploy.lock is None:
        return
    signed = {name: one for name, one in deploy.seals.beside.items() if one.get("signature")}
    kept.save(deploy.build.ask(verbs.STATE)[0], deploy.lock.token, begun, signed)


def begin(deploy: Deployment, release: Release, entry: Mapping[str, object]) -> None:
    """Write that a flip begins; whoever lost the lock hears it here, before anything moves."""
    save(deploy, {"release": release.id, "at": time.time(), "entry": dict(entry)})


def keep_whole(deploy: Deployment, release: Release) -> None:
    """Have the bucket that keeps the record hold all of a release: a build host that is empty can take it in."""
    kept = deploy.kept
    if kept is None:
        return
    bucket, text = kept.publication, deploy.seals.text(release)
    seal = object_item(sha256_of(text).hexdigest(), len(text))
    is_origin = bucket is deploy.origin
    items = [*(hidden(release) if is_origin else ()), *apart(release, is_origin=is_origin), seal]
    lacking = bucket.manifest.lacks(items)
    if lacking:
        wanted = bucket.must_be_sent(lacking)
        is_sealed = wanted.pop(seal.sha256, None) is None
        lent = sources(records(wanted), [], deploy.holders) if wanted else []
        bodies = chain.from_iterable(source.objects(part) for source, part in lent)
        bucket.fill(lacking, chain(bodies, () if is_sealed else [(seal.sha256, text)]), release.id)
    kept.keeps(release, text, deploy.seals.beside.get(release.id, {}))


def note(deploy: Deployment, entry: Mapping[str, object], run: str) -> None:
    """Write a line into the record, wherever it is kept."""
    place = deploy.environment.notes
    if place:
        record = BucketRecord(Publication(place, deploy.environment)).read()
        if record.note:
            record.add({**entry, "at": time.time()}, run)
            return
    deploy.build.ask(verbs.NOTE, asks.Note(entry=dict(entry)))


def _copy_up(deploy: Deployment) -> None:
    """Have the bucket hold what the build host holds already: its record was kept there until now."""
    for name in deploy.states[deploy.build]["releases"]:
        try:
            keep_whole(deploy, deploy.seals.read(name, deploy.build))
        except FabStaticError as error:
            deploy.show.warn(f"{name} is not kept in the bucket: {error.what}")


def _lay_out(deploy: Deployment, kept: BucketRecord, note: KeptRecord, here: State) -> None:
    """Lay out the releases that the build host lacks, by their seals and manifests, and give it the record."""
    holder = kept.holder()
    lost = set()
    for name in sorted({*note["releases"]} - {*here["releases"]}):
        try:
            _release(deploy, kept, name, holder)
        except LackingError as error:
            deploy.show.warn(f"{name} cannot be brought here: {error.what}")
            lost.add(name)
    there = {*here["releases"], *note["releases"]} - lost
    wanted: State = {**state_of(note, here), "releases": sorted(there)}
    if wanted["current"] not in there:
        wanted["current"] = None
    if wanted["previous"] not in there:
        wanted["previous"] = None
    if wanted != here:
        request = asks.Adopt(current=wanted["current"], previous=wanted["previous"])
        told = {"log": wanted["record"], "journal": wanted["journal"]}
        deploy.build.ask(verbs.ADOPT, request, json.dumps(told).encode())
    deploy.states[deploy.build] = wanted


def _release(deploy: Deployment, kept: BucketRecord, name: str, holder: InBucket) -> None:
    """Lay a release out on the build host: its seal, and the manifests that it must hold as files."""
    text, beside = kept.seal(name)
    release = from_json(text, name=name, where=f"{kept.where}: {name}")
    for sha256 in release.objects(("web",)):
        deploy.build.ask(verbs.PUT_OBJECT, body=holder.object(sha256))
    request = asks.BuildRelease(roles=list(deploy.build.roles), anew=True, **beside)
    deploy.build.ask(verbs.BUILD_RELEASE, request, text)
