"""What ran when, on which host: the report's timeline as a table, and as what the chart is drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from fab_static.plan.wording import counted
from fab_static.report import pieces
from fab_static.report.amounts import size

if TYPE_CHECKING:
    from fab_static.report.pieces import Summary

SpanData = Mapping[str, Any]  # as Timeline.to_json has it
BEGINNING = ("load", "connect", "lock", "look", "check")  # before the first phase
GOING_BACK = "going back"


def section(summary: Summary) -> str:
    """Return the chart's place, and the same as a table."""
    if not summary["timeline"]:
        return ""
    start = start_of(summary)
    rows = [
        (
            escape(span["phase"].replace("_", "-")),
            escape(span["host"] or "all"),
            f"{span['started'] - start:.1f}",
            f"{span['seconds']:.1f}",
            size(span["bytes"]) if span.get("bytes") else "",
            pieces.outcome(span["outcome"]) + (f", {GOING_BACK}" if span.get("goes_back") else ""),
        )
        for span in summary["timeline"]
    ]
    table = pieces.table(
        "Each phase, and what it did on each host; times in seconds",
        ("Phase", "Host", "#After", "#Took", "#Sent", "Ended"),
        rows,
    )
    return (
        pieces.chart("timeline", "Phases and hosts over time; the table below holds the same")
        + f"<details><summary>As a table ({counted(len(rows), 'row')})</summary>{table}</details>"
    )


def start_of(summary: Summary) -> float:
    """Return when the command began; where an earlier version kept the summary, its first span."""
    first = min((span["started"] for span in summary["timeline"]), default=0.0)
    return float(min(first, summary.get("began", first)))


def rows_of(hosts: Iterable[str], spans: Sequence[SpanData]) -> list[str]:
    """Return the chart's rows: one for the phases as a whole, and one for each host that did something."""
    met = {span["host"] for span in spans}
    return ["all", *(host for host in hosts if host in met)]


def bar(span: SpanData, start: float) -> dict[str, object]:
    """Return a span as the chart draws it: its row, from when to when, and the colour's name."""
    began = max(0.0, span["started"] - start)
    return {
        "y": span["host"] or "all",
        "x": [round(began, 2), round(began + span["seconds"], 2)],
        "phase": span["phase"].replace("_", "-"),
        "group": _group(span),
        "outcome": span["outcome"],
    }


def _group(span: SpanData) -> str:
    if span["outcome"] == "failed":
        return "failed"
    if span.get("goes_back"):
        return GOING_BACK
    phase = span["phase"]
    if phase in BEGINNING:
        return "begin"
    if phase in ("distribute", "verify"):
        return str(phase)
    return "go live" if phase in ("activate", "invalidate", "probe", "prune") else "build"
