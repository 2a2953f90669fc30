"""Work on all hosts of an environment at once: whatever comes, every host is worked on."""

import threading

import pytest

from fab_static.host.agent.protocol import PIECE
from fab_static.plan.inventory import Environment, Host, Project
from fab_static.plan.wire import verbs
from fab_static.remote import Fleet, RemoteHost, patience
from tests.unit.remote.wires import Wire, environment_at, host_with


def test_a_bug_on_one_host_keeps_no_other_from_its_work(tmp_path):
    """It closed their agents in the middle of it (fleet D1)."""
    fleet = Fleet(environment_at(tmp_path, ("a", "b", "c")))
    failed, done = threading.Event(), []

    def work(host):
        if host.name == "a":
            failed.set()
            raise ZeroDivisionError("of ours")
        failed.wait()
        host.ask(verbs.PUT_OBJECT, body=b"x" * PIECE)
        done.append(host.name)

    with pytest.raises(ZeroDivisionError) as caught:
        fleet.on(fleet.hosts, work)
    fleet.close()
    assert sorted(done) == ["b", "c"]
    assert caught.value.__notes__ == ["on a; the first: a"]


def test_closing_a_fleet_closes_every_host_whatever_one_of_them_says(tmp_path, monkeypatch):
    fleet = Fleet(environment_at(tmp_path, ("a", "b", "c")))
    fleet.on(fleet.hosts, lambda host: host.ask(verbs.PING))
    processes = [host._agent._channel._process for host in fleet.hosts]
    monkeypatch.setattr(fleet.hosts[0], "close_agent", lambda: 1 / 0)
    fleet.close()
    assert [process.poll() for process in processes[1:]] == [0, 0]
    monkeypatch.undo()
    fleet.hosts[0].close_agent()


def test_what_is_open_is_kept_from_looking_idle_until_the_fleet_is_closed(monkeypatch):
    kept = threading.Semaphore(0)
    monkeypatch.setattr(patience, "IDLE_SECONDS", 0.001)
    monkeypatch.setattr(RemoteHost, "keep", lambda _host: kept.release())
    hosts = (Host("web1", "192.0.2.1", ("build", "static", "web")),)
    environment = Environment("staging", "shop", "/srv", hosts, Project("/srv/code"))
    others = threading.enumerate()  # keepers of other tests' fleets among them
    fleet = Fleet(environment)
    assert kept.acquire(timeout=120)
    (keeper,) = (
        one
        for one in threading.enumerate()
        if one.name == "fab_static keeper" and one not in others
    )
    fleet.close()
    keeper.join(120)
    assert not keeper.is_alive()


def test_siblings_are_kept_too(tmp_path):
    host = host_with(Wire(), tmp_path)
    sibling = host.sibling()
    sibling._agent._channel = Wire()
    host.keep()
    assert host._agent._channel.heads() == sibling._agent._channel.heads() == [{"here": True}]
