"""Which lock an environment has: its build host's, or a bucket's where no build host lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fab_static.phases.run.deployment import Deployment
from fab_static.plan.wire import verbs
from fab_static.plan.wire.answers import Holder

if TYPE_CHECKING:
    from fab_static.phases.run.bucket_lock import BucketLock
    from fab_static.phases.run.lock import Ownership


def lock_of(deploy: Deployment, phase: str) -> Ownership:
    """Return the environment's lock, for a run that begins at this phase; it is not taken yet."""
    from fab_static.phases.run.lock import Lock  # not above: `status` only looks, and starts sooner

    return _in_bucket(deploy, phase) or Lock(deploy.build, deploy.operator, phase)


def keeps_lock(deploy: Deployment) -> bool:
    """Tell whether the build host keeps the lock."""
    return deploy.environment.notes is None


@contextmanager
def proving_itself(deploy: Deployment, phase: str) -> Iterator[None]:
    """Have each request to the build host prove that the lock is ours."""
    if deploy.lock:
        deploy.build.held = deploy.lock.held_at(phase)
    try:
        yield
    finally:
        deploy.build.held = None


@contextmanager
def proved(deploy: Deployment, phase: str) -> Iterator[None]:
    """Have the lock proved by what is asked of the build host meanwhile; where a bucket keeps it, at once.

    Raises:
        DeployLockedError: it is another's now.
    """
    if deploy.lock and not keeps_lock(deploy):
        deploy.lock.prove()
    with proving_itself(deploy, phase):
        yield


def holder_of(deploy: Deployment) -> Holder | None:
    """Return who holds the lock, or None if it is free. Only looks."""
    lock = _in_bucket(deploy, "")
    return lock.holder() if lock else deploy.build.ask(verbs.LOOK_AT_LOCK)[0]["holder"]


def _in_bucket(deploy: Deployment, phase: str) -> BucketLock | None:
    place = deploy.environment.notes
    if place is None:
        return None
    from fab_static.phases.run.bucket_lock import (
        BucketLock,
    )  # not above: most fleets keep it on a host

    return BucketLock(place, deploy.environment, deploy.operator, phase)
