"""What is asked together before it is wanted: no more than a run will ask, and nothing that it would not."""

from __future__ import annotations

import queue
from collections.abc import Iterable
from typing import Any

import pytest

from fab_static.phases.run import foreseeing
from fab_static.phases.run.foreseeing import (
    foresee_beginning,
    foresee_build,
    foresee_rollback,
    foresee_seal,
    packing,
)
from fab_static.remote import Question
from tests.unit.site import OLD, ScriptedHost, Site

LISTING = "a" * 64
RAN: dict[str, Any] = {
    "ran": 1,
    "at": 1.0,
    "seconds": 1.0,
    "by": "anna@desk",
    "release": None,
    "listing": LISTING,
    "base": None,
    "record": "token",
}


@pytest.fixture
def foreseen(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}

    def noted(host: ScriptedHost, questions: Iterable[Question]) -> None:
        found[host.name] = [verb.name for verb, _ in questions]

    monkeypatch.setattr(ScriptedHost, "foresee", noted)
    return found


def test_each_host_is_asked_once_for_all_that_a_run_begins_with(
    site: Site, foreseen: dict[str, list[str]]
) -> None:
    foresee_beginning(site.deployment())
    looks = ["state", "facts"]
    assert foreseen == {
        "build1": [*looks, "recall"],
        "edge1": looks,
        "edge2": looks,
        "web1": [*looks, "recall"],
        "web2": [*looks, "recall"],
    }


@pytest.mark.parametrize(("command", "asks_git"), [("deploy --resume", True), ("rollback", False)])
def test_git_is_asked_along_where_something_is_built(
    site: Site, foreseen: dict[str, list[str]], command: str, asks_git: bool
) -> None:
    deploy = site.deployment()
    deploy.command = command
    foresee_beginning(deploy)
    assert ("run" in foreseen["build1"]) is asks_git
    assert "run" not in foreseen["web1"]


def test_a_build_is_asked_of_each_phase_that_ran_and_of_each_listing_once(
    site: Site, foreseen: dict[str, list[str]]
) -> None:
    deploy = site.deployment()
    first, second, *_ = deploy.phases
    deploy.journal.phases = {first: RAN, second: {**RAN, "ran": 2, "base": LISTING}}  # type: ignore[dict-item]
    foresee_build(deploy)
    # the first phase is asked with what stands in its listing
    assert foreseen["build1"] == ["guard", "read_object", "recall"]


def test_a_way_back_reads_both_seals_in_one_trip(
    site: Site, foreseen: dict[str, list[str]]
) -> None:
    deploy = site.deployment()
    foresee_rollback(deploy, OLD)
    assert foreseen == {"build1": ["read_release", "read_release"]}
    deploy.states[deploy.build]["releases"] = [OLD]
    foresee_rollback(deploy, OLD)
    assert foreseen == {"build1": ["read_release"]}


def test_what_projects_are_sent_is_packed_meanwhile_once_for_each_kind_of_host(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To connect takes eight trips, and packing as long as one of them."""
    packed: queue.SimpleQueue[bool] = queue.SimpleQueue()
    monkeypatch.setattr(foreseeing, "project_archive", lambda *, builds: packed.put(builds))
    with packing(site.deployment()):
        assert {packed.get(timeout=60), packed.get(timeout=60)} == {True, False}
    assert packed.empty()


@pytest.mark.parametrize("of_no_use", [{"by_itself": True}, {"reuse": "no"}, {"reuse": "verify"}])
def test_where_all_is_run_anew_no_record_is_asked_for(
    site: Site, foreseen: dict[str, list[str]], of_no_use: dict[str, Any]
) -> None:
    deploy = site.deployment(**of_no_use)
    foresee_build(deploy)
    foresee_seal(deploy)
    assert foreseen == {}
    foresee_beginning(deploy)
    assert {tuple(asked) for asked in foreseen.values()} == {("state", "facts")}
