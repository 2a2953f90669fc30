"""Which phases a run has, in which order; and which release a rollback goes back to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fab_static.errors import InventoryError, ReleaseError
from fab_static.phases import BUILD, GO_LIVE, PREPARE
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.naming import release_named
from fab_static.plan.budget import Budget
from fab_static.plan.history import left_behind, previous
from fab_static.plan.ids import PREVIOUS, may_name


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
            return shipped_first(deploy, str(journal.release), later[at:])
        last = entry["ran"]
    was_left_out = deploy.live is None and left_behind(deploy.record)
    return shipped_first(deploy, str(journal.release), ("verify", *GO_LIVE)) if was_left_out else ()


def tell_of_later_builds(deploy: Deployment) -> None:
    """Warn where build phases ran since the release at hand was sealed: it goes live without what they made."""
    later = deploy.journal.after_seal(deploy.phases)
    if later:
        name = deploy.environment.name
        deploy.show.warn(
            f"{deploy.current_release().id} goes live. It was sealed before {', '.join(later)} ran, and does "
            f"not hold what that made; to go live with that: fab {name} deploy --resume"
        )


def shipped_first(deploy: Deployment, release: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the phases, and `distribute` before them where a host lacks the release: it was left out, or is new."""
    lacks = any(release not in state["releases"] for state in deploy.states.values())
    if not lacks or "distribute" in names:
        return tuple(names)
    return ("distribute", *(() if "verify" in names else ("verify",)), *names)


def rollback_target(deploy: Deployment, to: str | None) -> str:
    """Return the release to go back to: the one that was named, else the one that was live before.

    Raises:
        InventoryError: no host has the one that was named.
        ReleaseError: there is none to go back to.
    """
    held = {name for state in deploy.states.values() for name in state["releases"]}
    if to == PREVIOUS:
        return _one_before(deploy, deploy.last_live, held)
    if to is not None:
        to = release_named(deploy, to, where="rollback --to") if may_name(to) else to
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
    if deploy.live is None and recorded is not None and not _only_left_out_differ(deploy):
        deploy.show.warn("hosts disagree; they go back to the release that was live everywhere")
        return recorded
    return _one_before(deploy, deploy.live or recorded, held)


def _only_left_out_differ(deploy: Deployment) -> bool:
    """Tell whether all but the hosts that the last activation left out have what was made live last.

    Who rolls back then means that release: those hosts must not get it first.
    """
    left = left_behind(deploy.record)
    if not left:
        return False
    others = {state["current"] for host, state in deploy.states.items() if host.name not in left}
    return others == {deploy.recorded_live}


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


def budget(deploy: Deployment, *, over_budget: bool) -> Budget:
    """Return what pages may cost visitors; `over_budget`: more than that is only told."""
    allowed = deploy.environment.budget
    return replace(allowed, warns=allowed.warns or over_budget)
