"""What CloudFront's caches must forget once a release is live, and the least to ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from fab_static.phases.run.deployment import Deployment
from fab_static.plan import record
from fab_static.plan.cdn.invalidation import Invalidation, Quota, to_invalidate
from fab_static.plan.diff import Queries, is_content_named, narrowed, printed_urls, to_forget
from fab_static.plan.expectations import base_of
from fab_static.plan.release import Release

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
        earlier=[deploy.read_release(name) for name in held if not is_exact and name in printed],
        origin_knows_versions=is_exact,
    )


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
        deploy.read_release(name)
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
    """Tell whether each `?version=` has bytes of its own: a bucket by itself goes by the path alone."""
    bucket = deploy.environment.origin
    return bucket is None or bucket.version_function
