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
    of_next_seal,
    packing,
)
from fab_static.remote import Question, RemoteHost
from tests.unit.phases.run.builds import Build
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


def test_what_an_earlier_run_asked_ahead_is_forgotten(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback that ended early left the settings; the deploy after it built with those, though they had changed."""
    order: list[str] = []
    for name in ("forget_foreseen", "foresee"):
        monkeypatch.setattr(ScriptedHost, name, lambda host, *_, name=name: order.append(name))
    deploy = site.deployment()
    deploy.on([deploy.build], lambda _: foresee_beginning(deploy))
    assert order.count("forget_foreseen") == order.count("foresee") == len(site.hosts)
    assert order[0] == "forget_foreseen"


@pytest.mark.parametrize(("command", "asks_git"), [("deploy --resume", True), ("rollback", False)])
def test_git_is_asked_along_where_something_is_built(
    site: Site, foreseen: dict[str, list[str]], command: str, asks_git: bool
) -> None:
    deploy = site.deployment()
    deploy.command = command
    foresee_beginning(deploy)
    assert ("run" in foreseen["build1"]) is asks_git
    assert "run" not in foreseen["web1"]


@pytest.mark.parametrize(
    ("command", "more", "asked"),
    [
        ("deploy", "", ["edge1"]),
        ("deploy", "release: {sign_with: key}", []),
        ("rollback", "", []),
    ],
)
def test_one_host_is_asked_along_for_signers_where_the_inventory_names_none(
    site: Site, foreseen: dict[str, list[str]], command: str, more: str, asked: list[str]
) -> None:
    site.open(more)
    deploy = site.deployment()
    deploy.command = command
    foresee_beginning(deploy)
    assert [host for host, verbs in foreseen.items() if "signers" in verbs] == asked


def test_a_build_is_asked_of_each_phase_that_ran_and_of_each_listing_once(
    site: Site, foreseen: dict[str, list[str]]
) -> None:
    deploy = site.deployment()
    first, second, *_ = deploy.phases
    deploy.journal.phases = {first: RAN, second: {**RAN, "ran": 2, "base": LISTING}}  # type: ignore[dict-item]
    foresee_build(deploy)
    # the first phase is asked with what lay beside the static root, which only its listing tells
    assert foreseen["build1"] == ["guard", "read_object", "recall"]
    deploy.journal.beside = {LISTING: {}}
    foresee_build(deploy)
    assert foreseen["build1"] == ["guard", "read_object", "recall", "recall"]


@pytest.mark.parametrize(
    ("to_come", "by_itself", "is_asked"),
    [(("seal", "distribute"), False, True), (("seal",), True, False), ((), False, False)],
)
def test_what_a_seal_asks_goes_along_with_the_phase_before_it(
    shop: Site, build: Build, to_come: tuple[str, ...], by_itself: bool, is_asked: bool
) -> None:
    build()
    deploy = shop.deployment(by_itself=by_itself)
    deploy.to_come = to_come
    listing = str(deploy.journal.phases[deploy.phases[-1]]["listing"])
    asked = [verb.name for verb, *_ in of_next_seal(deploy, listing)]
    assert bool(asked) is is_asked
    # what ends a chain of questions, for it may fail: git
    assert "run" not in asked[:-1]
    assert asked[-1:] == (["run"] if is_asked else [])


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
    monkeypatch.setattr(RemoteHost, "is_here", True)
    with packing(site.deployment()):
        pass
    assert packed.empty(), "on this machine nothing need be small"


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
