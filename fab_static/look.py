"""Looks: asks hosts, and changes nothing. Each function returns what its task prints as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from fab_static.errors import FabStaticError, ReleaseError
from fab_static.host.agent import RECORD
from fab_static.phases import GO_LIVE, PREPARE
from fab_static.phases.building import Known, what_is_known
from fab_static.phases.caching import distribution_of, see
from fab_static.phases.collected import Listing, hashed_names, listing_of
from fab_static.phases.deployment import Deployment
from fab_static.phases.forgetting import forgotten, planned
from fab_static.phases.project import staticfiles_manifest_path
from fab_static.phases.publication import Publication
from fab_static.phases.static_root import refuse_unsafe, words_of_collectstatic
from fab_static.plan import bundles
from fab_static.plan.build_order import is_of_sources
from fab_static.plan.cdn.invalidation import Invalidation
from fab_static.plan.diff import (
    Diff,
    as_cached,
    compare,
    is_for_the_server,
    is_versioned,
    printed_url,
    united,
    unversioned_changes,
    url_changes,
)
from fab_static.plan.publication import hidden
from fab_static.plan.release import Release, bad
from fab_static.plan.sources import since_collected
from fab_static.remote import Head, RemoteHost


def status(deploy: Deployment) -> dict[str, Any]:
    """Return what is live on each host, whether it is whole, and who holds the lock.

    A host that cannot be reached is reported, not raised. `missing` and `changed` count files of the
    live release that are not as they were sealed, by size and time; only `verify` reads their bytes.
    """

    def asked(host: RemoteHost) -> tuple[dict[str, Any], str | None]:
        state, _ = host.ask("state")
        deploy.states[host] = state
        deploy.tell_odd(host, state["odd"])
        answer: Head = {}
        if state["current"] in state["releases"]:
            try:
                answer, _ = host.ask(
                    "verify", release=state["current"], roles=list(host.roles), seal=None
                )
            except ReleaseError as error:  # its seal cannot be read
                deploy.tell_odd(host, [error.what])
                answer = {"changed": 1}
        elif state["current"]:
            answer = {"missing": 1}  # the whole release
        return {
            "reachable": True,
            "live": state["current"],
            "previous": state["previous"],
            "provisional": state["provisional"] is not None,
            "missing": answer.get("missing", 0),
            "changed": answer.get("changed", 0),
            "offline_manifest_sha256": answer.get("offline_manifest_sha256"),
            "versions_sha256": answer.get("versions_sha256"),
            "error": None,
        }, answer.get("seal_sha256")

    known, failures = deploy.fleet.attempt(deploy.hosts(), asked)
    answers = {host: answer for host, (answer, _) in known.items()}
    for host in _with_another_seal(deploy, known):
        answers[host]["changed"] += 1
        release = answers[host]["live"]
        deploy.show.warn(
            f"{host.name}: release.json of {release} is not that of the other hosts; mend it: "
            f"fab {deploy.environment.name} rollback --to {release} --repair"
        )
    hosts = []
    for host in deploy.hosts():
        failure = failures.get(host)
        unreachable = {
            "reachable": False,
            "live": None,
            "previous": None,
            "provisional": False,
            "missing": 0,
            "changed": 0,
            "offline_manifest_sha256": None,
            "versions_sha256": None,
            "error": failure and failure.what,
        }
        hosts.append(
            {"host": host.name, "roles": list(host.roles), **answers.get(host, unreachable)}
        )
    origins = [_origin(deploy, answers)] if deploy.environment.origin else []
    live = {one["live"] for one in (*hosts, *origins)}
    agreed = (
        len(live) == 1
        and not failures
        and not any(one["provisional"] for one in hosts)
        and all(one["reachable"] and not one["pending"] for one in origins)
    )
    return {
        "environment": deploy.environment.name,
        "app": deploy.environment.app,
        "live": live.pop() if agreed else None,
        "agreed": agreed,
        "lock": None if deploy.build in failures else lock_holder(deploy),
        "hosts": hosts,
        "origins": origins,
    }


def _with_another_seal(
    deploy: Deployment, known: Mapping[RemoteHost, tuple[Mapping[str, Any], str | None]]
) -> list[RemoteHost]:
    """Return the hosts whose seal of their live release differs from that of most; of two, from the build host's."""
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
    place = deploy.environment.origin
    assert place is not None  # noqa: S101 - the caller looked
    try:
        origin = Publication(place, deploy.environment).read()
        live = origin.manifest.release
        holders = [host for host in reached if live in deploy.states[host]["releases"]]
        missing = 0
        if live and holders:
            release = deploy.read_release(live, holders[0])
            missing = len(origin.manifest.lacks((*hidden(release), *origin.visible(release))))
    except FabStaticError as error:
        return {
            "origin": str(place),
            "reachable": False,
            "live": None,
            "pending": None,
            "missing": 0,
            "error": error.what,
        }
    return {
        "origin": origin.name,
        "reachable": True,
        "live": live,
        "pending": origin.manifest.pending,
        "missing": missing,
        "error": None,
    }


