"""What `fab`'s own options and a fabric.yml say of SSH: honoured, or refused with a word."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.errors import InventoryError
from fab_static.plan.inventory import Environment, Given, Host, Project, Ssh
from fab_static.tasks import fabric_settings
from fab_static.tasks.fabric_settings import given_by, with_given, with_passphrase

ROOT = Path(__file__).resolve().parents[3]
FAB = Path(sys.executable).parent / "fab"
# lines that ssh reads, and that end Paramiko's reader
UNREADABLE = b"# caf\xe9\nMatch host=web1\n  User anna\nMatch final all\n  User bob\n"


@pytest.mark.parametrize(
    ("config", "given"),
    [
        ({}, Given()),
        ({"connect_kwargs": {"key_filename": "/keys/one"}}, Given(key_files=("/keys/one",))),
        ({"connect_kwargs": {"key_filename": ["/a", "/b"]}}, Given(key_files=("/a", "/b"))),
        ({"connect_kwargs": {"passphrase": "open"}}, Given(passphrase="open")),
        ({"connect_kwargs": {"password": "open"}}, Given(password="open")),
        ({"connect_kwargs": {"timeout": 3}}, Given(connect_timeout=3.0)),
        ({"timeouts": {"connect": 4}}, Given(connect_timeout=4.0)),
        ({"connect_kwargs": {"allow_agent": False}}, Given(allow_agent=False)),
        ({"connect_kwargs": {"look_for_keys": False}}, Given(look_for_keys=False)),
        ({"connect_kwargs": {"compress": True}}, Given(compress=True)),
        ({"ssh_config_path": "/team/config"}, Given(config_file="/team/config")),
        ({"load_ssh_configs": False}, Given(config_file="none")),
        ({"user": getpass.getuser(), "port": 22}, Given()),  # as Fabric has them by itself
        ({"user": "ada-of-fabric", "port": 2222}, Given(user="ada-of-fabric", port=2222)),
        (
            {"connect_kwargs": {"disabled_algorithms": {"kex": ["a"]}}},
            Given(disabled_algorithms={"kex": ("a",)}),
        ),
    ],
)
def test_what_fabric_was_told_is_honoured(config: dict[str, Any], given: Given) -> None:
    assert given_by(config) == given


@pytest.mark.parametrize(
    ("config", "what", "mend"),
    [
        ({"connect_kwargs": {"pkey": object()}}, "pkey is not followed", "ssh.identity"),
        ({"connect_kwargs": {"sock": object()}}, "sock is not followed", "ProxyCommand"),
        ({"connect_kwargs": {"gss_auth": True}}, "gss_auth is not followed", "take it out"),
        ({"connect_kwargs": {"banner_timeout": 3}}, "banner_timeout", "ssh.connect_timeout"),
        ({"gateway": "bastion"}, "gateway is not followed", "ssh: {gateway: HOST}"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_a_word(
    config: dict[str, Any], what: str, mend: str
) -> None:
    with pytest.raises(InventoryError, match=what) as caught:
        given_by(config)
    assert mend in caught.value.mend


HOST = Host("web1", "web1", ("build", "static", "web"))


def environment_of(*hosts: Host, **ssh: Any) -> Environment:
    return Environment("staging", "shop", "/srv", hosts, Project("/srv/code"), Ssh(**ssh))


@pytest.mark.parametrize(
    ("given", "what", "mend"),
    [
        (Given(user="ada"), "user: ada is not followed", "ssh: {user: ada}"),
        (Given(port=2222), "port: 2222 is not followed", "with each host: port: 2222"),
    ],
)
def test_a_user_and_a_port_of_a_fabric_yml_are_refused_where_the_inventory_is_silent(
    given: Given, what: str, mend: str
) -> None:
    """A deploy logged in as somebody else, and did not say so."""
    with pytest.raises(InventoryError, match=what) as caught:
        with_given(environment_of(HOST), given)
    assert caught.value.mend == f"name it in the inventory: {mend}"


@pytest.mark.parametrize(
    "environment",
    [
        environment_of(replace(HOST, port=22), user="eve"),
        environment_of(replace(HOST, port=22, user="eve")),
        environment_of(replace(HOST, port=22, address="eve@web1")),
        environment_of(replace(HOST, local=True)),
    ],
)
def test_what_the_inventory_says_stands_over_a_fabric_yml(environment: Environment) -> None:
    """It may be there for tasks of the team's own."""
    given = Given(user="ada", port=2222)
    assert with_given(environment, given).ssh.given == given


