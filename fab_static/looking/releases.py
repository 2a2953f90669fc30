"""Every release that any host holds, and what each is: live, previous, kept, bad."""

from __future__ import annotations

from fab_static.phases.run.deployment import Deployment
from fab_static.plan.history import bad
from fab_static.plan.printed import ReleaseLine
from fab_static.plan.wire import verbs
from fab_static.plan.wire.answers import Summary


def releases(deploy: Deployment) -> list[ReleaseLine]:
    """Return every release that any host holds, newest first."""
    deploy.look()
    found: dict[str, Summary] = {}
    answers = deploy.on(deploy.hosts(), lambda host: host.ask(verbs.SUMMARIES)[0])
    for host, answer in answers.items():
        deploy.tell_odd(host, answer["odd"])
        for one in answer["releases"]:
            found.setdefault(one["id"], one)
    record = deploy.record
    was_live = {activation.release for activation in record}
    live = deploy.last_live
    previous = {
        state["previous"] for host, state in deploy.states.items() if state["current"] == live
    }

    def state_of(name: str) -> str:
        if name == live:
            return "live"
        if name in bad(record):
            return "bad"
        if name in previous:
            return "previous"
        return "kept" if name in was_live else "staged"

    return [
        {
            "id": name,
            "state": state_of(name),
            "revision": one["revision"],
            "created_at": one["created_at"],
            "created_by": one["created_by"],
            "sealed_in": one["environment"],
            "files": one["files"],
            "bytes": one["bytes"],
        }
        for name, one in sorted(found.items(), reverse=True)
    ]