def lock_holder(deploy: Deployment) -> dict[str, Any] | None:
    """Return who holds the lock; None where nobody does, or only one who is dead."""
    head, _ = deploy.build.ask("look_at_lock")
    holder = head["holder"]
    if holder is None or holder["dead"]:
        return None
    return {
        "owner": holder["owner"],
        "since": f"{datetime.fromtimestamp(holder['since'], UTC):%Y-%m-%dT%H:%M:%SZ}",
        "phase": holder["phase"],
        "silent_seconds": round(holder["silent_seconds"], 1),
    }


def releases(deploy: Deployment) -> list[dict[str, Any]]:
    """Return every release that any host holds, newest first."""
    deploy.look()
    found: dict[str, dict[str, Any]] = {}
    answers = deploy.on(deploy.hosts(), lambda host: host.ask("summaries")[0])
    for host, answer in answers.items():
        deploy.tell_odd(host, answer["odd"])
        for one in answer["releases"]:
            found.setdefault(one["id"], one)
    record = deploy.record
    was_live = {activation.release for activation in record}
    live = deploy.live or deploy.recorded_live
    previous = {
        state["previous"] for host, state in deploy.states.items() if state["current"] == live
    }

    def state_of(name: str) -> str:
        if name == live:
            return "live"
        if name in bad(record):
            return "bad"
        if name in previous:
            return "previous"
        return "kept" if name in was_live else "staged"

    return [
        {
            "id": name,
            "state": state_of(name),
            "revision": one["revision"],
            "created_at": one["created_at"],
            "created_by": one["created_by"],
            "sealed_in": one["environment"],
            "files": one["files"],
            "bytes": one["bytes"],
        }
        for name, one in sorted(found.items(), reverse=True)
    ]


def difference(deploy: Deployment, old: str | None, new: str | None) -> dict[str, Any]:
    """Return what differs between two releases: by default the one before and the live one."""
    deploy.look()
    live = deploy.live or deploy.recorded_live
    if new is None:
        if live is None:
            raise ReleaseError(
                "nothing is live yet",
                where=f"every host of {deploy.environment.name}",
                mend=f"deploy first: fab {deploy.environment.name} deploy",
            )
        new = live
    if old is None:
        old = deploy.states[deploy.build]["previous"] if new == live else live
    if deploy.environment.cdn:
        deploy.caching = see(distribution_of(deploy.environment.cdn), deploy.show.warn)
    return difference_of(deploy, old, deploy.read_release(new))


def difference_of(deploy: Deployment, old: str | None, new: Release) -> dict[str, Any]:
    """Return what going from one release to another changes for visitors.

    What the CDN forgets is told as exactly as the CDN's settings are known by then.
    """
    first = deploy.read_release(old) if old else None
    diff = compare(first, new)
    paths = Invalidation()
    if deploy.environment.cdn and first:
        paths = planned(deploy, first, forgotten(deploy, first, new))
    return {
        "old": old,
        "new": new.id,
        "added": list(diff.added),
        "changed": list(diff.changed),
        "removed": list(diff.removed),
        "unversioned": list(unversioned_changes(first, new)),
        "urls": url_changes(first, new),
        "bundles": bundles.weighed(first, new),
        "invalidation": {"paths": list(paths.paths), "price_usd": paths.price_usd},
    }


