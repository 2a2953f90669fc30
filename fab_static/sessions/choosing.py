"""Which phases a run has, in which order; and which release a rollback goes back to."""

from __future__ import annotations

from collections.abc import Sequence

from fab_static.errors import InventoryError, ReleaseError
from fab_static.phases import BUILD, GO_LIVE, PREPARE
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.history import previous


def configured(deploy: Deployment, names: Sequence[str]) -> tuple[str, ...]:
    """Return the phases, those of the build as the inventory has them."""
    return (*deploy.environment.build.phases, *(name for name in names if name not in BUILD))


def in_order(deploy: Deployment, names: Sequence[str]) -> tuple[str, ...]:
    """Return phases in the order that follows from what they read and write in this project."""
    own = deploy.environment.build.own
    if not {*names} & {*BUILD, *own}:
        return tuple(names)
    return (
        *(name for name in deploy.order if name in names),
        *(name for name in names if name not in deploy.order),
    )


def to_resume(deploy: Deployment) -> tuple[str, ...]:
    """Return the phases that the last deploy left undone, or that a phase by hand made stale."""
    journal, wanted = deploy.journal, deploy.environment.build.phases
    later = (*PREPARE, *GO_LIVE)
    if not journal.is_sealed(wanted, deploy.order):
        return (*journal.stale(wanted, deploy.order), *later)
    last = journal.ran["seal"]
    for at, name in enumerate(later):
        entry = journal.phases.get(name)
        if entry is None or entry["release"] != journal.release or entry["ran"] < last:
            return later[at:]
        last = entry["ran"]
    return ()


def rollback_target(deploy: Deployment, to: str | None) -> str:
    """Return the release to go back to: the one that was named, else the one that was live before.

    Raises:
        InventoryError: no host has the one that was named.
        ReleaseError: there is none to go back to.
    """
    held = {name for state in deploy.states.values() for name in state["releases"]}
    if to is not None:
        if to not in held:
            raise InventoryError(
                f"there is no release {to}",
                where="releases/ on every host",
                mend=f"choose one of: fab {deploy.environment.name} releases",
            )
        return to
    recorded = deploy.recorded_live
    if deploy.went_back and deploy.live:
        deploy.show.warn(f"an unfinished flip was put back; {deploy.live} is live everywhere again")
        return deploy.live
    if deploy.live is None and recorded is not None:
        deploy.show.warn("hosts disagree; they go back to the release that was live everywhere")
        return recorded
    return _one_before(deploy, deploy.live or recorded, held)


def _one_before(deploy: Deployment, live: str | None, held: set[str]) -> str:
    target = previous(deploy.record, live, held) if live else None
    if target is None:
        raise ReleaseError(
            f"there is no release older than {live} to roll back to"
            if live
            else "nothing is live yet, so there is nothing to roll back",
            where="the record on " + deploy.build.name,
            mend=f"deploy a good revision instead: fab {deploy.environment.name} deploy",
            instead="deploy",
        )
    return target