def test_no_passphrase_shows_itself() -> None:
    assert "open" not in repr(Given(passphrase="open", password="open"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inventories").mkdir()
    shutil.copy(ROOT / "fabfile.py", tmp_path)
    (tmp_path / "inventories" / "here.yml").write_text(
        f"app: shop\ndeploy_to: {tmp_path}/static\n"
        "hosts:\n  here: {local: true, roles: [build, static, web]}\n"
        f"project: {{path: {tmp_path}/code}}\n"
    )
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_bytes(UNREADABLE)
    return tmp_path


@pytest.mark.parametrize("words", [["--list"], ["here", "status"]])
def test_what_paramiko_cannot_read_ends_no_task_of_ours(folder: Path, words: list[str]) -> None:
    """`fab` itself reads ~/.ssh/config, and a fleet of this machine alone died with it (fleet B)."""
    ran = subprocess.run(
        [FAB, *words],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ran.stderr
    assert ran.returncode == 0, ran.stderr


def test_a_task_of_somebody_else_is_told_what_fabric_cannot_read(folder: Path) -> None:
    with (folder / "fabfile.py").open("a") as file:
        file.write(
            "from invoke import task\n@task\ndef mine(c):\n    print('mine')\nnamespace.add_task(mine)\n"
        )
    ran = subprocess.run(
        [FAB, "mine"],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "mine" not in ran.stdout


# ---- ssh.ask_passphrase


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions that were asked, on a terminal."""
    questions: list[str] = []
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr(fabric_settings.sys, "stdin", terminal)
    monkeypatch.setattr(
        fabric_settings.getpass, "getpass", lambda prompt: (questions.append(prompt), "secret")[1]
    )
    return questions


def environment(folder: Path, **ssh: Any) -> Any:
    import json

    from fab_static.plan import inventory

    text = {
        "app": "shop",
        "deploy_to": "/srv/static",
        "hosts": {"web1": {"address": "127.0.0.1", "roles": ["build", "static", "web"]}},
        "ssh": ssh,
        "project": {"path": "/srv/code"},
    }
    return inventory.parse(json.dumps(text), name="staging", source="staging.yml")


def key(folder: Path, passphrase: str) -> str:
    path = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path], check=True)
    return str(path)


def test_a_passphrase_is_asked_for_once_where_the_team_wants_that(
    tmp_path: Path, asked: list[str]
) -> None:
    identity = key(tmp_path, "secret")
    found = with_passphrase(environment(tmp_path, identity=identity, ask_passphrase=True))
    assert asked == [f"Passphrase of {identity}: "]
    assert found.ssh.given.passphrase == "secret"


@pytest.mark.parametrize(
    ("passphrase", "ssh"), [("secret", {"ask_passphrase": False}), ("", {"ask_passphrase": True})]
)
def test_no_passphrase_is_asked_for_without_need_or_leave(
    tmp_path: Path, asked: list[str], passphrase: str, ssh: dict[str, bool]
) -> None:
    found = with_passphrase(environment(tmp_path, identity=key(tmp_path, passphrase), **ssh))
    assert asked == []
    assert found.ssh.given.passphrase is None


def test_nobody_is_asked_where_there_is_no_terminal(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fabric_settings.sys, "stdin", SimpleNamespace(isatty=lambda: False))
    wanted = environment(tmp_path, identity=key(tmp_path, "secret"), ask_passphrase=True)
    assert with_passphrase(wanted) == wanted
    assert asked == []
