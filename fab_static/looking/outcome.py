"""What a run left on each host: what is live there, how long it was at work, and what was sent to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fab_static.phases.run.deployment import Deployment
from fab_static.plan.printed import Outcome


def outcomes(deploy: Deployment) -> list[Outcome]:
    """Return a row for each host, in the order of the inventory; then the bucket and the hosts left out."""
    return [*_of_hosts(deploy), *_others(deploy)]


def _of_hosts(deploy: Deployment) -> Iterator[Outcome]:
    sent = {span.host: 0 for span in deploy.timeline.spans}
    for span in deploy.timeline.spans:
        sent[span.host] += span.sent
    for host in deploy.hosts():
        yield {
            "host": host.name,
            "roles": list(host.roles),
            "live": deploy.states[host]["current"],
            "seconds": _at_work(deploy, host.name),
            "sent": sent.get(host.name, 0),
            "is_left_out": False,
        }


def _others(deploy: Deployment) -> Iterator[Outcome]:
    origin = deploy.origin
    if origin:
        yield _idle(origin.name, "bucket", live=origin.live)
    for name in deploy.without:
        yield _idle(name, "", is_left_out=True)


def _idle(name: str, role: str, *, live: str | None = None, is_left_out: bool = False) -> Outcome:
    return {
        "host": name,
        "roles": [role] if role else [],
        "live": live,
        "seconds": 0.0,
        "sent": 0,
        "is_left_out": is_left_out,
    }


def _at_work(deploy: Deployment, host: str) -> float:
    """Return the seconds in which a host was at work: what overlaps counts once."""
    now = deploy.timeline.now
    spans = [span for span in deploy.timeline.spans if span.host == host]
    return _covered((span.started, span.ended or now) for span in spans)


def _covered(intervals: Iterable[tuple[float, float]]) -> float:
    total, end = 0.0, float("-inf")
    for start, stop in sorted(intervals):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total
