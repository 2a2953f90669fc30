"""A gateway is logged in on once, for all hosts behind it. The connections themselves are played."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fab_static.plan.inventory import Ssh
from fab_static.remote.ssh import shared
from fab_static.remote.ssh.asking import Asked
from fab_static.remote.ssh.hops import Hop, Way
from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.settings import Settings
from fab_static.remote.ssh.shared import NoWayError, SharedWays
from fab_static.workers import Workers


def hop(name: str, role: str = "") -> Hop:
    return Hop(Asked(name), Settings(name, name, 22, "anna", connect_timeout=0.01), role)


OUTER, INNER = hop("outer", "jump host"), hop("inner", "jump host")
WAYS: list[Way] = [(OUTER, INNER, hop(f"web{number}")) for number in range(8)]


class Transport:
    """A connection that is open until it is ended."""

    def __init__(self, hop: Hop) -> None:
        self.hop = hop
        self.is_open = True
        self.sock = None

    def is_active(self) -> bool:
        return self.is_open

    def close(self) -> None:
        self.is_open = False


class Net:
    """What was opened, in order; what refuses."""

    def __init__(self) -> None:
        self.opened: list[Transport] = []
        self.refused: list[str] = []  # each once
        self.refusing: dict[str, HopError] = {}
        self.waits: Callable[[], object] = lambda: None

    def names(self) -> list[str]:
        return [transport.hop.settings.alias for transport in self.opened]

    def reached(self, target: Hop, before: Transport | None, _gateway: Hop | None) -> str:
        if before is not None and not before.is_active():
            raise HopError("the connection to the gateway was cut", "see whether it runs")
        return target.settings.alias

    def open(self, target: Hop, *_: object) -> Transport:
        self.waits()
        name = target.settings.alias
        if name in self.refusing:
            self.refused.append(name)
            raise self.refusing[name]
        self.opened.append(Transport(target))
        return self.opened[-1]


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Net:
    net = Net()
    monkeypatch.setattr(shared, "opened", net.open)
    monkeypatch.setattr(shared, "reached", net.reached)
    return net


def all_opened(ways: SharedWays) -> list[Any]:
    """Open all ways at once; return the connections, or what was raised."""
    with Workers(len(WAYS), "test") as workers:
        futures = [workers.submit(ways.opened, way, str(way[-1].name)) for way in WAYS]
        return [future.exception(120) or future.result() for future in futures]


def test_each_gateway_of_a_chain_is_opened_once_for_all_hosts(net: Net) -> None:
    """Each host opened its own: 41 logins at one bastion, of which it let ten begin."""
    found = all_opened(SharedWays(Ssh()))
    assert sorted(net.names()) == sorted(["outer", "inner", *(way[-1].name for way in WAYS)])
    assert net.names()[:2] == ["outer", "inner"]
    assert {transport.hop for transport in found} == {way[-1] for way in WAYS}


def test_others_wait_while_a_gateway_is_being_opened(net: Net) -> None:
    all_here = threading.Barrier(2)
    is_first = threading.Lock()

    def wait() -> None:
        if is_first.acquire(blocking=False):
            all_here.wait(120)

    net.waits = wait
    ways = SharedWays(Ssh())
    with Workers(2, "test") as workers:
        futures = [workers.submit(ways.opened, way, way) for way in WAYS[:2]]
        assert not net.opened
        all_here.wait(120)
        for future in futures:
            future.result(120)
    assert net.names().count("outer") == 1


def test_a_gateway_that_refuses_is_asked_once_and_each_host_is_told(net: Net) -> None:
    net.refusing["inner"] = HopError("the host's key is not known", "add it")
    found = all_opened(SharedWays(Ssh()))
    assert net.refused == ["inner"]
    assert {type(error) for error in found} == {NoWayError}
    assert {(error.hop, error.refusal.what) for error in found} == {
        (INNER, "the host's key is not known")
    }


def test_a_gateway_that_refused_is_asked_again_later(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    net.refusing["outer"] = HopError("the host cannot be reached", "see whether it runs")
    ways = SharedWays(Ssh())
    with pytest.raises(NoWayError):
        ways.opened(WAYS[0], "one")
    monkeypatch.setattr(shared, "REFUSED_SECONDS", 0)
    net.refusing.clear()
    assert ways.opened(WAYS[0], "one").is_active()


def test_a_gateway_whose_connection_died_is_opened_anew(net: Net) -> None:
    ways = SharedWays(Ssh())
    ways.opened(WAYS[0], "one")
    net.opened[0].close()
    net.opened[1].close()
    assert ways.opened(WAYS[1], "two").is_active()
    assert net.names() == ["outer", "inner", "web0", "outer", "inner", "web1"]


@pytest.mark.parametrize(("deaths", "is_reached"), [(1, True), (2, False)])
def test_a_gateway_that_dies_while_a_host_is_opened_is_opened_anew_once(
    net: Net, monkeypatch: pytest.MonkeyPatch, deaths: int, is_reached: bool
) -> None:
    died: list[str] = []

    def dying(target: Hop, before: Transport | None, gateway: Hop | None) -> str:
        if before is not None and len(died) < deaths:
            died.append(before.hop.settings.alias)
            before.close()
        return net.reached(target, before, gateway)

    monkeypatch.setattr(shared, "reached", dying)
    with contextlib.nullcontext() if is_reached else pytest.raises(NoWayError, match="was cut"):
        SharedWays(Ssh()).opened((OUTER, hop("web1")), "one")
    assert net.names() == ["outer", "outer", *(["web1"] if is_reached else [])]


def test_the_gateways_are_closed_with_the_last_host(net: Net) -> None:
    ways = SharedWays(Ssh())
    hosts = [ways.opened(way, way) for way in WAYS[:2]]
    assert [transport.is_open for transport in net.opened[:2]] == [True, True]
    ways.left_by(WAYS[0])
    assert [transport.is_open for transport in net.opened[:2]] == [True, True]
    ways.left_by(WAYS[1])
    assert [transport.is_open for transport in net.opened[:2]] == [False, False]
    assert all(host.is_active() for host in hosts)  # each is closed by who uses it


def test_hosts_with_no_gateway_share_nothing(net: Net) -> None:
    ways = SharedWays(Ssh())
    one, two = (ways.opened((hop("web1"),), user) for user in ("one", "two"))
    assert one is not two
