"""Phase invalidate."""

from __future__ import annotations

import hashlib
import time

from fab_static.aws.cloudfront import Distribution
from fab_static.errors import CdnError
from fab_static.phases.deployment import Deployment
from fab_static.plan.invalidation import to_invalidate


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
    plan = to_invalidate(journal.to_invalidate, str(release.settings["STATIC_URL"]))
    deploy.show.say(
        f"{len(plan.paths)} paths, at most ${plan.price_usd:g}: {', '.join(plan.paths[:10])}"
        + (" …" if len(plan.paths) > 10 else "")
    )
    distribution = Distribution(cdn.distribution_id, endpoint_url=cdn.endpoint_url)
    reference = _reference(deploy, plan.paths)
    invalidation = distribution.invalidate(plan.paths, reference)
    if cdn.wait and not distribution.wait(invalidation, cdn.wait):
        raise CdnError(
            f"invalidation {invalidation} is not completed after {cdn.wait:g} seconds",
            where=f"distribution {cdn.distribution_id}",
            mend=f"wait on: fab {deploy.environment.name} invalidate (it asks for the same one)",
        )
    _forget(deploy)


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
