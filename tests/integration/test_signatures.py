"""Signed releases go live and roll back; no other does, whoever asks. Keys are rotated by the commands of the docs."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from fab_static.host.agent.protocol import RECORD
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.store import Host
from fab_static.plan.archive import BESIDE, END, header, padding
from tests.documented import fences
from tests.integration.conftest import FAB, write_tiny
from tests.unit.host.agent.agents import ALL as ROLES
from tests.unit.host.agent.agents import FakeAgent, flip
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
    assert "here trusts the signers of this inventory now" in desk.fab("verify")
    desk.write(sign_with=str(second), allowed_signers=str(allow(tmp_path, second)))
    latest = desk.deploy("c {}")
    assert desk.live() == latest
    assert "is signed by none of the allowed signers" in desk.fab("rollback", code=1)
    assert desk.live() == latest


def test_a_wrong_key_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    anna, other = key(tmp_path, "anna"), key(tmp_path, "other")
    desk.write(sign_with=str(other), allowed_signers=str(allow(tmp_path, anna)))
    for words in (["deploy"], ["prepare"], ["sign"], ["seal"]):
        assert f"what {other} signs goes live nowhere" in desk.fab(*words, code=2)
    assert not (tmp_path / "static").exists()


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


STATEMENT = "release.intoto.json"


def stripped(archive: Path) -> None:
    """Take the statement out of an archive, as somebody does who knows what its first member says."""
    members = {}
    with tarfile.open(archive) as whole:
        for one in whole.getmembers():
            file = whole.extractfile(one)
            assert file
            members[one.name] = file.read()
    del members[STATEMENT]
    marker = members["fab_static-release"]
    members["fab_static-release"] = re.sub(rb'"statement": "\w+"', b'"statement": null', marker)
    archive.write_bytes(
        b"".join(
            header(name, len(data)) + data + padding(len(data)) for name, data in members.items()
        )
        + END
    )


def test_a_release_that_lost_its_statement_goes_live_nowhere(tmp_path: Path) -> None:
    """Not from an archive, not from a store, by no way back; until a signer vouches for it as it is."""
    desk = Desk(tmp_path)
    anna = key(tmp_path, "anna")
    trust = {"sign_with": str(anna), "allowed_signers": str(allow(tmp_path, anna))}
    desk.write(**trust)
    first, second = desk.deploy("a {}"), desk.deploy("b {}")
    archive = tmp_path / "shop.release"
    desk.fab("export", first, "--out", str(archive))
    stripped(archive)
    lost = f"if {STATEMENT} was beside it, it was taken away"
    assert lost in desk.fab("prepare", "--from", str(archive), code=1)

    kept = desk.folder / "static" / "releases" / first / STATEMENT
    text = kept.read_bytes()
    kept.unlink()
    for words in (["--check"], [], ["--repair"], ["--to", first]):
        assert lost in desk.fab("rollback", *words, code=1)
    desk.write()  # an operator who knows nothing of signatures
    for words in ([], ["--repair"]):
        assert f"release {first} is signed by nobody whom this host trusts" in desk.fab(
            "rollback", *words, code=1
        )
    assert desk.live() == second

    kept.write_bytes(text)
    desk.fab("rollback")
    assert desk.live() == first
    kept.unlink()
    desk.write(**trust)
    assert "without a statement on how it was built" in desk.fab("sign", first)
    desk.fab("rollback", "--to", second)
    desk.fab("rollback", "--to", first)
    assert desk.live() == first


VERIFY = [(page, text) for page, text in fences("") if "ssh-keygen -Y verify" in text]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an archive that ci@example.com signed, and the list of those who may."""
    folder = tmp_path_factory.mktemp("shipped")
    desk, ci = Desk(folder), key(folder, "ci")
    desk.write(sign_with=str(ci), allowed_signers=str(allow(folder, ci)))
    desk.fab("prepare", "export", "--out", str(folder / "shop.release"))
    return folder


