"""What differs between two releases, for visitors and for caches."""

from __future__ import annotations

from fab_static.looking.downloads import downloads_of
from fab_static.phases.run.caching import distribution_of, see
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.forgetting import forgotten, planned
from fab_static.phases.run.naming import release_named
from fab_static.plan import bundles
from fab_static.plan.cdn.invalidation import Invalidation
from fab_static.plan.diff import compare, unversioned_changes, url_changes
from fab_static.plan.printed import Difference
from fab_static.plan.release import Release


def difference(deploy: Deployment, old: str | None, new: str | None) -> Difference:
    """Return what differs between two releases: by default the one before and the live one."""
    deploy.look()
    old, new = (
        name and release_named(deploy, name, where="the release named") for name in (old, new)
    )
    new = new or deploy.needs_live()
    if old is None:
        live = deploy.last_live
        old = deploy.states[deploy.build]["previous"] if new == live else live
    if deploy.environment.cdn:
        deploy.caching = see(distribution_of(deploy.environment.cdn), deploy.show.warn)
    return difference_of(deploy, old, deploy.seals.read(new))


def difference_of(deploy: Deployment, old: str | None, new: Release) -> Difference:
    """Return what going from one release to another changes for visitors.

    What the CDN forgets is told as exactly as the CDN's settings are known by then.
    """
    first = deploy.seals.read(old) if old else None
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
        "has_cdn": deploy.environment.cdn is not None,
        "downloads": downloads_of(deploy, first, new),
    }
