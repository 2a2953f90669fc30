"""A signal at any line while a flip ends: the exit code is true to what is live (fleet A5)."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from fab_static import interruption
from fab_static.phases.activate import activate
from fab_static.phases.run.journal import Journal
from fab_static.phases.run.undoing import undo_on_failure
from tests.unit.site import NEW, OLD, TASK, Said, Site

ENDING = {
    activate.__code__,
    undo_on_failure.__wrapped__.__code__,  # type: ignore[attr-defined]
    contextlib._GeneratorContextManager.__exit__.__code__,
}


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in interruption.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Pressing:
    """Presses Ctrl-C at the nth line of `activate`, and of what ends its block, once all is confirmed."""

    def __init__(self, nth: int) -> None:
        self.begin(nth)

    def begin(self, nth: int) -> None:
        self.nth, self.lines, self.is_confirmed, self.is_over = nth, 0, False, False

    def confirmed(self) -> None:
        self.is_confirmed = True

    def trace(self, frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_code not in ENDING:
            return None
        if event == "line" and self.is_confirmed:
            self.lines += 1
            if self.lines == self.nth:
                interruption.answer(signal.SIGINT, frame)
        return self.trace


def test_a_signal_at_any_line_leaves_the_exit_code_and_the_journal_true(
    site: Site, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after the block it gave exit 1, and CloudFront was asked to forget the wrong bytes."""
    undone: list[bool] = []
    press = Pressing(0)
    plain = Journal.undone

    def note(journal: Journal) -> None:
        undone.append(press.is_confirmed and bool(journal.if_undone))
        plain(journal)

    rollback = TASK["rollback"]

    def ended(*given: Any, **options: Any) -> Any:
        try:
            return rollback(*given, **options)
        finally:
            press.is_over = True

    def sent_again(nth: int, number: int) -> None:
        # a program that has ended gets no signal; this one goes on, and a late timer is of the round before
        if nth == press.nth and not press.is_over:
            os.kill(os.getpid(), number)

    again = SimpleNamespace(kill=sent_again, getpid=lambda: press.nth)
    monkeypatch.setattr(interruption, "os", again)
    monkeypatch.setitem(TASK, "rollback", ended)
    monkeypatch.setattr(Journal, "undone", note)
    for nth in range(1, 60):
        before = site.live()["build1"]
        other = NEW if before == OLD else OLD
        press.begin(nth)
        site.hosts["build1"].after["confirm"] = press.confirmed
        undone.clear()
        sys.settrace(press.trace)
        try:
            code, text = said(to=other)
        finally:
            sys.settrace(None)
        live = set(site.live().values())
        assert (code, live) in [(1, {before}), (4, {other}), (0, {other})], (nth, text)
        assert any(undone) == (code == 1), (nth, text)
        if press.lines < nth:
            break
    assert nth > 3
