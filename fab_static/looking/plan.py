"""What the next deploy would do, found out without doing any of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypedDict

from fab_static.host.agent.protocol import RECORD
from fab_static.looking.downloads import downloads_of
from fab_static.phases import GO_LIVE, PREPARE
from fab_static.phases.run.caching import distribution_of, see
from fab_static.phases.run.carried import foreseen
from fab_static.phases.run.collected import hashed_names
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.flipping import steps
from fab_static.phases.run.forgetting import forgotten, planned
from fab_static.phases.run.listings import listing_of
from fab_static.phases.run.publication import Publication
from fab_static.phases.run.reuse import Known, what_is_known
from fab_static.phases.run.revisions import built
from fab_static.phases.run.settings import staticfiles_manifest_path
from fab_static.phases.run.static_root import refuse_unsafe, words_of_collectstatic
from fab_static.plan import bundles
from fab_static.plan.build_order import is_of_sources
from fab_static.plan.cdn.invalidation import Invalidation
from fab_static.plan.cdn.queries import as_cached, united
from fab_static.plan.diff import (
    Diff,
    compare,
    is_for_the_server,
    is_versioned,
    printed_url,
    url_changes,
)
from fab_static.plan.flip import printed
from fab_static.plan.printed import Step
from fab_static.plan.release import Release
from fab_static.plan.sources import since_collected
from fab_static.plan.wire import asks, questions, verbs
from fab_static.plan.wire.kept import Kept, Listing
from fab_static.plan.wording import counted
from fab_static.remote import RemoteHost


class PhasePlan(TypedDict):
    """What a deploy would do with a phase, and why."""

    name: str
    will_run: bool
    why: str


def plan(deploy: Deployment) -> dict[str, Any]:
    """Return what a deploy would do: phases, files, bytes for each host, invalidation. Writes nothing.

    The plan is exact when the sources are as they were when the last release was sealed, and no phase of the build
    has to run. Otherwise its files are those that collectstatic would collect now; other phases change
    some of them. What only a build can tell (new URLs, bundles) is None then.
    """
    deploy.look()
    live = deploy.seals.read(deploy.last_live) if deploy.last_live else None
    refuse_unsafe(deploy)
    sources, listing = _sources(deploy), _collected(deploy)
    collected = listing["files"]
    known = _known(deploy)
    diff = _since_collected(deploy, known, sources, listing)
    unbuilt = _unbuilt(deploy, known, diff)
    staged = _staged(deploy, is_as_sources=bool(collected) and diff == Diff() and not unbuilt)
    if staged:
        diff = compare(live, staged)
    lacking = _lacking(deploy, staged, sources, collected)
    paths = _invalidation(deploy, live, staged, diff)
    return {
        "environment": deploy.environment.name,
        "live": deploy.last_live,
        "release": staged.id if staged else None,
        "exact": staged is not None,
        "unbuilt": [] if staged else unbuilt,
        "phases": _phases(deploy, known, diff, staged),
        "files": {kind: list(getattr(diff, kind)) for kind in ("added", "changed", "removed")},
        "urls": _urls(live, staged, diff),
        "bundles": bundles.weighed(live, staged) if staged else None,
        "hosts": _to_send(lacking),
        "origins": _to_publish(deploy.origin, staged, sources, collected),
        "flip": _flip(deploy, staged),
        "invalidation": {"paths": list(paths.paths), "price_usd": paths.price_usd},
        "has_cdn": deploy.environment.cdn is not None,
        "downloads": downloads_of(deploy, live, staged) if staged else None,
        **_revision(deploy),
    }


def _is_live(deploy: Deployment, staged: Release | None) -> bool:
    return staged is not None and staged.id == deploy.last_live


def _flip(deploy: Deployment, staged: Release | None) -> list[Step]:
    """Return the order in which hosts would go live; nothing where this content is live already."""
    if _is_live(deploy, staged):
        return []
    web = deploy.environment.web
    return printed(steps(deploy), reloads=bool(web.reload), checks=bool(web.check or web.running))


def _to_send(lacking: Mapping[RemoteHost, Mapping[str, int]]) -> list[dict[str, object]]:
    """Return how many objects would be sent to each host, and their bytes."""
    return [
        {"host": host.name, "objects": len(objects), "bytes": sum(objects.values())}
        for host, objects in lacking.items()
    ]


def _revision(deploy: Deployment) -> dict[str, object]:
    """Return what the checkout on the build host is at, and the commits since the revision that is live."""
    found = built(deploy)
    return {
        "revision": found.revision if found else None,
        "since": found.since if found else None,
        "commits": list(found.commits or ()) if found else [],
    }


def _sources(deploy: Deployment) -> Mapping[str, tuple[str, int]]:
    """Return what the finders list now: name -> SHA-256 and size."""
    question = questions.OfCollectstatic(words=words_of_collectstatic(deploy))
    return deploy.project(deploy.build).ask(questions.SOURCES, question)["files"]


def _known(deploy: Deployment) -> dict[str, Known]:
    """Return what each phase would leave, up to the first that has to run: that changes what later ones meet."""
    found: dict[str, Known] = {}
    before: str | None = None  # the phase before, whose files this one works on
    for name in deploy.phases:
        found[name] = what_is_known(deploy, name, before)
        if found[name].entry is None:
            break
        before = None if is_of_sources(name, deploy.order) else name
    return found


def _taken(deploy: Deployment, known: Mapping[str, Known]) -> tuple[set[str], str]:
    """Return the phases that the cache that travels would give, of those that nobody knows here; and why no more."""
    left = [name for name in deploy.phases if not _need_not_run(known, name)]
    before = [name for name in known if name not in left and not is_of_sources(name, deploy.order)]
    return foreseen(deploy, left, before[-1] if before else None) if left else (set(), "")


def _need_not_run(known: Mapping[str, Known], name: str) -> bool:
    return name in known and known[name].entry is not None


def _since_collected(
    deploy: Deployment,
    known: Mapping[str, Known],
    sources: Mapping[str, tuple[str, int]],
    listing: Listing,
) -> Diff:
    """Return what collectstatic would change of what it has collected."""
    if _would_collect_the_same(deploy, known):
        return Diff()
    return since_collected(
        {path: file[0] for path, file in listing["files"].items()},
        {path: file[0] for path, file in sources.items()},
        hashed=hashed_names(deploy, listing),
        manifest=staticfiles_manifest_path(deploy.facts(deploy.build)),
    )


def _staged(deploy: Deployment, *, is_as_sources: bool) -> Release | None:
    """Return the release that the next command would make live, or None if it has to be built first."""
    journal = deploy.journal
    is_at_hand = is_as_sources or journal.promoted_from
    if is_at_hand and journal.is_sealed(deploy.phases, deploy.order):
        return deploy.current_release()
    return None


def _urls(live: Release | None, staged: Release | None, diff: Diff) -> list[dict[str, str | None]]:
    """Return the URLs that pages would print otherwise; only a build tells what they will be."""
    if staged:
        return url_changes(live, staged)
    return [
        {"before": printed_url(live, path), "now": None}
        for path in diff.changed
        if live and path in live.versions
    ]


def _invalidation(
    deploy: Deployment, live: Release | None, staged: Release | None, diff: Diff
) -> Invalidation:
    """Return what CloudFront would be asked to forget."""
    cdn = deploy.environment.cdn
    if not cdn or not live:
        return Invalidation()
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
    return planned(deploy, live, united(changed, deploy.journal.to_invalidate))


def _to_publish(
    origin: Publication | None,
    staged: Release | None,
    sources: Mapping[str, tuple[str, int]],
    collected: Mapping[str, Kept],
) -> list[dict[str, Any]]:
    """Return how many objects would be sent to the bucket, if there is one, and their bytes."""
    if origin is None:
        return []
    if staged:
        sizes = [item.size for item in origin.lacks(staged)]
    else:
        sizes = [
            known[1]
            for path, known in sources.items()
            if path not in collected or collected[path][0] != known[0] or not origin.live
        ]
    return [{"origin": origin.name, "objects": len(sizes), "bytes": sum(sizes)}]


def _collected(deploy: Deployment) -> Listing:
    """Return what collectstatic left in the last build: files and what is beside them."""
    first = _first_of_root(deploy)
    if first not in deploy.journal.phases:
        return {"files": {}, "extra": {}}
    return listing_of(deploy, first)


def _first_of_root(deploy: Deployment) -> str:
    """Return the first phase that works on the static root."""
    return next(name for name in deploy.phases if not is_of_sources(name, deploy.order))


def _unbuilt(deploy: Deployment, known: Mapping[str, Known], diff: Diff) -> list[str]:
    """Return the phases of which nobody knows what they will make: the project's own that have to run.

    Where none of them has to, and collectstatic would change nothing, the others: a template has changed, say.
    """
    unbuilt = [name for name in deploy.phases if not _need_not_run(known, name)]
    own = [name for name in unbuilt if name in deploy.environment.build.own]
    return own or (unbuilt if diff == Diff() else [])


def _would_collect_the_same(deploy: Deployment, known: Mapping[str, Known]) -> bool:
    """Tell whether collectstatic, and what writes its sources, need not run to know what they leave."""
    at = deploy.phases.index(_first_of_root(deploy))
    return all(_need_not_run(known, name) for name in deploy.phases[: at + 1])


def _lacking(
    deploy: Deployment,
    staged: Release | None,
    sources: Mapping[str, tuple[str, int]],
    collected: Mapping[str, Kept],
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
        _, absent = host.ask(verbs.MISSING, asks.Missing(look=True), records)
        lacking = {raw.hex(): size for raw, size in RECORD.iter_unpack(absent)}
        return staged.to_send(lacking, host.roles) if staged else lacking

    return deploy.on(deploy.hosts(), asked)


def _phases(
    deploy: Deployment, known: Mapping[str, Known], diff: Diff, staged: Release | None
) -> list[PhasePlan]:
    taken, why = _taken(deploy, known)
    reason = why or _why_built(deploy, diff, staged)
    return [*_of_build(deploy, known, taken, reason), *_after_build(deploy, staged)]


def _why_built(deploy: Deployment, diff: Diff, staged: Release | None) -> str:
    """Return in words why the first phase that runs does, beyond what it says itself."""
    if not deploy.journal.phases:
        return "nothing was built here yet"
    sealed_by = deploy.journal.promoted_from
    if staged and sealed_by:
        return f"a deploy builds again; `activate` makes live what {sealed_by} sealed"
    if staged or diff == Diff():
        return ""
    count = len(diff.added) + len(diff.changed) + len(diff.removed)
    return f"{counted(count, 'collected file')} changed since the last build"


def _of_build(
    deploy: Deployment, known: Mapping[str, Known], taken: Collection[str], reason: str
) -> Iterator[PhasePlan]:
    runs: str | None = None  # the first that runs
    for name in deploy.order:
        if name not in deploy.environment.build.phases:
            yield {"name": name, "will_run": False, "why": "not in build.phases"}
            continue
        will_run, why = not _need_not_run(known, name), "nothing that it reads has changed"
        if name in taken:
            will_run, why = (
                False,
                "the cache has what it leaves: it read the same on another machine",
            )
        elif will_run and runs:
            why = f"{runs} runs before it"
        elif will_run:
            is_own = name in deploy.environment.build.own and deploy.journal.phases
            own = known[name].why if name in known else ""
            reasons = [own] if is_own else [own, reason]
            why = "; ".join(filter(None, reasons))
            runs = name
        yield {"name": name, "will_run": will_run, "why": why}


def _after_build(deploy: Deployment, staged: Release | None) -> Iterator[PhasePlan]:
    environment = deploy.environment
    probe, cdn = environment.probe, environment.cdn
    nothing_to_probe = not (probe.pages or probe.origin or (cdn and cdn.url))
    needless = {
        "invalidate": cdn is None and "no cdn in the inventory",
        "probe": nothing_to_probe and "no probe.pages in the inventory",
        "activate": _is_live(deploy, staged) and "this content is live already",
    }
    for name in (*PREPARE, *GO_LIVE):
        why = needless.get(name)
        yield {"name": name, "will_run": not why, "why": why or "after every build"}