def plan(deploy: Deployment) -> dict[str, Any]:
    """Return what a deploy would do: phases, files, bytes for each host, invalidation. Writes nothing.

    When the release sealed last is of the sources as they are, it is exact; else the files are those
    that collectstatic would collect, before the later phases work on them, and what only a build can tell
    (new URLs, bundles) is None.
    """
    deploy.look()
    live_name = deploy.live or deploy.recorded_live
    live = deploy.read_release(live_name) if live_name else None
    refuse_unsafe(deploy)
    words = words_of_collectstatic(deploy)
    sources = deploy.project(deploy.build).ask({"ask": "sources", "words": words})["files"]
    listing = _collected(deploy)
    collected = listing["files"]
    diff = Diff()
    if not _would_collect_the_same(deploy):
        diff = since_collected(
            {path: known[0] for path, known in collected.items()},
            {path: known[0] for path, known in sources.items()},
            hashed=hashed_names(deploy, listing),
            manifest=staticfiles_manifest_path(deploy.facts(deploy.build)),
        )
    journal = deploy.journal
    same_sources = bool(collected) and diff == Diff()
    staged = None
    if (same_sources or journal.promoted_from) and journal.is_sealed(deploy.phases, deploy.order):
        staged = deploy.current_release()
        diff = compare(live, staged)
    lacking = _lacking(deploy, staged, sources, collected)
    built_bundles: list[dict[str, Any]] | None = None
    if staged:
        urls = url_changes(live, staged)
        built_bundles = bundles.weighed(live, staged)
    else:
        urls = [
            {"before": printed_url(live, path), "now": None}
            for path in diff.changed
            if live and path in live.versions
        ]
    paths = Invalidation()
    cdn = deploy.environment.cdn
    if cdn and live:
        deploy.caching = see(distribution_of(cdn), deploy.show.warn)
        if staged:
            changed = forgotten(deploy, live, staged)
        else:
            changed = as_cached(
                path
                for path in (*diff.changed, *diff.removed)
                if path in live.files
                and not is_versioned(path, live)
                and not is_for_the_server(path, live)
            )
        paths = planned(deploy, live, united(changed, journal.to_invalidate))
    return {
        "environment": deploy.environment.name,
        "live": live_name,
        "release": staged.id if staged else None,
        "exact": staged is not None,
        "phases": _phases(deploy, diff, staged, live_name),
        "files": {
            "added": list(diff.added),
            "changed": list(diff.changed),
            "removed": list(diff.removed),
        },
        "urls": urls,
        "bundles": built_bundles,
        "hosts": [
            {"host": host.name, "objects": len(objects), "bytes": sum(objects.values())}
            for host, objects in lacking.items()
        ],
        "origins": [_to_publish(deploy.origin, staged, sources, collected)]
        if deploy.origin
        else [],
        "invalidation": {"paths": list(paths.paths), "price_usd": paths.price_usd},
    }


def _to_publish(
    origin: Publication,
    staged: Release | None,
    sources: Mapping[str, Any],
    collected: Mapping[str, Any],
) -> dict[str, Any]:
    """Return how many objects would be sent to the bucket, and their bytes."""
    if staged:
        sizes = [item.size for item in origin.lacks(staged)]
    else:
        sizes = [
            known[1]
            for path, known in sources.items()
            if path not in collected or collected[path][0] != known[0] or not origin.live
        ]
    return {"origin": origin.name, "objects": len(sizes), "bytes": sum(sizes)}


