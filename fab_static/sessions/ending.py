"""How a run ended: what is live, what was undone, and what to run next."""

from __future__ import annotations

from collections.abc import Sequence

from fab_static.errors import InventoryError
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.ending import Ending, listed
from fab_static.plan.inventory.without import option, without

LEAVES_OUT = ("deploy", "prepare", "activate", "rollback")  # with --without
PATIENCE_SECONDS = 600  # another deploy has most likely ended by then


def ending_of(deploy: Deployment, command: str) -> Ending:
    """Return how the run of this command ended."""
    origin = deploy.origin
    names = [host.name for host in deploy.hosts()] + ([origin.name] if origin else [])
    live: dict[str, str | None]
    if deploy.is_flipped and deploy.release:
        live = dict.fromkeys(names, deploy.release.id)
    else:
        states = deploy.states.items()
        unknown = {*deploy.left}
        if deploy.environment.notes and deploy.kept is None:  # the record says it, and was not read
            unknown.add(deploy.build)
        live = {host.name: one["current"] for host, one in states if host not in unknown}
        if origin and origin not in deploy.left:
            live[origin.name] = origin.live
    return Ending(
        hosts=names,
        live=live,
        undone={host.name for host in deploy.undone},
        next=_called(deploy, _next(deploy, command)) + _or_without(deploy, command),
        stays=deploy.stays,
        down={host.name for host in deploy.down},
        without=deploy.without,
        is_as_before=not deploy.stays and live == dict.fromkeys(names, deploy.was_live),
    )


def _called(deploy: Deployment, words: str, left_out: Sequence[str] = ()) -> str:
    return f"fab {deploy.environment.name} {words}{option([*deploy.without, *left_out])}"


def _or_without(deploy: Deployment, command: str) -> str:
    """Return the same command without the hosts that did not answer; "" where it needs them, or takes no such words."""
    down = [host.name for host in deploy.hosts() if host in deploy.down]
    if not down or command.split()[0] not in LEAVES_OUT or _next(deploy, command) != command:
        return ""
    try:
        without(deploy.environment, down)
    except InventoryError:
        return ""
    return f", or without {listed(down)}: {_called(deploy, command, down)}"


def _next(deploy: Deployment, command: str) -> str:
    """Return the words to run next: those that mend what failed, or the same again."""
    if deploy.left and deploy.recorded_live:
        # by name: a host may have gone back on its own by then, and all agree
        return f"rollback --to {deploy.recorded_live}"
    failed = deploy.failed_after_flip
    if deploy.stays and failed and deploy.rolled_back is None:
        # a phase alone leaves no host out
        resumes = failed[0] == "activate" or deploy.without
        return "deploy --resume" if resumes else " ".join(failed)
    if deploy.instead and not deploy.stays:
        return deploy.instead
    return f"{command} --wait {PATIENCE_SECONDS}" if deploy.lock_held else command
