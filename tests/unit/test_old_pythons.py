"""A host whose python3 is too old is told so in words, at no cost to the others (fleet C7)."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from fab_static.errors import RemoteError
from fab_static.plan import inventory
from fab_static.plan.wire import verbs
from fab_static.remote import Fleet
from fab_static.remote.channels import LocalChannel
from fab_static.remote.connection import SharedConnection

VERSIONS = Path.home() / ".pyenv" / "versions"


def fleet_with(python: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Fleet:
    """Return a fleet of one host over "SSH": what would run there runs here."""
    text = f"""\
app: shop
deploy_to: {folder}
hosts: {{web1: {{address: 127.0.0.1, roles: [build, static, web]}}}}
ssh: {{python: {python}}}
project: {{path: /srv/shop/code}}
"""
    monkeypatch.setattr(
        SharedConnection, "channel", lambda _self, command: LocalChannel(shlex.split(command))
    )
    return Fleet(inventory.parse(text, name="staging", source="staging.yml"))


def python(version: str) -> str:
    found = VERSIONS / version / "bin" / "python"
    if not found.exists():
        pytest.skip(f"no Python {version} here")
    return str(found)


@pytest.mark.parametrize("version", ["2.7.18", "3.6.15", "3.7.16"])
def test_a_python_that_is_too_old_is_named_with_its_version_and_the_cure(
    version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """(fleet C7)."""
    fleet = fleet_with(python(version), monkeypatch, tmp_path)
    with pytest.raises(RemoteError) as caught:
        fleet.hosts[0].ask(verbs.PING)
    assert caught.value.what == f"{python(version)} is {version}, 3.8 is needed"
    assert caught.value.where == "web1"
    assert caught.value.mend == (
        "install a later one there, and name it in the inventory: "
        "ssh: {python: /usr/bin/python3.11}"
    )
    fleet.close()


@pytest.mark.parametrize("version", ["3.8.18", "3.13.0"])
def test_the_agent_runs_in_the_interpreter_that_the_inventory_names(
    version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """(fleet C7)."""
    fleet = fleet_with(python(version), monkeypatch, tmp_path)
    fleet.hosts[0].ask(verbs.PING)
    assert fleet.hosts[0].hello["python"] == version
    fleet.close()


def test_an_interpreter_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fleet = fleet_with("/opt/none/python3", monkeypatch, tmp_path)
    monkeypatch.setattr(
        SharedConnection,
        "channel",
        lambda _self, command: LocalChannel(["/bin/sh", "-c", command]),
    )
    with pytest.raises(RemoteError, match="/opt/none/python3 cannot be started: "):
        fleet.hosts[0].ask(verbs.PING)
    fleet.close()
