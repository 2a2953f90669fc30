"""The timeline of the report; tests/browser looks at how it is drawn."""

from __future__ import annotations

from typing import Any

from fab_static.report import spans
from tests.unit.report.test_html import SUMMARY, words


def span(phase: str, **more: Any) -> dict[str, Any]:
    return {
        "phase": phase, "host": "web1", "started": 1003.0, "seconds": 2.0, "outcome": "done", **more
    }  # fmt: skip


def test_it_begins_when_the_command_did() -> None:
    timeline = [span("connect", host=None, started=1000.5), span("compress")]
    assert spans.start_of({"timeline": timeline, "began": 1000.0}) == 1000.0
    assert spans.bar(timeline[0], 1000.0)["x"] == [0.5, 2.5]
    assert spans.start_of({"timeline": timeline}) == 1000.5  # an earlier version kept it
    assert spans.start_of({"timeline": [], "began": 1000.0}) == 0.0


def test_each_span_has_the_colour_of_what_it_is_part_of() -> None:
    groups = {
        name: spans.bar(span(name), 1000.0)["group"]
        for name in ("connect", "vite", "compress", "distribute", "verify", "activate", "prune")
    }
    assert groups == {
        "connect": "begin", "vite": "build", "compress": "build", "distribute": "distribute",
        "verify": "verify", "activate": "go live", "prune": "go live",
    }  # fmt: skip
    assert spans.bar(span("activate", goes_back=True), 0)["group"] == "going back"
    assert spans.bar(span("compress", outcome="failed"), 0)["group"] == "failed"


def test_what_went_back_is_told_in_the_table_too() -> None:
    text = words(timeline=[span("activate", goes_back=True)], began=1000.0)
    assert "activate web1 3.0 2.0 done , going back" in text


def test_rows_are_those_of_hosts_that_did_something() -> None:
    assert spans.rows_of(["build1", "edge1", "web1"], SUMMARY["timeline"]) == [
        "all", "build1", "web1",
    ]  # fmt: skip
