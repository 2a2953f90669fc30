"""What the project answered counts while it would read the same; else it is asked anew, where that is wanted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fab_static.host.agent import commands, recalling
from tests.unit.host.agent.agents import FakeAgent

HEAD = {"name": "settings-0123456789abcdef", "folder": "/srv/code", "environment": {"A": "1"}}
ANEW = {"command": ["python3", "-"], "folder": None, "environment": {}, "timeout": 9}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The orders of commands that ran."""
    orders: list[dict[str, Any]] = []

    def run(_agent: Any, order: dict[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
        orders.append(order)
        return {"code": 3}, b""

    monkeypatch.setattr(commands, "run", run)
    return orders


def recalled(folder: Path, why: str | None, monkeypatch: pytest.MonkeyPatch, **head: Any) -> Any:
    path = folder / "recorded" / HEAD["name"]
    path.parent.mkdir()
    path.write_text("{}")
    record = {"token": "t", "answer": json.dumps({"static_url": "/static/"})}
    monkeypatch.setattr(recalling, "read_record", lambda _path: record)
    monkeypatch.setattr(recalling, "why_not", lambda *_: why)
    return recalling.recall(FakeAgent(folder), {**HEAD, **head}, b"")  # type: ignore[arg-type]


def test_what_would_read_the_same_runs_nothing(tmp_path, monkeypatch, ran) -> None:
    head, body = recalled(tmp_path, None, monkeypatch, anew=ANEW)
    assert (head, json.loads(body)) == ({"token": "t"}, {"static_url": "/static/"})
    assert ran == []


def test_what_would_read_something_else_runs_again_where_it_was(tmp_path, monkeypatch, ran) -> None:
    head, body = recalled(tmp_path, "a.py has changed", monkeypatch, anew=ANEW)
    assert (head, body) == ({"why": "a.py has changed", "ran": {"code": 3}}, b"")
    (order,) = ran
    assert (order["folder"], order["environment"]) == ("/srv/code", {"A": "1"})


def test_who_only_looks_has_nothing_run(tmp_path, monkeypatch, ran) -> None:
    head, _ = recalled(tmp_path, "a.py has changed", monkeypatch)
    assert (head, ran) == ({"why": "a.py has changed"}, [])
