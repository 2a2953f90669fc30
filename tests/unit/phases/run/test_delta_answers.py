"""What static hosts send to who holds earlier bytes: the recorded delta, or the whole file, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.phases.run.browser import Answer
from fab_static.phases.run.delta_answers import Found, ask_as_who_returns, dictionary
from fab_static.plan.expectations import Expected, Keep
from fab_static.plan.release import Encoded
from tests.releases import file_of

OLD = b"let one = 1\n" * 500
NEW = OLD + b"let two = 2\n"
HELD = hashlib.sha256(OLD).hexdigest()
URL = "/static/a.js"
DCZ = {"content-encoding": "dcz"}


@pytest.fixture
def delta(tmp_path: Path) -> bytes:
    (tmp_path / "old").write_bytes(OLD)
    frame = subprocess.run(
        ["zstd", "-qcD", tmp_path / "old"], input=NEW, capture_output=True, check=True
    )
    return bytes.fromhex("5e2a4d1820000000" + HELD) + frame.stdout


def asked(answer: Answer, delta: bytes, *, lost: bool = False) -> tuple[Found, list[Any]]:
    """Return what was found where each request is answered so, and what was asked."""
    questions: list[Any] = []

    def get(url: str, **more: Any) -> Answer:
        questions.append((url, more))
        return answer

    recorded = Encoded(hashlib.sha256(delta).hexdigest(), len(delta))
    own = file_of(NEW).sha256
    file = dataclasses.replace(file_of(NEW), deltas={HELD: recorded, own: Encoded("e" * 64, 1)})
    wanted = {
        URL: Expected("a.js", file, Keep.SHORTLY),
        "/static/b.js": Expected("b.js", file_of(b"b"), Keep.SHORTLY),
    }
    build = SimpleNamespace(ask=lambda *_: ({}, b"lost" if lost else OLD))
    deploy: Any = SimpleNamespace(build=build, show=SimpleNamespace(warn=questions.append))
    browser: Any = SimpleNamespace(get=get)
    return ask_as_who_returns(deploy, browser, ["http://edge1"], wanted), questions


def test_a_file_with_a_delta_is_asked_for_as_a_returning_visitor_does(delta: bytes) -> None:
    found, questions = asked(Answer(200, DCZ, delta), delta)
    assert (found.answers, found.problems, found.whole) == (1, [], [])
    says = {"encoding": "dcz, gzip", "holds": dictionary(HELD)}
    assert questions == [(f"http://edge1{URL}", says)]


def test_a_whole_file_is_no_fault_and_is_told(delta: bytes) -> None:
    found, _ = asked(Answer(200, {}, NEW), delta)
    assert (found.problems, found.whole) == ([], [f"http://edge1{URL}"])


@pytest.mark.parametrize(
    ("status", "headers", "change", "problem"),
    [
        (404, {}, lambda _: b"", "answered 404"),
        (200, {}, lambda _: OLD, "bytes that are not the recorded"),
        (200, DCZ, lambda delta: delta[:-9], "its body is not a dcz"),
        (200, DCZ, lambda delta: delta + b"\x50\x2a\x4d\x18\0\0\0\0", "bytes that are not the recorded"),
        (200, {"content-encoding": "dcb"}, lambda delta: delta, "encoded as dcb, which was not asked"),
    ],
)  # fmt: skip
def test_what_is_neither_is_told(
    status: int, headers: dict[str, str], change: Any, problem: str, delta: bytes
) -> None:
    found, _ = asked(Answer(status, headers, change(delta)), delta)
    assert len(found.problems) == 1
    assert problem in found.problems[0]
    assert found.problems[0].startswith(f"http://edge1{URL} (dcz) ")


def test_a_recorded_delta_that_makes_other_bytes_is_told(delta: bytes) -> None:
    """The record of a build host whose disk is broken."""
    found, _ = asked(Answer(200, DCZ, delta), delta, lost=True)
    assert len(found.problems) == 1


def test_without_zstd_the_delta_is_compared_with_the_record(
    delta: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert asked(Answer(200, DCZ, delta), delta)[0].problems == []
    assert len(asked(Answer(200, DCZ, delta + b"1"), delta)[0].problems) == 1
