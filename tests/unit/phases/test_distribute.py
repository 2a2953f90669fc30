"""A release reaches every host, whoever is slow."""

import gzip
import hashlib
import threading
from dataclasses import replace

import pytest

from fab_static.phases.distribute import HELD_BYTES, lacks, ship, ship_to
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.inventory import Environment, Host, Project, Ssh
from fab_static.plan.release import Encoded
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
            assert all(others_have_it.acquire(timeout=120) for _ in others)
        answer = take(host, do, frames)
        others_have_it.release()
        return answer

    monkeypatch.setattr(type(first), "take", slow_or_not)
    release = sealed(FILES)
    ship(deploy, release, [deploy.build])
    assert held(deploy, release)[first.name] == {}


def with_gzip(text, copy=None):
    """Return a release of one sheet with its gzip copy, and that copy."""
    copy = gzip.compress(text.encode(), mtime=0) if copy is None else copy
    release = sealed({"a.css": text})
    made = {"gz": Encoded(hashlib.sha256(copy).hexdigest(), len(copy))}
    files = {"a.css": replace(release.files["a.css"], encodings=made)}
    return replace(release, files=files), copy


def test_a_text_travels_once_as_its_gzip_copy(deploy):
    release, copy = with_gzip("a { color: red }\n" * 100)
    deploy.build.ask(verbs.PUT_OBJECT, body=("a { color: red }\n" * 100).encode())
    deploy.build.ask(verbs.PUT_OBJECT, body=copy)
    ship(deploy, release, [deploy.build])
    assert set(map(len, held(deploy, release).values())) == {0}
    assert deploy.show.said == [f"5 objects, {5 * len(copy)} bytes to 5 of 6 hosts"]


def test_a_text_that_its_copy_does_not_hold_is_sent_too(deploy):
    """Damaged memory where it was made, say: the copy is what the seal says, and useless."""
    text = "a { color: red }\n" * 100
    release, copy = with_gzip(text, b"no gzip")
    for body in (text.encode(), copy):
        deploy.build.ask(verbs.PUT_OBJECT, body=body)
    ship(deploy, release, [deploy.build])
    assert set(map(len, held(deploy, release).values())) == {0}
    for host in deploy.hosts("static"):
        assert release.id in deploy.states[host]["releases"]


def test_no_host_is_told_of_the_end_only_once_another_has_stored_all(deploy, monkeypatch):
    """Over a far line each host of a batch cost a round trip more."""
    monkeypatch.setitem(ship.__globals__, "HELD_BYTES", 0)
    first, *others = deploy.hosts("static")
    both_have_all = threading.Barrier(PARALLEL, timeout=20)
    take = type(first).take

    def at_once(host, do, frames):
        frames = list(frames)
        both_have_all.wait()
        return take(host, do, frames)

    monkeypatch.setattr(type(first), "take", at_once)
    release = sealed(FILES)
    ship_to(deploy, release, [deploy.build], [first, *others[:3]])
    assert not any(held(deploy, release)[host.name] for host in (first, *others[:3]))
