"""Phase invalidate."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable

from fab_static.aws.cloudfront import Distribution
from fab_static.errors import CdnError
from fab_static.phases.deployment import Deployment
from fab_static.plan.diff import as_cached, printed_urls
from fab_static.plan.invalidation import Invalidation, to_invalidate
from fab_static.plan.release import Release

WAIT_FOR_ROOM = 600.0  # seconds, where the inventory does not want to wait but CloudFront has to


def invalidate(deploy: Deployment) -> None:
    """Have CloudFront forget what changed in place.

    Those are the URLs whose bytes changed under the same name; waits until it has forgotten them.

    Needs: the release is live on every static host, else CloudFront would fetch the old bytes again.
    Leaves: no such URL in the journal.
    If it fails: the release stays live (exit 4); run again, the same request is not paid twice.
    """
    cdn = deploy.environment.cdn
    journal = deploy.journal
    if cdn is None:
        deploy.show.say("no cdn in the inventory; nothing to invalidate")
        _forget(deploy)
        return
    if not journal.to_invalidate:
        deploy.show.say("no URL keeps its name with other bytes; nothing to invalidate")
        return
    release = deploy.current_release()
    # who does not wait has no second batch
    plan = planned(deploy, release, journal.to_invalidate, most_batches=4 if cdn.wait else 1)
    deploy.show.say(
        f"{len(plan.paths)} paths, at most ${plan.price_usd:g}: {', '.join(plan.paths[:10])}"
        + (" …" if len(plan.paths) > 10 else "")
    )
    distribution = Distribution(
        cdn.distribution_id, endpoint_url=cdn.endpoint_url, timeout_seconds=cdn.timeout
    )
    reference = _reference(deploy, plan.paths)
    for number, batch in enumerate(plan.batches, start=1):
        invalidation = distribution.invalidate(batch, f"{reference}-{number}")
        is_last = number == len(plan.batches)
        # the next batch has room only when this one is completed
        seconds = cdn.wait or (0 if is_last else WAIT_FOR_ROOM)
        if seconds and not distribution.wait(invalidation, seconds):
            raise CdnError(
                f"invalidation {invalidation} is not completed after {seconds:g} seconds",
                where=f"distribution {cdn.distribution_id}",
                mend=f"wait on: fab {deploy.environment.name} invalidate (it asks for the same one)",
            )
    _forget(deploy)


def planned(
    deploy: Deployment,
    release: Release,
    changed: Iterable[str],
    *,
    keys_on_other_queries: bool | None = None,
    most_batches: int = 4,
) -> Invalidation:
    """Return what has CloudFront forget these paths, when it may hold this release and those before it."""
    before = {deploy.live, deploy.recorded_live, deploy.states[deploy.build]["previous"]}
    held = deploy.states[deploy.build]["releases"]
    known = [
        deploy.read_release(name, deploy.build)
        for name in sorted(name for name in before if name in held and name != release.id)
    ]
    return to_invalidate(
        as_cached(changed, keys_on_other_queries=keys_on_other_queries),
        printed_urls(release, *known),
        str(release.settings["STATIC_URL"]),
        most_batches=most_batches,
    )


def _reference(deploy: Deployment, paths: tuple[str, ...]) -> str:
    """Return the CallerReference of these paths, kept in the journal before it is used.

    CloudFront answers the same reference with the earlier invalidation: a crash never pays twice.
    """
    digest = hashlib.sha256("\n".join(paths).encode()).hexdigest()[:12]
    known = deploy.journal.invalidation
    if not known or known["paths"] != digest:
        known = {
            "paths": digest,
            "reference": f"fabstatic-{deploy.current_release().id}-{time.time_ns()}-{digest}",
        }
        deploy.journal.invalidation = known
        deploy.journal.save()
    return str(known["reference"])


def _forget(deploy: Deployment) -> None:
    deploy.journal.to_invalidate = []
    deploy.journal.invalidation = None
    deploy.journal.save()
