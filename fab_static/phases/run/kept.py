"""Which releases are kept, and which of them some hosts do not have."""

from __future__ import annotations

from fab_static.phases.run.deployment import Deployment
from fab_static.plan.history import Activation, to_prune


def needless(deploy: Deployment) -> list[str]:
    """Return the releases that may go; the one that the next command makes live may not."""
    environment, states = deploy.environment, deploy.states
    gone = to_prune(
        {name for state in states.values() for name in state["releases"]},
        deploy.record,
        live=deploy.last_live,
        keep=environment.keep_releases,
        keep_for_seconds=environment.keep_for_seconds,
        now=states[deploy.build]["now"],
    )
    return [name for name in gone if name != deploy.journal.release]


def once_live(deploy: Deployment) -> dict[str, Activation]:
    """Return the releases that were live, are kept, and are on some host; the one that was live last at the end."""
    held = {name for state in deploy.states.values() for name in state["releases"]}
    held -= {*needless(deploy)}
    last: dict[str, Activation] = {}
    for activation in deploy.record:  # by its order: a clock may have been set back
        last.pop(activation.release, None)
        last[activation.release] = activation
    return {name: activation for name, activation in last.items() if name in held}


def missed(deploy: Deployment) -> list[str]:
    """Return the releases that were live, are kept, and are not on every host; the oldest first."""
    held = [state["releases"] for state in deploy.states.values()]
    once_live = {activation.release for activation in deploy.record}
    some = {name for name in once_live if 0 < sum(name in names for names in held) < len(held)}
    return sorted(some - {*needless(deploy)}) if some else []
