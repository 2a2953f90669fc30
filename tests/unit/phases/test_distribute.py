"""A release reaches every host, whoever is slow."""

import threading

import pytest

from fab_static.phases.distribute import HELD_BYTES, lacks, ship
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.inventory import Environment, Host, Project, Ssh
from fab_static.plan.wire import verbs
from fab_static.remote import Fleet
from tests.releases import sealed

PARALLEL = 2
FILES = {"a.txt": "a" * 5000, "b.txt": "b", "empty.txt": ""}


class Quiet:
    """Shows nothing."""

    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)


@pytest.fixture
def deploy(tmp_path):
    """Five hosts that lack what the build host has; two are worked on at once."""
    hosts = tuple(
        Host(name, name, ("build",) if name == "build1" else ("static", "web"), local=True)
        for name in ("build1", "edge1", "edge2", "edge3", "edge4", "edge5")
    )
    environment = Environment(
        name="production",
        app="shop",
        deploy_to=f"{tmp_path}/{{host}}",
        hosts=hosts,
        project=Project(path=str(tmp_path)),
        ssh=Ssh(parallel=PARALLEL),
    )
    fleet = Fleet(environment)
    deploy = Deployment(environment, fleet, show=Quiet(), operator="me@here")
    deploy.look()
    for text in FILES.values():
        deploy.build.ask(verbs.PUT_OBJECT, body=text.encode())
    yield deploy
    fleet.close()


def held(deploy, release):
    """Return what each host lacks now."""
    return {host.name: missing for host, missing in lacks(deploy, release).items()}


@pytest.mark.parametrize("held_bytes", [HELD_BYTES, 0], ids=["rolling", "in batches"])
def test_more_hosts_than_are_worked_on_at_once_all_get_it(deploy, monkeypatch, held_bytes):
    monkeypatch.setitem(ship.__globals__, "HELD_BYTES", held_bytes)
    release = sealed(FILES)
    ship(deploy, release, [deploy.build])
    assert set(map(len, held(deploy, release).values())) == {0}
    assert deploy.show.said == ["15 objects, 25,005 bytes to 5 of 6 hosts"]


def test_a_slow_host_keeps_none_of_the_others_waiting(deploy, monkeypatch):
    """The first waits until all others have it: where it holds up a batch, that is never."""
    first, *others = deploy.hosts("static")
    others_have_it = threading.Semaphore(0)
    take = type(first).take

    def slow_or_not(host, do, frames):
        if host is first:
            assert all(others_have_it.acquire(timeout=20) for _ in others)
        answer = take(host, do, frames)
        others_have_it.release()
        return answer

    monkeypatch.setattr(type(first), "take", slow_or_not)
    release = sealed(FILES)
    ship(deploy, release, [deploy.build])
    assert held(deploy, release)[first.name] == {}
