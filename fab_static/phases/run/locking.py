"""Which lock an environment has: its build host's, or a bucket's where no build host lasts."""

from __future__ import annotations

from fab_static.phases.run.bucket_lock import BucketLock
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.lock import Lock, Ownership
from fab_static.plan.wire import verbs
from fab_static.plan.wire.answers import Holder


def lock_of(deploy: Deployment, phase: str) -> Ownership:
    """Return the environment's lock, for a run that begins at this phase; it is not taken yet."""
    place = deploy.environment.notes
    if place:
        return BucketLock(place, deploy.environment, deploy.operator, phase)
    return Lock(deploy.build, deploy.operator, phase)


def keeps_lock(deploy: Deployment) -> bool:
    """Tell whether the build host keeps the lock."""
    return deploy.environment.notes is None


def holder_of(deploy: Deployment) -> Holder | None:
    """Return who holds the lock; None where it is free. Only looks."""
    place = deploy.environment.notes
    if place:
        return BucketLock(place, deploy.environment, deploy.operator, "").holder()
    return deploy.build.ask(verbs.LOOK_AT_LOCK)[0]["holder"]
