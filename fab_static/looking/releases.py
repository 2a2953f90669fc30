"""Every release that any host holds, and what each is: live, previous, kept, bad."""

from __future__ import annotations

from collections.abc import Iterable

from fab_static.phases.run.deployment import Deployment
from fab_static.plan.history import bad
from fab_static.plan.printed import ReleaseLine
from fab_static.plan.wire import verbs
from fab_static.plan.wire.answers import Summary


def releases(deploy: Deployment) -> list[ReleaseLine]:
    """Return every release that any host holds, newest first."""
    deploy.look()
    found = _found(deploy)
    states = _states(deploy, found)
    return [
        {
            "id": name,
            "state": states[name],
            "revision": one["revision"],
            "created_at": one["created_at"],
            "created_by": one["created_by"],
            "sealed_in": one["environment"],
            "files": one["files"],
            "bytes": one["bytes"],
        }
        for name, one in sorted(found.items(), reverse=True)
    ]


def _found(deploy: Deployment) -> dict[str, Summary]:
    """Return what any host tells of each release that it holds."""
    found: dict[str, Summary] = {}
    if deploy.kept:  # the build host may be empty
        found = {name: known["summary"] for name, known in deploy.kept.kept.items()}
    hosts = [host for host in deploy.hosts() if not found or host != deploy.build]
    answers = deploy.on(hosts, lambda host: host.ask(verbs.SUMMARIES)[0])
    for host, answer in answers.items():
        deploy.tell_odd(host, answer["odd"])
        for one in answer["releases"]:
            found.setdefault(one["id"], one)
    return found


def _states(deploy: Deployment, names: Iterable[str]) -> dict[str, str]:
    """Return what each release is; the last that applies counts."""
    live = deploy.last_live
    of_live = [state for state in deploy.states.values() if state["current"] == live]
    return {
        **dict.fromkeys(names, "staged"),
        **dict.fromkeys((activation.release for activation in deploy.record), "kept"),
        **{state["previous"]: "previous" for state in of_live if state["previous"]},
        **dict.fromkeys(bad(deploy.record), "bad"),
        **({live: "live"} if live else {}),
    }
