"""Phase invalidate, and its beginning in the middle of a flip."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fab_static.aws.cloudfront import Distribution, Request
from fab_static.errors import CdnError
from fab_static.phases.run.caching import Caching, distribution_of
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.forgetting import forgotten, planned
from fab_static.phases.run.journal import listed
from fab_static.plan.cdn import ledger
from fab_static.plan.cdn.invalidation import Invalidation
from fab_static.plan.cdn.queries import united
from fab_static.plan.inventory import Cdn
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wording import counted

# times cdn.timeout that CloudFront may go without one good answer; never more than cdn.wait
PATIENCE = 6
PATIENCE_IN_A_FLIP = 1  # hosts are of two releases meanwhile: what fails is done after the flip
PATHS_SHOWN = 10


def invalidate(deploy: Deployment) -> None:
    """Have CloudFront forget what changed in place.

    Those are the URLs whose bytes changed under the same name; waits until it has forgotten them. A flip
    has begun it already, when all went well: then the same request is found again, and not paid twice.
    The option `again` asks again for all that a cache may still hold of the releases kept: for a CDN that
    answers with old bytes although it was told to forget them.

    Needs: the release is live on every static host, else CloudFront would fetch the old bytes again.
    Leaves: no such URL in the journal.
    If it fails: the release stays live (exit 4); run again, the same request is not paid twice.
    """
    cdn = deploy.environment.cdn
    journal = deploy.journal
    journal.undone()  # of an operator who died in a flip: it may have gone back
    if cdn is None:
        deploy.show.say("no cdn in the inventory; nothing to invalidate")
        _forget(deploy)
        return
    if deploy.options.get("again"):
        _note_anew(deploy)
    if journal.to_invalidate:
        _ask_and_wait(deploy, cdn)
        return
    deploy.show.say(
        "no URL keeps its name with other bytes; nothing to invalidate. To ask CloudFront once more for "
        f"what earlier flips changed: fab {deploy.environment.name} invalidate --again"
    )


def _ask_and_wait(deploy: Deployment, cdn: Cdn) -> None:
    started = time.monotonic()
    distribution = distribution_of(cdn, deploy.show.say, patience=PATIENCE)
    plan = _plan(deploy, distribution, deploy.live)
    more = " …" if len(plan.paths) > PATHS_SHOWN else ""
    deploy.show.say(
        f"{counted(len(plan.paths), 'path')}, at most ${plan.price_usd:g}: "
        f"{', '.join(plan.paths[:PATHS_SHOWN])}{more}"
    )
    requests, refused = _ask(deploy, distribution, plan, cdn.wait)
    if cdn.wait:
        seconds = max(0.0, started + cdn.wait - time.monotonic())
        _refuse_unfinished(deploy, cdn, distribution.wait(requests, seconds))
    _refuse_untaken(deploy, cdn, refused)
    _forget(deploy)


def _refuse_unfinished(deploy: Deployment, cdn: Cdn, left: Sequence[Request]) -> None:
    if left:
        ids = ", ".join(request.id for request in left)
        raise CdnError(
            f"invalidation {ids} is not completed after {cdn.wait:g} seconds",
            where=f"distribution {cdn.distribution_id}",
            mend=f"wait on: fab {deploy.environment.name} invalidate (it asks for the same one, and is not "
            "charged again)",
        )


def _refuse_untaken(deploy: Deployment, cdn: Cdn, refused: Sequence[str]) -> None:
    if refused:
        raise CdnError(
            f"CloudFront takes no path such as {', '.join(refused)}; all others are invalidated",
            where=f"distribution {cdn.distribution_id}",
            mend="rename what lies there, or invalidate it by hand; then: "
            f"fab {deploy.environment.name} invalidate",
        )


def _note_anew(deploy: Deployment) -> None:
    """Note what each kept release has under a live name with other bytes; it is asked for as if for the first time."""
    live = deploy.seals.read(deploy.live) if deploy.live else deploy.current_release()
    for name in deploy.states[deploy.build]["releases"]:
        if name != live.id:
            changed = forgotten(deploy, deploy.seals.read(name), live)
            deploy.journal.to_invalidate = united(deploy.journal.to_invalidate, changed)
    deploy.journal.invalidation = None  # CloudFront would take the same reference for done
    deploy.journal.save()


def begin(deploy: Deployment, live: str | None) -> None:
    """Ask CloudFront to forget, and do not wait for it: static hosts have flipped, web hosts follow.

    Whatever fails is told, and left to `invalidate`: no flip is undone for a CDN.

    Args:
        deploy: what to work on.
        live: the release that static hosts serve now, or None if one may serve another. An invalidation asked
            for while they served another one is not taken for this one: what was fetched since would stay.

    Raises:
        DeployLockedError: the lock was stolen.
        RemoteError: the build host cannot be told.
    """
    cdn = deploy.environment.cdn
    if cdn is None or not deploy.journal.to_invalidate:
        return
    if deploy.lock:
        deploy.lock.check()  # another's journal is not ours to write
    distribution = distribution_of(cdn, deploy.show.say, patience=PATIENCE_IN_A_FLIP)
    try:
        _ask(deploy, distribution, _plan(deploy, distribution, live), 0.0)
    except CdnError as error:
        deploy.show.warn(f"{error.what}; it is asked again once hosts have settled")


def _plan(deploy: Deployment, distribution: Distribution, live: str | None) -> Invalidation:
    """Return what to ask for; while the same flip holds, what was asked for, so that nothing is paid twice."""
    journal, cdn = deploy.journal, deploy.environment.cdn
    known = journal.invalidation
    changed = listed(journal.to_invalidate)
    if known and live is not None and (known["live"], known["changed"]) == (live, changed):
        return Invalidation(tuple(tuple(batch) for batch in known["batches"]))
    if deploy.caching is None:  # a rollback did not wait for it
        deploy.caching = Caching(distribution, deploy.show.warn)
    plan = planned(
        deploy,
        deploy.current_release(),
        journal.to_invalidate,
        quota=distribution.quota(),
        most_batches=4 if cdn and cdn.wait else 1,  # who does not wait has no second batch
    )
    journal.invalidation = {
        "live": live,
        "changed": changed,
        "reference": f"fabstatic-{live}-{time.time_ns()}",
        "batches": [list(batch) for batch in plan.batches],
    }
    journal.save()  # before it is used: CloudFront answers the same reference with the earlier one
    return plan


def _ask(
    deploy: Deployment,
    distribution: Distribution,
    plan: Invalidation,
    wait_seconds: float,
) -> tuple[list[Request], list[str]]:
    """Ask for all paths; return the requests, and the paths that CloudFront does not take.

    What it has accepted since this flip is not asked for again: it is found by its id.
    """
    asked = deploy.journal.invalidation
    assert asked  # noqa: S101 - of `_plan`
    if "requests" in asked:
        requests = [
            Request(one["id"], one["reference"], tuple(one["paths"])) for one in asked["requests"]
        ]
        return requests, []
    spent = ledger.paths_of_month(deploy.log.invalidations, time.time())
    warning = ledger.warning(len(plan.paths), spent)
    if warning:
        deploy.show.warn(warning)
    noted = _Noted(deploy)
    accepted = distribution.invalidate(
        plan.batches, asked["reference"], wait_seconds=wait_seconds, on_accepted=noted
    )
    if not accepted.refused:
        asked["requests"] = [
            {"id": one.id, "reference": one.reference, "paths": list(one.paths)}
            for one in accepted.requests
        ]
        deploy.journal.save()
    if noted.charged:
        deploy.show.say(
            f"CloudFront counts {counted(noted.charged, 'path')}: "
            f"${ledger.price_usd(noted.charged, spent):g}. This app has used {spent + noted.charged:,} of the "
            f"account's {ledger.FREE_PATHS:,} free paths this month"
        )
    return accepted.requests, accepted.refused


class _Noted:
    """Notes each request that CloudFront accepted, once; and counts the paths that are charged."""

    def __init__(self, deploy: Deployment) -> None:
        self.charged = 0
        self._build = deploy.build
        self._known = {one.id for one in deploy.log.invalidations}

    def __call__(self, request: Request) -> None:
        if request.id not in self._known:
            self.charged += len(request.paths)
            entry = {"event": "invalidation", "id": request.id, "paths": len(request.paths)}
            self._build.ask(verbs.NOTE, asks.Note(entry=entry))


def _forget(deploy: Deployment) -> None:
    if not (deploy.journal.to_invalidate or deploy.journal.invalidation):
        return
    deploy.journal.to_invalidate = {}
    deploy.journal.invalidation = None
    deploy.journal.save(waits=False)  # lost, the next run asks once more, and is not charged again
