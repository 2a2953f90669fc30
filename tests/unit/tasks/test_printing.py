"""What is printed because it was asked for, and what is asked before anything goes live."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.errors import FabStaticError
from fab_static.report import found
from fab_static.tasks import printing

NEW = {"new": "R2"}


def session(*, confirm: bool = True) -> Any:
    environment = SimpleNamespace(name="production", confirm=confirm)
    return SimpleNamespace(hidden={"PASSWORD": "tiger-tiger"}, environment=environment)


class Failing(io.StringIO):
    """A stream whose reader went away, or whose disk is full."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))


def test_json_holds_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    printing.print_json({"a": ["is tiger-tiger"]}, session())
    assert json.loads(capsys.readouterr().out) == {"a": ["is [PASSWORD]"]}


def test_a_reader_who_went_away_has_what_he_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Failing(errno.EPIPE))
    printing.print_text("x\n")


@pytest.mark.parametrize(
    ("stream", "why"),
    [(Failing(errno.ENOSPC), "No space left on device"), (None, "it is closed")],
)
def test_what_cannot_be_printed_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, stream: Any, why: str
) -> None:
    """A script that reads the JSON of half a status would believe it."""
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(FabStaticError) as caught:
        printing.print_text("x\n")
    assert caught.value.what == f"standard output cannot be written: {why}"


# ---- is it to go live?


def asked(monkeypatch: pytest.MonkeyPatch, answer: Any, stdout: Any = None) -> tuple[bool, str]:
    """Return what the operator's answer means, and all that he was shown."""
    shown = stdout or io.StringIO()
    monkeypatch.setattr(found, "show_difference", lambda _, one: shown.write(f"{one}\n"))
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer) if isinstance(answer, str) else answer)
    ask = printing.confirmation(session(), yes=False)
    assert ask is not None
    return ask(NEW), shown.getvalue()


@pytest.mark.parametrize(
    ("answer", "means"),
    [("y\n", True), (" YES \n", True), ("n\n", False), ("\n", False), ("", False), (None, False)],
)
def test_only_a_yes_makes_it_live(
    monkeypatch: pytest.MonkeyPatch, answer: str | None, means: bool
) -> None:
    assert asked(monkeypatch, answer)[0] is means


def test_the_question_names_what_goes_live_where_below_what_it_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, shown = asked(monkeypatch, "y\n")
    assert shown == "{'new': 'R2'}\n\nmake R2 live on production? [y/N] "


def test_who_cannot_be_shown_the_question_has_not_said_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            if "[y/N]" in text:
                raise OSError(errno.ENOSPC, "full")
            return super().write(text)

    assert asked(monkeypatch, "y\n", Full())[0] is False


def test_nobody_is_asked_where_the_inventory_or_the_operator_says_so() -> None:
    assert printing.confirmation(session(), yes=True) is None
    assert printing.confirmation(session(confirm=False), yes=False) is None
