"""What stands on every host: what is live, what is kept, who holds the lock, and whether they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from fab_static.errors import CdnError, FabStaticError, RemoteError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.locking import holder_of, keeps_lock
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wire.answers import State, Verified
from fab_static.remote import Question, RemoteHost

# what is told of a host that does not answer, or refuses to
_UNKNOWN = {
    "live": None,
    "previous": None,
    "provisional": False,
    "missing": 0,
    "changed": 0,
    "offline_manifest_sha256": None,
    "versions_sha256": None,
}


Asked = tuple[dict[str, Any], str | None]  # what a host says, and the SHA-256 of its live seal


def status(deploy: Deployment) -> dict[str, Any]:
    """Return what is live on each host, whether it is whole, and who holds the lock.

    A host that cannot be reached is reported, not raised; one that refuses is `reachable`, with its `error`.
    `missing` and `changed` count files of the
    live release that are not as they were sealed, by size and time; only `verify` reads their bytes.
    """
    known, failures = deploy.fleet.attempt(deploy.hosts(), lambda host: _asked(deploy, host))
    if deploy.environment.notes and deploy.build in known:
        known[deploy.build] = _by_record(deploy, known[deploy.build])
    answers = {host: answer for host, (answer, _) in known.items()}
    for host in _with_another_seal(deploy, known):
        answers[host]["changed"] += 1
        release = answers[host]["live"]
        deploy.show.warn(
            f"{host.name}: release.json of {release} differs from the one on other hosts; mend it: "
            f"fab {deploy.environment.name} rollback --to {release} --repair"
        )
    answers |= {host: _failed(host, why) for host, why in failures.items()}
    hosts = [
        {"host": host.name, "roles": list(host.roles), **answers[host]} for host in deploy.hosts()
    ]
    reached = {host: answer for host, answer in answers.items() if host not in failures}
    origins = [_origin(deploy, reached)] if deploy.environment.origin else []
    live = {one["live"] for one in (*hosts, *origins)}
    agreed = len(live) == 1 and not failures and _is_settled(hosts, origins)
    return {
        "environment": deploy.environment.name,
        "app": deploy.environment.app,
        "live": live.pop() if agreed else None,
        "agreed": agreed,
        "lock": None if answers[deploy.build]["error"] else lock_holder(deploy),
        "hosts": hosts,
        "origins": origins,
    }


def _asked(deploy: Deployment, host: RemoteHost) -> Asked:
    """Return what a host says of itself, and the SHA-256 of its live release's seal."""
    of_live = asks.Verify(
        release=None, roles=list(host.roles), seal=None, gone="static" in host.roles
    )
    locked: list[Question] = []
    if host == deploy.build and keeps_lock(deploy):
        locked.append((verbs.LOOK_AT_LOCK, None))
    # one trip for all
    state = host.ask_then(verbs.STATE, asks.Nothing(), [*locked, (verbs.VERIFY, of_live)])
    deploy.states[host] = state
    deploy.tell_odd(host, state["odd"])
    compared = _compared(deploy, host, state, of_live)
    return {
        "reachable": True,
        "live": state["current"],
        "previous": state["previous"],
        "provisional": state["provisional"] is not None,
        "missing": compared["missing"],
        "changed": compared["changed"],
        "offline_manifest_sha256": compared["offline_manifest_sha256"],
        "versions_sha256": compared["versions_sha256"],
        "error": None,
    }, compared.get("seal_sha256")


def _by_record(deploy: Deployment, asked: Asked) -> Asked:
    """Return what the record in the bucket says of the build host, which may be empty; `asked` where it says nothing.

    `missing` counts the objects that the bucket lacks to give an empty build host the live release.
    """
    from fab_static.plan.bucket_record import apart  # not above: see below

    answer, _ = asked
    try:
        deploy.read_record()
        if not deploy.kept or not deploy.kept.note:
            return asked
        state = deploy.states[deploy.build]
        found = {"live": state["current"], "previous": state["previous"], "provisional": False}
        if not state["current"]:
            return {**answer, **found}, None
        release = deploy.seals.read(state["current"], deploy.build)
        bucket = deploy.kept.publication
        lacking = bucket.manifest.lacks(apart(release, is_origin=bucket is deploy.origin))
        digests = {
            "missing": len(lacking),
            "changed": 0,
            "offline_manifest_sha256": release.offline_manifest_sha256,
            "versions_sha256": release.versions_sha256,
        }
        return {**answer, **found, **digests}, deploy.seals.sha256(release)
    except FabStaticError as error:
        # the record alone says what is live there, and hosts do not disagree with what nobody knows
        return _failed(deploy.build, error), None


