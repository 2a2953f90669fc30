"""Signed releases go live and roll back; no other does, whoever asks. Keys are rotated by the commands of the docs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.integration.conftest import FAB, write_tiny
from tests.unit.signing import allow, key, revoke


class Desk:
    """One machine that is operator and host, with an inventory that changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = write_tiny(folder / "code")
        (folder / "inventories").mkdir()
        (folder / "fabfile.py").write_text("from fab_static import namespace\n")

    def write(self, *, reload: str | None = None, **release: Any) -> None:
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
            "web": {"confirm_timeout": 5, **({"reload": reload} if reload else {})},
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

    trust: dict[str, Any] = {
        "sign_with": str(first),
        "allowed_signers": str(allow(tmp_path, first)),
    }
    desk.write(reload="false", **trust)
    (desk.code / "assets" / "site.css").write_text("b {}")
    desk.fab("deploy", code=1)
    assert desk.live() == unsigned  # as if nobody had asked for signatures

    desk.write(**trust)
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


def test_a_key_that_was_lost_is_revoked_and_what_it_signed_comes_in_no_more(tmp_path: Path) -> None:
    """Though a line of the list still has it: not by an archive, and not by an operator who knows of no list."""
    desk = Desk(tmp_path)
    lost, other = key(tmp_path, "lost"), key(tmp_path, "other")
    allowed = str(allow(tmp_path, lost, other))
    desk.write(sign_with=str(lost), allowed_signers=allowed)
    stolen = desk.deploy("a {}")
    desk.fab("export", "--out", str(tmp_path / "shop.release"))

    revoked = {"allowed_signers": allowed, "revoked_keys": str(revoke(tmp_path, lost))}
    desk.write(sign_with=str(other), **revoked)
    latest = desk.deploy("b {}")
    assert "release.revoked_keys has the key" in desk.fab("rollback", code=1)
    told = desk.fab("prepare", "--from", str(tmp_path / "shop.release"), code=1)
    assert "release.revoked_keys has the key" in told
    desk.write()
    told = desk.fab("rollback", "--to", stolen, code=1)
    assert f"release {stolen} is signed by nobody whom this host trusts" in told
    assert desk.live() == latest
