"""What CloudFront's caches must forget once a release is live, and the least to ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from fab_static.phases.run.deployment import Deployment
from fab_static.plan import record
from fab_static.plan.cdn.invalidation import Invalidation, Quota, to_invalidate
from fab_static.plan.cdn.queries import Queries, as_cached, united
from fab_static.plan.diff import is_content_named, narrowed, printed_urls, to_forget
from fab_static.plan.expectations import base_of
from fab_static.plan.flip import Forgetting
from fab_static.plan.release import Release, without_files

ALL_FREE = Quota()


def forgotten(deploy: Deployment, old: Release | None, new: Release) -> dict[str, Queries]:
    """Return the URLs that caches may hold with other bytes than `new` has, once it is live after `old`."""
    is_exact = _origin_knows_versions(deploy)
    # of one host, or undone: its pages were there
    printed = set().union(*(record.read(one["record"]).activated for one in deploy.states.values()))
    held = deploy.states[deploy.build]["releases"]
    return to_forget(
        old,
        new,
        earlier=[deploy.seals.read(name) for name in held if not is_exact and name in printed],
        origin_knows_versions=is_exact,
    )


def forgetting(deploy: Deployment, release: Release) -> Forgetting:
    """Return what caches must forget of what is live anywhere, once this release is, and once it is undone."""
    live = {state["current"] for state in deploy.states.values()}
    held = {name for state in deploy.states.values() for name in state["releases"]}
    if deploy.origin:  # one whose flip broke off was served, too
        live |= {deploy.origin.manifest.release, deploy.origin.manifest.pending} & held
    before = [deploy.seals.read(str(name)) for name in live - {None, release.id}]
    forward: dict[str, Queries] = {}
    back: dict[str, Queries] = {}
    for old in before or [without_files(release)]:
        forward = united(forward, forgotten(deploy, old, release))
        back = united(back, forgotten(deploy, release, old))
    has_tags = deploy.origin is not None and deploy.origin.place.cache_tags
    by_tag = has_tags and not deploy.hosts("static")
    if deploy.origin:
        # what is cached has the headers that it was given, tags too
        other = {path for old in before for path in deploy.origin.served_otherwise(old)}
        by_tag = by_tag and not other
        forward = united(forward, as_cached(other & release.files.keys()))
        # names of an earlier release stay in a bucket, and caches keep what it gave them
        known = set().union(*(old.files for old in before))
        forward = united(forward, as_cached(deploy.origin.overwritten(release) - known))
    return Forgetting(if_it_stays=forward, if_undone=back, by_tag=by_tag)


def planned(
    deploy: Deployment,
    release: Release,
    changed: Mapping[str, Queries],
    *,
    quota: Quota = ALL_FREE,
    most_batches: int = 4,
) -> Invalidation:
    """Return what has CloudFront forget these URLs, when it may hold this release and those before it."""
    before = {deploy.live, deploy.recorded_live, deploy.states[deploy.build]["previous"]}
    held = deploy.states[deploy.build]["releases"]
    known = [
        deploy.seals.read(name)
        for name in sorted(name for name in before if name in held and name != release.id)
    ]
    cached = printed_urls(release, *known)
    caching, base = deploy.caching, base_of(release)
    tags = caching is not None and caching.reads_tags and deploy.journal.by_tag
    if tags:  # what never changes carries none
        cached = {
            path: queries
            for path, queries in cached.items()
            if not is_content_named(path, release, *known)
        }
    elif caching:
        changed = narrowed(
            changed,
            keys_on_other_queries=lambda path: caching.keys_on_other_queries(base + quote(path)),
            printed=cached,
            origin_knows_versions=_origin_knows_versions(deploy),
        )
    return to_invalidate(
        changed,
        cached,
        str(release.settings["STATIC_URL"]),
        quota=quota,
        most_batches=most_batches,
        tags=tags,
    )


def _origin_knows_versions(deploy: Deployment) -> bool:
    """Tell whether each `?version=` has bytes of its own: a bucket alone goes by the path alone."""
    bucket = deploy.environment.origin
    return bucket is None or bucket.version_function
