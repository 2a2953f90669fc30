"""Records of runs are kept for the runs to come; they do not fill a host's disk."""

from __future__ import annotations

import os
from pathlib import Path

from fab_static.host.agent import recorded
from tests.unit.host.agent.agents import FakeAgent


def test_the_records_used_least_recently_go(tmp_path: Path) -> None:
    """Each new release asks a question of its own: 64 records of 100 KB filled a disk of 12 MB."""
    agent = FakeAgent(tmp_path)
    folder = tmp_path / "recorded"
    folder.mkdir()
    for at in range(100):
        record = folder / f"coverage-{at:016x}"
        record.write_text("{}")
        os.utime(record, (at, at))
    head = {
        "record": {"name": "compress", "what": ["python3", "manage.py compress"]},
        "folder": str(tmp_path),
        "environment": {},
        "command": ["python3", "-"],
    }
    recorded.order_to_record(agent, head, "0123")  # type: ignore[arg-type]
    kept = {path.name for path in folder.iterdir()}
    assert kept == {f"coverage-{at:016x}" for at in range(68, 100)}
