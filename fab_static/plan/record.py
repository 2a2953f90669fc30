"""The lines of a host's log.jsonl -> the events that we know; what is strange is passed over, and counted.

A host may send anything, and a line may be half written: nobody else reads a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypedDict

from fab_static.plan.history import Activation
from fab_static.plan.ids import is_id
from fab_static.plan.wire.shapes import Moment, misshapen


@dataclass(frozen=True)
class Undone:
    """A release that went live, and was taken back because the flip failed."""

    release: str


@dataclass(frozen=True)
class Invalidated:
    """What CloudFront was asked to forget: the request's id, how many paths, when (seconds since 1970)."""

    id: str
    paths: int
    at: float


Event = Activation | Undone | Invalidated


@dataclass(frozen=True)
class Record:
    """What a host's log.jsonl says, oldest first, and how many lines of it nobody can use."""

    events: tuple[Event, ...] = ()
    strange: int = 0

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activations that were not undone."""
        left: list[Activation] = []
        for event in self.events:
            if isinstance(event, Activation):
                left.append(event)
            elif isinstance(event, Undone) and left and left[-1].release == event.release:
                left.pop()
        return tuple(left)

    @property
    def activated(self) -> set[str]:
        """The releases that were ever live on the host, for however short a time."""
        return {event.release for event in self.events if isinstance(event, Activation)}

    @property
    def invalidations(self) -> tuple[Invalidated, ...]:
        """What CloudFront was asked to forget."""
        return tuple(event for event in self.events if isinstance(event, Invalidated))


def read(lines: Iterable[Any]) -> Record:
    """Return what the lines say; lines of other kinds, such as a stolen lock, say nothing to us."""
    events: list[Event] = []
    strange = 0
    for line in lines:
        kind = line.get("event") if isinstance(line, dict) else None
        if not isinstance(kind, str):
            strange += 1
        elif kind in _SHAPES:
            event = _event(kind, line)
            if event is None:
                strange += 1
            else:
                events.append(event)
    return Record(tuple(events), strange)


class _Activate(TypedDict):
    release: str
    at: Moment


class _Undo(TypedDict):
    release: str


class _Invalidation(TypedDict):
    id: str
    paths: int
    at: Moment


_SHAPES = {"activate": _Activate, "undo": _Undo, "invalidation": _Invalidation}


def _event(kind: str, line: dict[str, Any]) -> Event | None:
    if misshapen(_SHAPES[kind], line):
        return None
    if kind == "invalidation":
        is_ours = line["id"] and line["paths"] >= 0
        return Invalidated(line["id"], line["paths"], line["at"]) if is_ours else None
    if not is_id(line["release"]):
        return None
    if kind == "undo":
        return Undone(line["release"])
    wrong, revision = line.get("rolled_back"), line.get("revision")
    return Activation(
        line["release"],
        line["at"],
        wrong if is_id(wrong) else None,
        _names(line.get("without")),
        revision if isinstance(revision, str) else None,
    )


def _names(value: object) -> tuple[str, ...]:
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()
