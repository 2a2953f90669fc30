"""Another account of a host writes where we deploy: it orders nothing (fleet D4)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import Operator

NOBODY = 65534


def as_nobody(path: Path, text: str) -> None:
    """Write a file as another account of the host does."""
    subprocess.run(
        ["sh", "-c", f"rm -f {path}; cat > {path}"], input=text, text=True, user=NOBODY, group=NOBODY,
        extra_groups=[], check=True,
    )  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another account")
def test_what_another_account_writes_there_runs_nothing_and_points_nowhere(
    tiny: Operator, tmp_path: Path
) -> None:
    """(fleet D4)."""
    first = str(tiny.live())
    tiny.fab("deploy", "--rebuild")
    web1, build1 = (tiny.fleet.hosts[name].static for name in ("web1", "build1"))
    for folder in (*web1.parents, *build1.parents):
        if folder != Path("/") and folder.stat().st_uid == 0:
            folder.chmod(folder.stat().st_mode | 0o055)
    evil = tmp_path / "evil"
    for root in (web1, build1):
        root.chmod(0o777)
        note = {"release": first, "current": first, "previous": None, "back": True, "at": 1,
                "links": {str(evil): "/etc/passwd"}, "manifest": str(evil), "format": 1,
                "reload": f"touch {evil}", "entry": {"by": "mallory"}}  # fmt: skip
        as_nobody(root / "provisional.json", json.dumps(note))
    seal = {"ran": 99, "seconds": 1, "project_path": str(tmp_path), "release": first}
    as_nobody(
        build1 / "journal.json",
        json.dumps({"format": 1, "release": first, "phases": {"seal": seal}}),
    )
    told = tiny.fab("status").stdout
    assert "web1: provisional.json belongs to " in told
    assert "build1: journal.json belongs to " in told
    tiny.fab("deploy")
    assert tiny.live()
    tiny.fab("rollback", "--to", first)
    assert tiny.live() == first
    assert not os.path.lexists(evil)
    assert not (web1 / "provisional.json").exists()
    doctor = tiny.fab("check", code=1)
    assert "every account may write" in doctor.stdout
