"""The project's answers come from the cache where they are proved, and go there where a phase ran; they fail no build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fab_static.phases.run.carried_answers import (
    SETTINGS,
    known_settings,
    leave_answers,
    take_answers,
    to_take,
)
from fab_static.phases.run.carrying import Carrying
from fab_static.phases.run.deployment import Deployment
from fab_static.plan import carried
from fab_static.plan.carried_answers import Answers
from fab_static.plan.wire import questions
from tests.strict_s3 import Fault, StrictS3
from tests.unit.phases.run.test_carried import opened, store
from tests.unit.site import Site

assert store  # a fixture
INTEGRITY = (questions.INTEGRITY, {})


def answers_of(site: Site, **changed: object) -> Answers:
    """Return what another machine has said of its settings."""
    said = {"ok": True, **site.project.settings["build1"], **changed}
    record: Any = {"token": "0" * 16, "inputs": [], "answer": json.dumps(said)}
    return {
        "format": carried.FORMAT,
        "given": "f" * 64,
        "places": {},
        "answers": [{"question": "settings", "request": "{}", "record": record}],
    }


def begun(site: Site, store: StrictS3, *found: Answers, **more: Any) -> Deployment:
    """Return a run of a build that has found these answers."""
    opened(site, store)
    deploy: Deployment = site.deployment(carrying=Carrying(answers=[*found]), **more)
    deploy.lock = object()  # type: ignore[assignment]  # it is held
    deploy.journal.phases.clear()
    return deploy


def unpacked(site: Site, *chosen: int) -> list[int]:
    """Have the build host judge candidates so, one after the other; return the list of what is left to say."""
    left = [*chosen]
    site.hosts["build1"].before["unpack"] = lambda: (
        {"chosen": left.pop(0), "why": "m.py is another here", "places": {}},
        b"",
    )
    return left


def test_settings_are_judged_before_they_are_kept(shop: Site, store: StrictS3) -> None:
    """The build host is asked to look first; it is not asked to keep what would write elsewhere."""
    deploy = begun(shop, store, answers_of(shop, static_root="/srv/other"))
    left = unpacked(shop, 0, 0)
    assert known_settings(deploy) is None
    assert left == [0]
    (told,) = deploy.show.warned  # type: ignore[attr-defined]
    assert told == "the settings are not taken from the cache: a build would write /srv/other"


def test_settings_that_do_not_hold_here_are_told_and_not_kept(shop: Site, store: StrictS3) -> None:
    deploy = begun(shop, store, answers_of(shop))
    left = unpacked(shop, -1, 0)
    assert known_settings(deploy) is None
    assert left == [0]
    assert deploy.show.said == ["the settings are not in the cache: m.py is another here"]  # type: ignore[attr-defined]


def test_a_proof_of_the_cache_takes_what_would_be_taken_and_asks_the_project_anyway(
    shop: Site, store: StrictS3
) -> None:
    deploy = begun(shop, store, answers_of(shop), reuse="verify")
    deploy.carrying.has_run, deploy.carrying.builds = True, []
    left = unpacked(shop, 0, -1)
    assert known_settings(deploy) is None
    assert left == [-1], "the host was asked which it would take"
    assert len(to_take(deploy, SETTINGS)) == 1


@pytest.mark.parametrize("more", [{"by_itself": True}, {"reuse": "no"}])
def test_a_phase_by_hand_and_a_rebuild_ask_the_project(
    shop: Site, store: StrictS3, more: dict[str, Any]
) -> None:
    deploy = begun(shop, store, answers_of(shop), **more)
    left = unpacked(shop, 0)
    assert known_settings(deploy) is None
    assert to_take(deploy, SETTINGS) == []
    assert left == [0]


def test_who_holds_no_lock_or_has_built_here_takes_no_settings(shop: Site, store: StrictS3) -> None:
    for is_held in (False, True):
        deploy = begun(shop, store, answers_of(shop))
        left = unpacked(shop, 0)
        if is_held:
            deploy.journal.phases["collectstatic"] = {}  # type: ignore[typeddict-item]
        else:
            deploy.lock = None
        assert known_settings(deploy) is None
        assert left == [0]


def test_a_runner_that_knows_what_another_one_sealed_takes_settings(
    shop: Site, store: StrictS3
) -> None:
    """Where a bucket keeps the record, the journal of a runner that starts empty tells of all but the build."""
    deploy = begun(shop, store, answers_of(shop))
    deploy.journal.phases["seal"] = {}  # type: ignore[typeddict-item]
    left = unpacked(shop, -1)
    assert known_settings(deploy) is None
    assert left == []


def test_a_cache_that_cannot_be_read_is_told_once_and_asked_once(
    shop: Site, store: StrictS3
) -> None:
    deploy = begun(shop, store)
    deploy.carrying.answers = None
    store.faults = [Fault("LIST", "answers", 403, "AccessDenied", times=99)]
    store.buckets = set()
    for _ in range(2):
        assert known_settings(deploy) is None
    (told,) = deploy.show.warned  # type: ignore[attr-defined]
    assert told.startswith("the settings are not taken from the cache: ")


def test_where_a_phase_has_run_or_nobody_looked_no_answer_is_taken(
    shop: Site, store: StrictS3
) -> None:
    found = answers_of(shop)
    found["answers"][0]["question"] = "integrity"
    deploy = begun(shop, store, found)
    assert to_take(deploy, INTEGRITY) == [], "no phase was looked for in the cache"
    deploy.carrying.builds = []
    assert len(to_take(deploy, INTEGRITY)) == 1
    deploy.carrying.has_run = True
    assert to_take(deploy, INTEGRITY) == []


def test_an_answer_to_another_question_is_no_candidate(shop: Site, store: StrictS3) -> None:
    deploy = begun(shop, store, answers_of(shop))
    deploy.carrying.builds = []
    assert to_take(deploy, INTEGRITY) == []
    assert to_take(deploy, (questions.SETTINGS, {"other": True})) == []
    take_answers(deploy, INTEGRITY)


def test_answers_are_left_where_a_phase_ran_and_what_cannot_go_is_told(
    shop: Site, store: StrictS3, tmp_path: Path
) -> None:
    deploy = begun(shop, store)
    leave_answers(deploy, [SETTINGS])
    assert store.objects == {}
    deploy.carrying.has_run = True
    name = deploy.project(deploy.build).record_of(*SETTINGS)
    other = deploy.project(deploy.build).record_of(*INTEGRITY)
    why = {other: "it asked the network"}
    head = {"places": {"project": "/x"}, "given": "f" * 64, "why": why, "named": {}}
    record = {"token": "0" * 16, "inputs": [], "answer": "{}"}
    shop.hosts["build1"].before["pack"] = lambda: (head, json.dumps({name: record}).encode())
    leave_answers(deploy, [SETTINGS, INTEGRITY])
    said = "the answer of integrity stays out of the cache: it asked the network"
    assert said in deploy.show.said  # type: ignore[attr-defined]
    (key,) = store.objects
    assert "/answers/" in key
    deploy = begun(shop, store)
    deploy.carrying.answers, deploy.carrying.builds = None, []
    ((_, request, body),) = to_take(deploy, SETTINGS)
    assert request
    assert (request["name"], request["keep"]) == (name, True)
    (candidate,) = json.loads(body)
    assert candidate["record"] == record
    assert candidate["there"] == {"project": "/x"}
