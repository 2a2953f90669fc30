"""What a recorded run would leave of another state of the static root, and how the operator is told of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fab_static.host.agent import replaying
from fab_static.host.agent.differences import patched
from fab_static.host.agent.transfer import put_object
from fab_static.host.project.reads import compared
from tests.unit.host.agent.agents import FakeAgent

FILES = {f"js/part{at}.js": [f"{at:064x}", at, "1a2b3c4"] for at in range(200)}


@pytest.fixture
def agent(tmp_path: Path) -> FakeAgent:
    return FakeAgent(tmp_path)


def keep(agent: FakeAgent, files: dict[str, list[object]]) -> tuple[str, bytes]:
    data = json.dumps({"files": files, "extra": {}}, sort_keys=True).encode()
    return put_object(agent, {}, data)[0]["object"], data  # type: ignore[arg-type]


def test_a_replayed_listing_is_told_as_its_difference_to_what_the_phase_would_be_given(
    agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator has that one: over a slow line nearly the same would come again for each phase."""
    now, given = keep(agent, FILES)
    made = {"files": {**FILES, "CACHE/output.js": ["f" * 64, 7, "89abcde"]}, "extra": {}}
    monkeypatch.setattr(compared, "replayed", lambda *_: (made, None))
    monkeypatch.setattr(replaying, "read_record", lambda _: {"token": "t", "inside": {"parts": {}}})
    head = {"name": "compress", "token": "t", "root": "/", "keep": True}
    head.update(was=now, left=now, now=now)
    answer, told = replaying.replay(agent, head, b"")  # type: ignore[arg-type]
    text = patched(given, told, 1 << 20)
    assert json.loads(text) == made
    assert keep(agent, made["files"])[0] == answer["listing"]
    assert len(told) < len(given) / 20


def test_who_only_looks_keeps_no_listing(agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    now, _ = keep(agent, FILES)
    monkeypatch.setattr(compared, "replayed", lambda *_: ({"files": {}, "extra": {}}, None))
    monkeypatch.setattr(replaying, "read_record", lambda _: {"token": "t", "inside": {"parts": {}}})
    head = {"name": "compress", "token": "t", "root": "/", "keep": False}
    head.update(was=now, left=now, now=now)
    answer, _ = replaying.replay(agent, head, b"")  # type: ignore[arg-type]
    assert not Path(agent.host.object(answer["listing"])).exists()
