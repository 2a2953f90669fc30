"""Signed releases go live and roll back; no other does, whoever asks. Keys are rotated by the commands of the docs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.integration.conftest import FAB, write_tiny
from tests.unit.signing import allow, key


class Desk:
    """One machine that is operator and host, with an inventory that changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = write_tiny(folder / "code")
        (folder / "inventories").mkdir()
        (folder / "fabfile.py").write_text("from fab_static import namespace\n")

    def write(self, **release: Any) -> None:
        inventory = {
            "app": "tiny",
            "deploy_to": str(self.folder / "static"),
            "hosts": {"here": {"local": True, "roles": ["build", "static", "web"]}},
            "project": {
                "path": str(self.code),
                "python": sys.executable,
                "settings": "tiny.settings",
            },
            "build": {"phases": ["collectstatic", "compress"]},
            "web": {"confirm_timeout": 5},
            **({"release": release} if release else {}),
        }
        path = self.folder / "inventories" / "staging.yml"
        path.write_text(yaml.safe_dump(inventory))

    def fab(self, *words: str, code: int = 0) -> str:
        ran = subprocess.run(
            [FAB, "staging", *words],
            cwd=self.folder,
            env={**os.environ, "XDG_STATE_HOME": str(self.folder / "state")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def deploy(self, text: str) -> str:
        (self.code / "assets" / "site.css").write_text(text)
        self.fab("deploy")
        return self.live()

    def live(self) -> str:
        return (self.folder / "static" / "current").readlink().name


def test_a_signed_fleet_from_its_first_deploy_to_a_new_key(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    first, second = key(tmp_path, "first"), key(tmp_path, "second")
    desk.write()
    unsigned = desk.deploy("a {}")

    desk.write(sign_with=str(first), allowed_signers=str(allow(tmp_path, first)))
    signed = desk.deploy("b {}")
    assert f"release {unsigned} is not signed" in desk.fab("rollback", "--check", code=1)
    assert f"fab staging sign {unsigned}" in desk.fab("rollback", code=1)
    desk.write()  # an operator who knows nothing of signatures
    assert f"release {unsigned} is not signed" in desk.fab("rollback", code=1)
    assert f"release {unsigned} is not signed" in desk.fab("rollback", "--repair", code=1)
    assert desk.live() == signed

    desk.write(sign_with=str(first), allowed_signers=str(allow(tmp_path, first)))
    desk.fab("sign", unsigned)
    desk.fab("rollback")
    assert desk.live() == unsigned

    desk.write(sign_with=str(first), allowed_signers=str(allow(tmp_path, first, second)))
    assert "trust the signers of this inventory now" in desk.fab("verify")
    desk.write(sign_with=str(second), allowed_signers=str(allow(tmp_path, second)))
    latest = desk.deploy("c {}")
    assert desk.live() == latest
    assert "is signed by none of the allowed signers" in desk.fab("rollback", code=1)
    assert desk.live() == latest
