"""No line of a record, and nothing in a journal, ends a deploy or undoes a flip."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fab_static.phases.run import forgetting
from fab_static.phases.run.journal import Journal
from fab_static.plan import record
from fab_static.plan.cdn import ledger
from fab_static.plan.history import Activation
from fab_static.plan.record import Invalidated, Record
from tests.unit.site import NEW, OLD, Site

NOW = 1_795_000_000
STRANGE: list[Any] = [
    {"event": "activate"},
    {"event": "activate", "release": NEW},
    {"event": "activate", "release": NEW, "at": "now"},
    {"event": "activate", "release": NEW, "at": True},
    {"event": "activate", "release": NEW, "at": math.nan},
    {"event": "activate", "release": NEW, "at": 1e300},
    {"event": "activate", "release": {}, "at": NOW},
    {"event": "activate", "release": "../../etc", "at": NOW},
    {"event": "undo"},
    {"event": "undo", "release": []},
    {"event": "invalidation", "at": NOW},
    {"event": "invalidation", "id": {}, "paths": 1, "at": NOW},
    {"event": "invalidation", "id": "", "paths": 1, "at": NOW},
    {"event": "invalidation", "id": "I1", "paths": "many", "at": NOW},
    {"event": "invalidation", "id": "I1", "paths": -5, "at": NOW},
    {"event": "invalidation", "id": "I1", "paths": 1.5, "at": NOW},
    {"event": "invalidation", "id": "I1", "paths": 1, "at": -1},
    {"event": []},
    {"event": {}, "at": NOW},
    {},
    [],
    None,
    5,
]


@pytest.mark.parametrize("line", STRANGE)
def test_a_strange_line_is_counted_and_the_others_are_read(line: Any) -> None:
    """(fleet D1, D6)."""
    lines = [
        {"event": "activate", "release": OLD, "at": 5, "by": "anna"},
        line,
        {"event": "steal", "at": 6},
        {"event": "invalidation", "id": "I1", "paths": 3, "at": 7},
    ]
    assert record.read(lines) == Record((Activation(OLD, 5), Invalidated("I1", 3, 7)), strange=1)


def test_an_undone_activation_is_no_activation_but_its_pages_were_there() -> None:
    lines = [
        {"event": "activate", "release": OLD, "at": 5},
        {"event": "activate", "release": NEW, "at": 6, "rolled_back": "?"},
        {"event": "undo", "release": NEW, "at": 7},
    ]
    known = record.read(lines)
    assert known.activations == (Activation(OLD, 5),)
    assert known.activated == {OLD, NEW}


words = st.sampled_from(["activate", "undo", "invalidation", "confirm", OLD, NEW, "I1"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
KEYS = ["event", "release", "at", "id", "paths", "rolled_back"]
odd_lines = st.dictionaries(st.sampled_from(KEYS), words | anything, max_size=6) | anything


@settings(deadline=None)
@given(lines=st.lists(odd_lines, max_size=5))
@example(lines=STRANGE)
def test_whatever_a_host_says_of_the_past_can_be_read(lines: list[Any]) -> None:
    known = record.read(lines)
    assert all(isinstance(name, str) for name in known.activated)
    assert ledger.paths_of_month(known.invalidations, NOW) >= 0
    assert len(known.activations) <= len(lines)


@pytest.mark.parametrize("line", STRANGE[:19])
def test_what_a_lying_host_records_stops_no_deploy(line: Any) -> None:
    """`forgotten` asks every host; one of them was enough to stop the fleet (fleet D1)."""
    host = "edge1"
    deploy: Any = SimpleNamespace(
        environment=SimpleNamespace(origin=None),
        states={host: {"record": [line], "releases": [NEW]}},
        build=host,
    )
    release: Any = SimpleNamespace(files={}, versions={}, named=(), settings={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forgetting, "to_forget", lambda *_, **more: more["earlier"])
        assert forgetting.forgotten(deploy, release, release) == []


def test_a_strange_line_is_told_and_a_rollback_works(site: Site) -> None:
    """Lines that the agent lets through: it judges what it needs itself (fleet D6)."""
    log = Path(site.hosts["build1"].agent.host.path("log.jsonl"))
    for line in STRANGE[10:17]:
        if line["at"] >= 0:
            log.write_text(log.read_text() + json.dumps(line) + "\n")
    deploy = site.session._deployment()
    told: list[str] = []
    deploy.show = SimpleNamespace(warn=told.append)  # type: ignore[assignment]
    deploy.look()
    assert "build1: 6 lines of log.jsonl are not as we write, and are passed over" in told
    assert ledger.paths_of_month(deploy.log.invalidations, time.time()) == 0
    site.session.rollback(to=OLD)
    assert set(site.live().values()) == {OLD}


# ---- the journal

ASKED: dict[str, Any] = {
    "live": NEW,
    "changed": {"a.js": None, "b.js": [""]},
    "reference": "fabstatic-1",
    "batches": [["/static/a.js"]],
    "requests": [{"id": "I1", "reference": "r", "paths": ["/static/a.js"]}],
}
BUILT = {"ran": 1, "seconds": 0.5, "listing": "a" * 64, "base": None}
HOST: Any = SimpleNamespace(name="build1")


def test_a_journal_of_ours_is_read() -> None:
    data = {"phases": {"collectstatic": BUILT}, "release": NEW, "invalidation": ASKED}
    journal, why = Journal.read(HOST, data)
    assert (why, journal.invalidation, journal.release) == (None, ASKED, NEW)
    assert journal.phases["collectstatic"] == {**BUILT, "release": None}


@pytest.mark.parametrize(
    "invalidation",
    [
        {},
        *({name: some for name, some in ASKED.items() if name != key}
          for key in ("live", "changed", "reference", "batches")),
        {**ASKED, "reference": None},
        {**ASKED, "batches": 5},
        {**ASKED, "batches": ["/static/*"]},
        {**ASKED, "batches": [[5]]},
        {**ASKED, "requests": None},
        {**ASKED, "requests": [{}]},
        {**ASKED, "requests": [{"id": {}, "reference": "r", "paths": []}]},
        {**ASKED, "requests": [{"id": "I", "reference": "r", "paths": "/static/*"}]},
        {**ASKED, "changed": {"a": 5}},
    ],
)  # fmt: skip
def test_what_a_journal_says_was_asked_for_is_judged_once(invalidation: Any) -> None:
    """It was indexed in the middle of a flip, and the flip undone (fleet D6)."""
    journal, why = Journal.read(HOST, {"release": NEW, "invalidation": invalidation})
    assert why == "journal.json does not hold what we write; it is passed over"
    assert journal.invalidation is None


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"ran": 1, "seconds": 1},
        {**BUILT, "listing": None},
        {**BUILT, "listing": "../x"},
        {**BUILT, "base": 5},
        {**BUILT, "ran": True},
        {**BUILT, "ran": None},
        {**BUILT, "seconds": math.nan},
        {**BUILT, "root": []},
        {**BUILT, "release": {}},
        {**BUILT, "places": [{}]},
        {**BUILT, "places": 5},
    ],
)
def test_what_a_journal_says_of_a_build_phase_is_judged_once(entry: Any) -> None:
    journal, why = Journal.read(HOST, {"phases": {"collectstatic": entry}})
    assert why == "journal.json does not hold what we write; it is passed over"
    assert journal.phases == {}


def test_catalogues_among_the_sources_leave_no_listing() -> None:
    """They are written before the static root is begun."""
    entry = {**BUILT, "listing": None}
    journal, why = Journal.read(HOST, {"phases": {"compilejsi18n": entry, "collectstatic": BUILT}})
    assert (why, len(journal.phases)) == (None, 2)


def test_of_a_phase_that_builds_nothing_no_key_is_missing() -> None:
    journal, why = Journal.read(HOST, {"phases": {"distribute": {"ran": 1, "seconds": 1}}})
    assert why is None
    assert journal.phases["distribute"]["release"] is None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    entry=st.dictionaries(st.sampled_from([*BUILT, "release", "places"]), anything, max_size=6),
    asked=st.dictionaries(st.sampled_from(list(ASKED)), anything, max_size=5),
)
def test_any_journal_is_read_or_passed_over(entry: Any, asked: Any) -> None:
    data = {"phases": {"collectstatic": {**BUILT, **entry}}, "invalidation": {**ASKED, **asked}}
    journal, why = Journal.read(HOST, data)
    assert why is not None or journal.phases["collectstatic"]["listing"]
