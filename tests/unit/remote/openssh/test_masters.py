"""The connections of a run: each opened once, by the right keys, and again where the door says "not now"."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fab_static.plan.inventory import Environment
from fab_static.remote.openssh.masters import Masters
from fab_static.remote.ssh import doors
from fab_static.remote.ssh.hops import Way, Ways
from fab_static.remote.ssh.refusal import HopError
from tests.processes import becomes
from tests.unit.remote.openssh.conftest import FakeSsh
from tests.unit.remote.ssh.conftest import Reached

CONNECT = 'touch "$socket"; echo "debug1: Entering interactive session." >&2; exec sleep 60\n'
Opening = tuple[Masters, Way]


@pytest.fixture
def opening(reached: Reached, fake_ssh: FakeSsh) -> Iterator[Callable[..., Opening]]:
    """Return a function that gives the connections of a run, and the way to its host."""
    all_of_them: list[Masters] = []

    def begin(lines: str, config: str = "", **ssh: object) -> Opening:
        environment: Environment = reached(config, **ssh)
        way = Ways(environment).to(environment.hosts[0])
        fake_ssh(f'[ "$given" != -V ] || {{ echo OpenSSH_9.2p1 >&2; exit; }}\n{lines}')
        masters = Masters(environment, told.append)
        all_of_them.append(masters)
        masters.enter(masters)
        return masters, way

    told: list[str] = []
    begin.told = told  # type: ignore[attr-defined]
    yield begin
    for masters in all_of_them:
        masters.leave(masters)


def counted(tmp_path: Path) -> str:
    """Return lines of sh that count how often it is started, in $count."""
    return f"echo x >> {tmp_path}/count; count=$(grep -c x {tmp_path}/count)\n"


def count(tmp_path: Path) -> int:
    return len((tmp_path / "count").read_text().split())


def test_whoever_asks_at_the_same_time_shares_a_connection(
    opening: Callable[..., Opening], tmp_path: Path
) -> None:
    masters, way = opening(counted(tmp_path) + CONNECT)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(masters.to(way, None, masters)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in found}) == 1
    assert count(tmp_path) == 1


def test_one_that_has_ended_is_opened_anew(opening: Callable[..., Opening], tmp_path: Path) -> None:
    masters, way = opening(counted(tmp_path) + CONNECT)
    masters.to(way, None, masters).end()
    assert masters.to(way, None, masters).is_alive
    assert count(tmp_path) == 2


def test_a_door_that_says_not_now_is_tried_again(
    opening: Callable[..., Opening], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "FIRST_PAUSE", 0.001)
    busy = 'echo "kex_exchange_identification: Connection closed by remote host" >&2; exit 255'
    masters, way = opening(f"{counted(tmp_path)}[ $count -ge 3 ] || {{ {busy}; }}\n{CONNECT}")
    assert masters.to(way, None, masters).is_alive
    assert count(tmp_path) == 3


DENY = 'echo "anna@web1: Permission denied (publickey)." >&2; exit 255'


@pytest.mark.parametrize("agent", ["/nowhere/agent", "none"])
def test_the_agents_other_keys_are_shown_when_the_named_one_does_not_do(
    opening: Callable[..., Opening], tmp_path: Path, agent: str
) -> None:
    """A key of the inventory comes alone first: a server counts keys, and an agent may hold many."""
    key = tmp_path / "key.pub"
    key.write_text(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f a\n"
    )
    named_only = f"case $given in *IdentitiesOnly=yes*) {DENY};; esac\n"
    config = f"Host *\n  IdentityAgent {agent}\n"
    masters, way = opening(named_only + CONNECT, config, identity=str(key))
    if agent == "none":
        with pytest.raises(HopError, match="key"):
            masters.to(way, None, masters)
    else:
        assert masters.to(way, None, masters).is_alive


def test_a_gateway_that_refused_is_not_asked_again_for_each_host(
    opening: Callable[..., Opening], tmp_path: Path
) -> None:
    masters, way = opening(f"{counted(tmp_path)}{DENY}", gateway="gate")
    for _ in range(3):
        with pytest.raises(HopError):
            masters.to(way[:1], None, masters)
    assert count(tmp_path) == 1


def test_who_must_touch_a_key_is_told_so(opening: Callable[..., Opening]) -> None:
    accepted = 'echo "debug1: Server accepts key: my token ED25519-SK SHA256:x agent" >&2\n'
    masters, way = opening(accepted + CONNECT)
    masters.to(way, None, masters)
    told = opening.told  # type: ignore[attr-defined]
    assert becomes(lambda: told == ["web1 waits until somebody touches the security key my token"])


def test_a_connection_ends_with_its_last_user_and_the_folder_with_the_last_of_all(
    opening: Callable[..., Opening],
) -> None:
    """A host that takes no word is not waited for, whatever else is open."""
    masters, way = opening(CONNECT, gateway="gate")
    masters.enter("another")
    gate = masters.to(way[:1], None, masters)
    assert masters.to(way[:1], None, "another") is gate
    host = masters.to(way, gate, "another")
    masters.leave("another")
    assert not host.is_alive
    assert gate.is_alive
    masters.leave(masters)
    assert not gate.is_alive
    assert not gate.socket.parent.exists()
