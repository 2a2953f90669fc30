"""Ends a flip that an operator who died has left in its middle: every host goes on, or every host goes back."""

from __future__ import annotations

from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.flipping import host_flip
from fab_static.plan.wire import asks, verbs
from fab_static.remote import RemoteHost


def settle(deploy: Deployment) -> None:
    """Bring hosts together that were left in the middle of a flip.

    Where one host was told that all had flipped, all had: the others are told too. Else, and where the
    operator was on the way back, they go back, as they would have on their own. A host says where it
    stands; what is linked and run there the inventory and the project say.
    """
    halfway = {
        host: state["provisional"] for host, state in deploy.states.items() if state["provisional"]
    }
    if not halfway:
        return
    told = {state["current"] for state in deploy.states.values() if not state["provisional"]} & {
        noted["release"] for noted in halfway.values()
    }
    told -= {noted["release"] for noted in halfway.values() if noted.get("back")}

    def settled(host: RemoteHost) -> None:
        noted = halfway[host]
        flip = host_flip(deploy, host, noted["release"], before=noted)
        if flip.release in told:
            host.ask(verbs.CONFIRM, asks.Confirm(**flip.forth))
            return
        host.ask(verbs.FLIP_BACK, flip.back)
        if not flip.current or not flip.reload:
            return
        ran = host.run(["/bin/sh", "-c", flip.reload])
        if ran.code:
            deploy.show.warn(f"{host.name}: {flip.reload} failed: {ran.output.strip()[-1000:]}")
        host.ask(verbs.CONFIRM, asks.Confirm(release=flip.current))

    deploy.on(halfway, settled)
    deploy.went_back = any(noted["release"] not in told for noted in halfway.values())
    deploy.look_again()