@pytest.mark.parametrize("page", ["archives.md", "SECURITY.md"])
def test_common_tools_verify_what_an_archive_says(shipped: Path, page: str) -> None:
    """The commands of the page; with a byte of the statement changed, they fail."""
    (command,) = [text for found, text in VERIFY if found == page]
    shell = ["bash", "-euo", "pipefail", "-c"]
    ran = subprocess.run([*shell, command], cwd=shipped, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert 'Good "fab_static" signature for ci@example.com' in ran.stdout
    statement = shipped / STATEMENT
    statement.write_bytes(statement.read_bytes().replace(b"collectstatic", b"collectstatik"))
    _, check = command.split("\n", 1)
    assert subprocess.run([*shell, check], cwd=shipped, capture_output=True).returncode


def test_common_tools_verify_the_objects_of_an_archive(shipped: Path) -> None:
    (command,) = [text for page, text in fences("") if "find objects" in text]
    shell = ["bash", "-euo", "pipefail", "-c"]
    ran = subprocess.run([*shell, command], cwd=shipped, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    one = next(path for path in (shipped / "objects").rglob("*") if path.is_file())
    one.write_bytes(b"other")
    _, check = command.split("\n", 1)
    assert subprocess.run([*shell, check], cwd=shipped, capture_output=True).returncode


# ---- one byte of an archive, on a host: the operator checks nothing, and there is no network


class Parts:
    """What an archive brings to a host: each member's name, and its bytes.

    The newline at the end of a signature is left out: no part of what it says, and ssh-keygen takes any byte there.
    """

    def __init__(self, archive: Path) -> None:
        with tarfile.open(archive) as whole:
            self.all = {one.name: _data(whole, one) for one in whole.getmembers()}
        signature = BESIDE["signature"]
        self.all[signature] = self.all[signature].rstrip()
        self.release = json.loads(self.all["release.json"])["id"]

    def altered(self, dice: random.Random) -> dict[str, bytes]:
        """Return all with one byte changed, at a random place of what a host gets."""
        brought = [name for name in self.all if name != "fab_static-release"]
        at = dice.randrange(sum(len(self.all[name]) for name in brought))
        for name in brought:
            data = self.all[name]
            if at < len(data):
                other = data[at] ^ dice.randrange(1, 256)
                return {**self.all, name: data[:at] + bytes([other]) + data[at + 1 :]}
            at -= len(data)
        raise AssertionError


def _data(whole: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = whole.extractfile(member)
    assert file
    return file.read()


def brought(agent: FakeAgent, release: str, parts: dict[str, bytes]) -> None:
    """Have a host take a release, and flip to it: as an operator does who believes all that he reads."""
    objects = {Path(name).name: data for name, data in parts.items() if "objects/" in name}
    pack = b"".join(
        RECORD.pack(bytes.fromhex(sha256), len(data)) + data for sha256, data in objects.items()
    )
    agent.frames.extend([({"pack": "plain", "raw": len(pack)}, pack), ({"end": True}, b"")])
    agent.do("store")
    beside = {what: parts[name].decode("latin-1") for what, name in BESIDE.items()}
    agent.do("build_release", parts["release.json"], roles=[*ROLES], anew=True, **beside)
    flip(agent, release)


def test_each_change_of_one_byte_is_refused_on_a_host_whoever_brings_it(
    shipped: Path, tmp_path: Path
) -> None:
    """At a thousand random places of what a host gets: the seal, its signature, the statement, the objects."""
    parts, dice = Parts(shipped / "shop.release"), random.Random(20)
    agent = FakeAgent(tmp_path / "deploy_to")
    agent.host = Host(str(tmp_path / "deploy_to"), "tiny", "staging")
    trusted = (shipped / "allowed_signers").read_bytes()
    agent.do("trust", trusted, size=len(trusted), signature=None)
    for _ in range(1000):
        with pytest.raises((RefusedError, ValueError)):  # ValueError: it is no JSON, or no text
            brought(agent, parts.release, parts.altered(dice))
        agent.frames.clear()
        assert agent.host.live() is None
    brought(agent, parts.release, parts.all)
    assert agent.host.live() == parts.release
