"""Releases as operators name them: by an id, by what an id begins with, or as the one before the live one."""

from __future__ import annotations

from fab_static.errors import InventoryError
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.history import previous
from fab_static.plan.ids import PREVIOUS, completed


def release_named(deploy: Deployment, text: str, *, where: str) -> str:
    """Return the id of the release that is meant.

    Raises:
        InventoryError: none that a host has is meant, or several may be.
    """
    held = {name for state in deploy.states.values() for name in state["releases"]}
    mend = f"choose one of: fab {deploy.environment.name} releases"
    if text != PREVIOUS:
        name = completed(text, held, where=where, mend=mend)
        if name not in held:
            raise InventoryError(f"there is no release {name}", where=where, mend=mend)
        return name
    before = previous(deploy.record, deploy.needs_live(), held)
    if before is None:
        raise InventoryError("no release was live before", where=where, mend=mend)
    return before
