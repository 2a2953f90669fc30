"""How far hosts are, as a terminal and a browser show it."""

from __future__ import annotations

from fab_static.report.standing import columns_of, in_all, since, spans_of, state_of
from fab_static.timeline import DONE, FAILED, RUNNING, Span, Timeline
from tests.clock import Clock


def test_phases_that_build_share_a_column_and_those_without_hosts_have_none() -> None:
    planned = ("collectstatic", "vite", "compress", "distribute", "activate", "invalidate", "probe")
    assert columns_of(planned) == [
        ("build", ("collectstatic", "vite", "compress")),
        ("distribute", ("distribute",)),
        ("activate", ("activate",)),
    ]
    assert columns_of(("verify", "activate")) == [
        ("verify", ("verify",)),
        ("activate", ("activate",)),
    ]


def test_what_was_noted_of_a_host_is_found_by_phase() -> None:
    spans = [
        Span("verify", "web1", 1.0),
        Span("activate", "web1", 2.0),
        Span("verify", "web2", 1.0),
        Span("verify", None, 1.0),
    ]
    assert spans_of(spans, "web1") == spans[:2]
    assert spans_of(spans, "web1", ("verify",)) == spans[:1]


def test_a_failure_is_seen_before_what_runs_and_that_before_what_is_done() -> None:
    done, runs, failed = (
        Span("verify", "web1", 1.0, outcome=one) for one in (DONE, RUNNING, FAILED)
    )
    assert state_of([done, failed, runs]) == FAILED
    assert state_of([done, runs]) == RUNNING
    assert state_of([done]) == DONE
    assert state_of([]) == ""


def test_how_long_the_command_took_the_last_time_stands_beside_this_ones() -> None:
    """It was the sum of the phases, of which some had last run in a deploy that found nothing to do."""
    clock = Clock()
    timeline = Timeline(clock)
    timeline.expect(("seal", "verify"), {"seal": 60, "verify": 5})
    clock.now += 17
    assert in_all(timeline) == "0:17"
    timeline.last_time = 71.2
    assert in_all(timeline) == "0:17 (last time 1:11)"
    timeline.last_time = 0.4
    assert in_all(timeline) == "0:17"


def test_the_phases_duration_and_the_whole_are_told_apart() -> None:
    """A browser showed the whole beside the phase's name."""
    clock = Clock()
    timeline = Timeline(clock)
    timeline.expect(("seal", "verify"), {"seal": 60})
    clock.now += 10
    assert since(timeline) == "in all 0:10"
    with timeline.phase("seal"):
        clock.now += 7
        assert since(timeline) == "0:07 (last time 1:00)  ·  in all 0:17"