def _failed(host: RemoteHost, error: FabStaticError) -> dict[str, Any]:
    return {**_UNKNOWN, "reachable": _answers(error), "error": error.told(host.name)}


def _answers(error: FabStaticError) -> bool:
    """Tell whether a host or bucket was reached, though it did not say what was asked."""
    return error.is_refusal or not isinstance(error, RemoteError | CdnError)


def _is_settled(hosts: Sequence[Mapping[str, Any]], origins: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether no flip waits for its end."""
    return not any(one["provisional"] for one in hosts) and all(
        not one["error"] and not one["pending"] for one in origins
    )


def _compared(deploy: Deployment, host: RemoteHost, state: State, of_live: asks.Verify) -> Verified:
    """Return how the files of a host's live release compare with its seal."""
    compared = Verified(
        missing=0, changed=0, examples=[], versions_sha256=None, offline_manifest_sha256=None
    )
    live = state["current"]
    if not live:
        return compared
    if live not in state["releases"]:
        return {**compared, "missing": 1}  # the whole release
    try:
        answer, _ = host.ask(verbs.VERIFY, of_live)
        if answer.get("release") != live:  # another went live in between
            of_live["release"] = live
            answer, _ = host.ask(verbs.VERIFY, of_live)
        return answer
    except FabStaticError as error:
        if isinstance(error, RemoteError) and not error.is_refusal:
            raise
        deploy.tell_odd(host, [error.what])  # it answers, and cannot read its seal
        return {**compared, "changed": 1}


def _with_another_seal(
    deploy: Deployment, known: Mapping[RemoteHost, tuple[Mapping[str, Any], str | None]]
) -> list[RemoteHost]:
    """Return the hosts whose seal of the live release differs from most hosts' seal; the build host breaks a tie."""
    found = []
    for live in {answer["live"] for answer, _ in known.values()}:
        seals = {host: seal for host, (one, seal) in known.items() if seal and one["live"] == live}
        count = Counter(seals.values())
        right = max(
            count, key=lambda seal: (count[seal], seal == seals.get(deploy.build)), default=""
        )
        found += [host for host, seal in seals.items() if seal != right]
    return found


def _origin(deploy: Deployment, reached: Mapping[RemoteHost, Any]) -> dict[str, Any]:
    """Return what is live in the bucket; `missing` counts the live release's objects that it lacks."""
    # not above: most environments have no bucket, and `status` starts sooner
    from fab_static.phases.run.publication import Publication
    from fab_static.plan.publication import hidden

    place = deploy.environment.origin
    assert place is not None  # noqa: S101 - the caller looked
    found: dict[str, Any] = {
        "origin": str(place),
        "reachable": False,
        "live": None,
        "pending": None,
        "missing": 0,
        "error": None,
    }
    try:
        origin = Publication(place, deploy.environment).read()
        manifest = origin.manifest
        holders = [host for host in reached if manifest.release in deploy.states[host]["releases"]]
        if manifest.release and holders:
            release = deploy.seals.read(manifest.release, holders[0])
            visible = origin.visible(release)
            found["missing"] = len(manifest.lacks((*hidden(release), *visible)))
    except FabStaticError as error:
        return {**found, "reachable": _answers(error), "error": error.what}
    is_there = {"origin": origin.name, "reachable": True}
    return {**found, **is_there, "live": manifest.release, "pending": manifest.pending}


def lock_holder(deploy: Deployment) -> dict[str, Any] | None:
    """Return who holds the lock; None if nobody does, or if the holder has died."""
    holder = holder_of(deploy)
    if holder is None or holder["dead"]:
        return None
    return {
        "owner": holder["owner"],
        "since": f"{datetime.fromtimestamp(holder['since'], UTC):%Y-%m-%dT%H:%M:%SZ}",
        "phase": holder["phase"],
        "silent_seconds": round(holder["silent_seconds"], 1),
    }


def agreement(answer: Mapping[str, Any]) -> Literal["agreed", "silent", "disagree"]:
    """Tell from a status whether all agree, whether some only do not say what is live, or whether they disagree."""
    if answer["agreed"]:
        return "agreed"
    members = (*answer["hosts"], *answer["origins"])
    reached = [one for one in members if one["reachable"] and not one.get("error")]
    unsure = any(one.get("provisional") or one.get("pending") for one in reached)
    alike = len({one["live"] for one in reached}) <= 1 and not unsure
    return "silent" if alike else "disagree"
