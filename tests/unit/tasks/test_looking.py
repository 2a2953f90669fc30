"""The tasks that look: what they ask the session, print, and end with."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from fab_static.errors import InventoryError
from fab_static.looking import status as looking_status
from fab_static.report import found, status
from fab_static.tasks import looking, printing
from fab_static.tasks.ours import versions
from tests.unit.tasks.sessions import Session

C = Context()
TASKS: list[tuple[Any, dict[str, Any], tuple[str, tuple[Any, ...], dict[str, Any]], str]] = [
    (looking.plan, {"project_path": "/x"}, ("plan", (), {"project_path": "/x"}), "show_plan"),
    (looking.status, {}, ("status", (), {}), "show_status"),
    (looking.releases, {}, ("releases", (), {}), "show_releases"),
    (looking.diff, {"old": "R1"}, ("diff", ("R1", None), {}), "show_difference"),
    (looking.check, {}, ("check", (), {}), "show_findings"),
    (looking.why, {"url": "/a.js"}, ("why", ("/a.js",), {}), "show_why"),
]
NAMES = [task.name for task, *_ in TASKS]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    made = Session()
    made.answers["check"] = []
    for module in (looking, printing):
        monkeypatch.setattr(module, "task_session", made.task)
    monkeypatch.setattr(printing, "terminal_for", lambda secrets: ("terminal", secrets))
    monkeypatch.setattr(looking_status, "agreement", lambda _: "agreed")
    return made


@pytest.mark.parametrize(("task", "options", "call", "shows"), TASKS, ids=NAMES)
def test_what_is_found_is_shown_in_words(
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    task: Any,
    options: dict[str, Any],
    call: Any,
    shows: str,
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(
        status if shows == "show_status" else found, shows, lambda *words: shown.append(words)
    )
    task(C, **options)
    assert session.calls == [call]
    assert shown == [(("terminal", session.hidden), session.answers.get(call[0]))]


@pytest.mark.parametrize(("task", "options", "call", "shows"), TASKS, ids=NAMES)
def test_json_alone_stands_on_standard_output_and_words_go_elsewhere(
    session: Session,
    capsys: pytest.CaptureFixture[str],
    task: Any,
    options: dict[str, Any],
    call: Any,
    shows: str,
) -> None:
    said = {"of": shows, "by": "tiger-tiger", "in_release": True}
    session.answers[call[0]] = [] if call[0] == "check" else said
    task(C, json=True, **options)
    assert session.opened == [{"as_json": True}]
    printed = json.loads(capsys.readouterr().out)
    assert printed == ([] if call[0] == "check" else {**said, "by": "[PASSWORD]"})


@pytest.mark.parametrize(("word", "code"), [("silent", 1), ("disagree", 5)])
def test_status_ends_with_what_hosts_agree_on(
    session: Session, monkeypatch: pytest.MonkeyPatch, word: str, code: int
) -> None:
    monkeypatch.setattr(looking_status, "agreement", lambda _: word)
    with pytest.raises(Exit) as caught:
        looking.status(C, json=True)
    assert caught.value.code == code


def test_a_check_fails_where_something_needs_mending(session: Session) -> None:
    session.answers["check"] = [{"ok": True}, {"ok": False}]
    with pytest.raises(Exit) as caught:
        looking.check(C, json=True)
    assert caught.value.code == 1


def test_why_fails_for_a_path_that_no_kept_release_has(session: Session) -> None:
    session.answers["why"] = {"path": "nope.png", "in_release": False, "releases": []}
    with pytest.raises(Exit) as caught:
        looking.why(C, "/static/nope.png", json=True)
    assert caught.value.code == 1
    session.answers["why"]["releases"] = ["R1"]  # its pages still get it
    looking.why(C, "/static/nope.png", json=True)


def test_why_fails_for_a_key_that_no_manifest_has_and_no_template_asks_for(
    session: Session,
) -> None:
    asked = {"template": "page.html"}
    for known, is_known in (
        ({}, False),
        ({"releases": {"R1": ""}}, True),
        ({"asked_by": [asked]}, True),
    ):
        session.answers["why"] = {
            "key": "0" * 12,
            "in_release": False,
            "releases": {},
            "asked_by": [],
            **known,
        }
        if is_known:
            looking.why(C, "0" * 12, json=True)
            continue
        with pytest.raises(Exit) as caught:
            looking.why(C, "0" * 12, json=True)
        assert caught.value.code == 1


def test_a_check_says_its_versions_as_it_says_what_it_finds(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a pipe that line alone had a time."""
    session.answers["check"] = [{"ok": True}]
    monkeypatch.setattr(found, "show_findings", lambda *_: None)
    looking.check(C)
    assert capsys.readouterr().out == f"{versions()}\n"


@pytest.mark.parametrize("opens", [False, True])
def test_a_report_is_named_and_opened_where_that_is_asked_for(
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    opens: bool,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(looking, "webbrowser", SimpleNamespace(open=opened.append))
    session.answers["report"] = Path("/state/run.html")
    looking.report(C, release="R1", open=opens)
    assert session.calls == [("report", ("R1",), {})]
    assert capsys.readouterr().out == "/state/run.html\n"
    assert opened == ["file:///state/run.html"] * opens


def test_the_page_over_all_runs_is_named(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    session.answers["report_index"] = Path("/state/index.html")
    looking.report(C, index=True)
    assert session.calls == [("report_index", (), {})]
    assert capsys.readouterr().out == "/state/index.html\n"
    with pytest.raises(InventoryError) as refused:
        looking.report(C, release="R1", index=True)
    assert str(refused.value) == (
        "the page over all runs is of no single release\n"
        "  where: report --index\n"
        "  mend:  leave out R1, or --index"
    )


HOLDER = {"owner": "ben@laptop", "phase": "compress", "silent_seconds": 3.2}


@pytest.mark.parametrize(
    ("holder", "steal", "told"),
    [
        (None, False, "nobody holds the lock"),
        (
            HOLDER,
            False,
            "the lock is held by ben@laptop, at compress, last heard of 3 seconds ago",
        ),
        (
            HOLDER,
            True,
            "the lock was taken from ben@laptop, at compress, last heard of 3 seconds ago",
        ),
    ],
)
def test_unlock_says_who_holds_the_lock_or_held_it(
    session: Session, holder: Any, steal: bool, told: str
) -> None:
    session.answers["unlock"] = holder
    looking.unlock(C, steal=steal, because="he left")
    assert session.calls == [("unlock", (), {"steal": steal, "because": "he left"})]
    assert session.said == [told]
