"""Requests that nobody waits for, and requests that prove that the lock is ours: a real agent is asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fab_static.errors import DeployLockedError, RemoteError
from fab_static.plan.inventory import Environment, Host, Project
from fab_static.plan.wire import asks, verbs
from fab_static.remote import Fleet, RemoteHost


@pytest.fixture
def host(tmp_path: Path) -> Iterator[RemoteHost]:
    environment = Environment(
        name="production",
        app="shop",
        deploy_to=str(tmp_path / "deploy_to"),
        hosts=(Host("build1", "build1", ("build", "static", "web"), local=True),),
        project=Project(path="/srv/shop/code"),
    )
    fleet = Fleet(environment)
    yield fleet.hosts[0]
    fleet.close()


def journal(folder: Path) -> bytes:
    return (folder / "deploy_to" / "journal.json").read_bytes()


def test_what_is_said_later_is_done_before_the_next_request(host: RemoteHost) -> None:
    host.later(verbs.WRITE_JOURNAL, b'{"format": 1}')
    host.later(verbs.WRITE_JOURNAL, b'{"format": 1, "release": null}')
    state, _ = host.ask(verbs.STATE)
    assert state["journal"] == {"format": 1, "release": None}


def test_the_next_request_hears_of_what_was_refused(host: RemoteHost) -> None:
    host.held = {"token": "nobody's", "phase": "seal"}
    host.later(verbs.WRITE_JOURNAL, b"{}")
    host.held = None
    with pytest.raises(DeployLockedError):
        host.ask(verbs.STATE)
    assert host.ask(verbs.STATE)[0]["current"] is None  # it is told once


def test_settling_hears_of_it_too(host: RemoteHost) -> None:
    host.held = {"token": "nobody's", "phase": "seal"}
    host.later(verbs.WRITE_JOURNAL, b"{}")
    with pytest.raises(DeployLockedError):
        host.settle()
    host.settle()


def test_an_agent_that_ended_meanwhile_is_told_again(host: RemoteHost, tmp_path: Path) -> None:
    host.ask(verbs.PING)
    host.later(verbs.WRITE_JOURNAL, b'{"format": 1}')
    host.close_agent()
    host.settle()
    assert journal(tmp_path) == b'{"format": 1}'


def test_a_request_is_refused_once_the_lock_that_it_names_is_anothers(host: RemoteHost) -> None:
    """So no beat has to go before each phase: what a robbed owner asks for is not done."""
    token = host.ask(verbs.LOCK, asks.Lock(owner="anna@desk", phase="deploy"))[0]["token"]
    host.held = {"token": token, "phase": "compress"}
    host.ask(verbs.WRITE_JOURNAL, body=b"{}")
    assert host.ask(verbs.LOOK_AT_LOCK)[0]["holder"]["phase"] == "compress"
    sibling = host.sibling()
    sibling.ask(verbs.LOCK, asks.Lock(owner="ben@desk", phase="unlock", steal=True))
    with pytest.raises(DeployLockedError) as caught:
        host.ask(verbs.WRITE_JOURNAL, body=b"{}")
    assert str(caught.value) == (
        "this deploy does not hold the lock any more: ben@desk took it\n"
        f"  where: {host.layout.deploy_to}/lock on build1\n"
        "  mend:  see who deploys now: fab production status"
    )
    assert not isinstance(caught.value, RemoteError)
    sibling.close_agent()
