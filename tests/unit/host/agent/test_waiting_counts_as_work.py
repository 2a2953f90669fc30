"""What waits for the disk or another program takes no time of the CPU, and is no hang for all that."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from pathlib import Path

import pytest

from fab_static.host.agent import waiting
from fab_static.host.agent.copies import brotlied
from fab_static.host.agent.disk import to_disk
from fab_static.host.agent.work import Work
from tests.processes import becomes
from tests.unit.host.agent.agents import FakeAgent
from tests.unit.host.agent.rooms import replace


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    replace(monkeypatch, "TICK_SECONDS", 0.01)


def until_steps_are_counted() -> None:
    """Wait, as a slow disk does, until somebody was told that the work goes on."""
    begun = Work.steps
    assert becomes(lambda: Work.steps > begun + 2)


def test_a_slow_disk_is_not_taken_for_a_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was given up after two minutes, in the middle of a deploy."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    monkeypatch.setattr(os, "sync", until_steps_are_counted)
    to_disk(FakeAgent(tmp_path).host)


def test_a_large_file_in_the_hands_of_brotli_is_not_taken_for_a_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quality 11 takes minutes for it, in another process."""
    program = tmp_path / "bin" / "brotli"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\ncat >/dev/null\nwhile [ ! -e {tmp_path}/go ]; do sleep 0.05; done\necho copy\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    begun, go = Work.steps, tmp_path / "go"
    real = waiting.waiting

    class Seen:
        def __enter__(self) -> None:
            self.inner = real()
            self.inner.__enter__()
            assert becomes(lambda: Work.steps > begun + 2)
            go.touch()

        def __exit__(self, *error: object) -> None:
            self.inner.__exit__(*error)

    replace(monkeypatch, "waiting", Seen)
    assert brotlied(b"x" * 1000) == b"copy\n"


def test_what_hangs_for_ever_is_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    replace(monkeypatch, "WAITED_SECONDS", 0.05)
    others = {*threading.enumerate()}
    with waiting.waiting():
        assert becomes(lambda: {*threading.enumerate()} <= others)


def test_no_step_is_counted_once_it_is_over() -> None:
    with waiting.waiting():
        until_steps_are_counted()
    steps = Work.steps
    time.sleep(0.1)
    assert Work.steps == steps
