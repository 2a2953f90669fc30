"""How far hosts are: the columns of the table that stands in a terminal, or in a browser, while a task runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fab_static.report.amounts import clock
from fab_static.timeline import DONE, FAILED, RUNNING, Span, Timeline

AFTER_BUILD = ("distribute", "verify", "activate", "prune")  # what hosts take part in
NO_HOSTS = ("invalidate", "probe")


def columns_of(planned: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the columns for the phases that are to run, each with its phases: those that build share one."""
    building = tuple(name for name in planned if name not in (*AFTER_BUILD, *NO_HOSTS))
    columns = [("build", building)] if building else []
    return columns + [(name, (name,)) for name in AFTER_BUILD if name in planned]


def spans_of(spans: Iterable[Span], host: str, phases: Sequence[str] | None = None) -> list[Span]:
    """Return what was noted of a host, in these phases; in all of them where none is named."""
    return [
        span for span in spans if span.host == host and (phases is None or span.phase in phases)
    ]


def state_of(spans: Sequence[Span]) -> str:
    """Return how a host fares: failed beats running, running beats done, or nothing if nothing has begun."""
    outcomes = {span.outcome for span in spans}
    return next((state for state in (FAILED, RUNNING, DONE) if state in outcomes), "")


def since(timeline: Timeline) -> str:
    """Return for how long the phase and the command have run, each beside how long it took the last time."""
    phase = timeline.running
    whole = f"in all {in_all(timeline)}"
    if phase is None:
        return whole
    text = clock(phase.seconds(timeline.now))
    expected = timeline.expected.get(phase.phase)
    if expected is not None and expected >= 1:
        text += f" (last time {clock(expected)})"
    return f"{text}  ·  {whole}"


def in_all(timeline: Timeline) -> str:
    """Return for how long the command has run, beside how long it took the last time, if that is known."""
    text = clock(timeline.now - timeline.began)
    last = timeline.last_time
    return f"{text} (last time {clock(last)})" if last is not None and last >= 1 else text
