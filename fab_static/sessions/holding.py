"""A run from its beginning to its end: it holds the lock, and others are told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from fab_static import interruption
from fab_static.errors import DeployLockedError, FabStaticError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.foreseeing import foresee_beginning, packing
from fab_static.phases.run.lock import Ownership
from fab_static.phases.run.locking import lock_of
from fab_static.phases.run.record_here import bring_here, save
from fab_static.phases.run.settling import settle
from fab_static.phases.run.signing import refuse_unusable_key, trust_of
from fab_static.plan.ending import Ending
from fab_static.plan.inventory import Environment
from fab_static.plan.spelling import task_name
from fab_static.telling.run import Telling


def refuse_unusable(environment: Environment, *, signs: bool) -> None:
    """Refuse lists of signers that are not on this machine, and where it `signs` a key that cannot, before a build for nothing.

    Raises:
        InventoryError: saying why; nothing was contacted.
        ReleaseError: this machine cannot check signatures; nothing was contacted.
    """
    if signs:
        refuse_unusable_key(environment)
    else:
        trust_of(environment)


@contextmanager
def told(
    telling: Telling,
    deploy: Deployment,
    phase: str,
    wait_seconds: float,
    ending: Callable[[], Ending | None],
) -> Iterator[None]:
    """Hold the lock, and tell of the run: others are told how it ended once the lock is released.

    Keeps the run's log, summary and report. None of it decides how the run ends.
    """
    with interruption.heeded():
        try:
            with _locked(deploy, phase, wait_seconds):
                telling.began()
                yield
        except BaseException as error:
            if telling.has_begun:
                deploy.instead = error.instead if isinstance(error, FabStaticError) else None
                telling.ended(error, ending)
            raise
        telling.ended(None, ending)


@contextmanager
def _locked(deploy: Deployment, phase: str, wait_seconds: float) -> Iterator[None]:
    """Hold the lock, knowing the state of every host."""
    path = ["--project-path", deploy.project_path] if deploy.project_path else []
    deploy.command = " ".join([deploy.command or task_name(phase), *path])
    lock = lock_of(deploy, phase)
    with _released(deploy, lock):
        with deploy.timeline.phase("connect"), packing(deploy):
            deploy.reach(lock.opened_early)
        try:
            with deploy.timeline.phase("lock"):
                lock.take(wait_seconds=wait_seconds, tell=deploy.show.say)
        except DeployLockedError:
            deploy.lock_held = True
            raise
        if lock.took_over:
            deploy.show.warn(
                f"the lock of {lock.took_over['owner']} at {lock.took_over['phase']} was left "
                "behind by a deploy that died; going on"
            )
        deploy.lock = lock
        foresee_beginning(deploy)
        with deploy.timeline.phase("look"):
            deploy.look()
            for host in deploy.hosts():
                host.keep_programs()
            bring_here(deploy)
            settle(deploy)
        if deploy.recorded_live and deploy.live is None:
            _tell_who_differs(deploy)
        yield


def _tell_who_differs(deploy: Deployment) -> None:
    """Say which hosts have which release, or which are new."""
    having: dict[str | None, list[str]] = {}
    for host, state in deploy.states.items():
        having.setdefault(state["current"], []).append(host.name)
    new = having.pop(None, [])
    if new:
        deploy.show.say(f"nothing is live yet on {', '.join(new)}; this run changes that")
    if len(having) > 1:
        each = "; ".join(f"{release} on {', '.join(names)}" for release, names in having.items())
        deploy.show.warn(
            f"hosts disagree about what is live; this run brings them together: {each}"
        )


@contextmanager
@interruption.whole
def _released(deploy: Deployment, lock: Ownership) -> Iterator[None]:
    """Release the lock in the end, if it was taken."""
    try:
        yield
    finally:
        with suppress(Exception):  # who is told of the run's end is told of that one
            deploy.build.settle()
        _save(deploy)
        deploy.lock = None
        try:
            lock.release()
        except Exception as error:  # must hide neither how it ended nor an exit 5
            why = error.what if isinstance(error, FabStaticError) else repr(error)
            deploy.show.warn(
                f"{lock.keeper}: the lock could not be released ({why}); {lock.if_left}"
            )


def _save(deploy: Deployment) -> None:
    """Write back what the run has made of the record, where a bucket keeps it."""
    try:
        save(deploy)
    except Exception as error:  # must hide neither how the run ended nor an exit 5
        why = error.what if isinstance(error, FabStaticError) else repr(error)
        deploy.show.warn(f"the record in the bucket lacks what this run did last: {why}")