def _collected(deploy: Deployment) -> Listing:
    """Return what collectstatic left in the last build: files and what is beside them."""
    first = _first_of_root(deploy)
    if first not in deploy.journal.phases:
        return {"files": {}, "extra": {}}
    return listing_of(deploy, first)


def _first_of_root(deploy: Deployment) -> str:
    """Return the first phase that works on the static root."""
    return next(name for name in deploy.phases if not is_of_sources(name, deploy.order))


def _would_collect_the_same(deploy: Deployment) -> bool:
    """Tell whether collectstatic, and what writes its sources, need not run to know what they leave."""
    first = _first_of_root(deploy)
    at = deploy.phases.index(first)
    return all(what_is_known(deploy, name, None).entry for name in deploy.phases[: at + 1])


def _lacking(
    deploy: Deployment,
    staged: Release | None,
    sources: Mapping[str, Any],
    collected: Mapping[str, Any],
) -> dict[RemoteHost, dict[str, int]]:
    """Return the objects that each host would be sent."""

    def wanted(host: RemoteHost) -> dict[str, int]:
        if staged:
            return staged.objects(host.roles)
        if "static" not in host.roles:
            return {}
        return {
            known[0]: known[1]
            for path, known in sources.items()
            if path not in collected or collected[path][0] != known[0] or not deploy.recorded_live
        }

    def asked(host: RemoteHost) -> dict[str, int]:
        objects = wanted(host)
        records = b"".join(RECORD.pack(bytes.fromhex(sha), size) for sha, size in objects.items())
        _, absent = host.ask("missing", records, look=True)
        return {raw.hex(): size for raw, size in RECORD.iter_unpack(absent)}

    return deploy.on(deploy.hosts(), asked)


def _phases(
    deploy: Deployment, diff: Diff, staged: Release | None, live: str | None
) -> list[dict[str, Any]]:
    configured = deploy.environment.build.phases
    count = len(diff.added) + len(diff.changed) + len(diff.removed)
    if not deploy.journal.phases:
        reason = "nothing was built here yet"
    elif staged and deploy.journal.promoted_from:
        reason = f"a deploy builds anew; `activate` makes live what {deploy.journal.promoted_from} sealed"
    elif staged:
        reason = "collected files have not changed since the last build"
    else:
        reason = f"{count} collected files changed since the last build"
    found = []
    before: str | None = None  # the phase before, whose files this one works on
    runs: str | None = None  # the first that runs
    for name in deploy.order:
        will_run, why = False, "not in build.phases"
        if name in configured:
            known = what_is_known(deploy, name, before) if runs is None else Known(None)
            will_run, why = known.entry is None, "nothing that it reads has changed"
            if will_run:
                why = f"{runs} runs before it" if runs else f"{known.why}; {reason}"
                runs = runs or name
            before = None if is_of_sources(name, deploy.order) else name
        found.append({"name": name, "will_run": will_run, "why": why})
    is_live = staged is not None and staged.id == live
    for name in (*PREPARE, *GO_LIVE):
        why = "after every build"
        will_run = True
        if name == "invalidate" and deploy.environment.cdn is None:
            will_run, why = False, "no cdn in the inventory"
        elif name == "probe" and not (
            deploy.environment.probe.pages
            or deploy.environment.probe.origin
            or (deploy.environment.cdn and deploy.environment.cdn.url)
        ):
            will_run, why = False, "no probe.pages in the inventory"
        elif name == "activate" and is_live:
            will_run, why = False, "this content is live already"
        found.append({"name": name, "will_run": will_run, "why": why})
    return found


def agreement(answer: Mapping[str, Any]) -> Literal["agreed", "silent", "disagree"]:
    """Tell from a status whether all agree, whether one only cannot be reached, or whether they disagree."""
    if answer["agreed"]:
        return "agreed"
    members = (*answer["hosts"], *answer["origins"])
    reached = [one for one in members if one["reachable"]]
    unsure = any(one.get("provisional") or one.get("pending") for one in reached)
    alike = len({one["live"] for one in reached}) <= 1 and not unsure
    return "silent" if alike else "disagree"
