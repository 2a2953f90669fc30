"""An agent for each test."""

import pytest

from tests.unit.host.agent.agents import FakeAgent
from tests.unit.host.agent.rooms import replace


@pytest.fixture
def root(tmp_path):
    return tmp_path / "deploy_to"


@pytest.fixture
def agent(root):
    return FakeAgent(root)


@pytest.fixture(autouse=True)
def short_watch(monkeypatch):
    replace(monkeypatch, "LOCK_WATCH_SECONDS", 0.05)
