"""The tasks that make a release live: what each option means to the session."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from invoke.context import Context

from fab_static.tasks import living
from tests.unit.tasks.sessions import Session

C = Context()
ASK: Any = object()


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    made = Session()
    made.answers["prepare"] = SimpleNamespace(id="R2")
    monkeypatch.setattr(living, "task_session", made.task)
    monkeypatch.setattr(living, "confirmation", lambda _, yes: None if yes else ASK)
    monkeypatch.setattr(living, "tell_live", lambda *_: made.said.append("what is live is told"))
    return made


def test_a_deploy_without_options_does_everything_and_asks(session: Session) -> None:
    living.deploy(C)
    assert session.calls == [
        (
            "deploy",
            (),
            {
                "resume": False,
                "reuse": "yes",
                "project_path": None,
                "wait_seconds": 0.0,
                "confirm": ASK,
                "rollback_on_probe_failure": False,
            },
        )
    ]
    assert session.said == ["what is live is told"]


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ({"resume": True}, {"resume": True}),
        ({"rebuild": True}, {"reuse": "no"}),
        ({"verify_cache": True}, {"reuse": "verify"}),
        ({"verify_cache": True, "rebuild": True}, {"reuse": "verify"}),
        ({"project_path": "/srv/new"}, {"project_path": "/srv/new"}),
        ({"wait": 600.0}, {"wait_seconds": 600.0}),
        ({"yes": True}, {"confirm": None}),
        ({"rollback_on_probe_failure": True}, {"rollback_on_probe_failure": True}),
    ],
)
def test_each_option_of_deploy_means_one_thing(
    session: Session, option: dict[str, Any], meant: dict[str, Any]
) -> None:
    living.deploy(C)
    living.deploy(C, **option)
    (_, _, plain), (_, _, given) = session.calls
    assert {key: value for key, value in given.items() if plain[key] != value} == meant


def test_a_dry_run_is_a_plan_and_opens_no_deploy(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = []
    monkeypatch.setattr(living, "show_plan", lambda path, as_json: planned.append((path, as_json)))
    living.deploy(C, dry_run=True, project_path="/srv/new", json=True)
    assert (planned, session.calls, session.opened) == ([("/srv/new", True)], [], [])


def test_what_is_prepared_says_how_it_goes_live(session: Session) -> None:
    living.prepare(C, from_="qa", release="R1", verify_cache=True, wait=5.0)
    assert session.calls == [
        (
            "prepare",
            (),
            {
                "promote_from": "qa",
                "release": "R1",
                "reuse": "verify",
                "project_path": None,
                "wait_seconds": 5.0,
            },
        )
    ]
    assert session.said == ["R2 is ready: fab staging activate"]


def test_activate_and_rollback_ask_and_tell_as_deploy_does(session: Session) -> None:
    living.activate(C, wait=5.0, rollback_on_probe_failure=True, quiet=True)
    living.rollback(C, to="R1", check=True, repair=True, yes=True, verbose=True)
    asked = {"wait_seconds": 5.0, "confirm": ASK, "rollback_on_probe_failure": True}
    back = {"check": True, "repair": True, "wait_seconds": 0.0, "confirm": None}
    assert session.calls == [("activate", (), asked), ("rollback", ("R1",), back)]
    assert session.said == ["what is live is told"] * 2
    assert session.opened == [
        {"verbose": False, "quiet": True},
        {"verbose": True, "quiet": False},
    ]
