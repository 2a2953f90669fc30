"""Questions that go out together, and answers that count until the host is asked to change something."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import ReleaseError, RemoteError
from fab_static.host.agent.differing import difference
from fab_static.phases.run.holders import records
from fab_static.plan.inventory import Environment, Host, Project
from fab_static.plan.wire import asks, verbs
from fab_static.remote import Fleet, Question, RemoteHost
from fab_static.remote.agent_channel import AgentChannel
from fab_static.remote.foreseen import Foreseen

TEXT = b"a listing, many times the same\n" * 1000
NAME = hashlib.sha256(TEXT).hexdigest()
NOWHERE = "20261122T170102Z-40b46b94"


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
    fleet.hosts[0].ask(verbs.PUT_OBJECT, body=TEXT)
    yield fleet.hosts[0]
    fleet.close()


def test_questions_that_were_foreseen_are_not_sent_again(host: RemoteHost) -> None:
    host.foresee([(verbs.STATE, None), (verbs.READ_OBJECT, asks.Object(object=NAME))])
    sent = host.requests
    assert host.ask(verbs.STATE)[0]["current"] is None
    assert host.ask(verbs.READ_OBJECT, asks.Object(object=NAME))[1] == TEXT
    assert host.ask(verbs.READ_OBJECT, asks.Object(object=NAME))[1] == TEXT
    assert host.requests == sent


def test_an_answer_is_given_once_and_no_more_once_the_host_is_to_change(host: RemoteHost) -> None:
    host.foresee([(verbs.STATE, None), (verbs.LOOK_AT_LOCK, None)])
    host.ask(verbs.STATE)
    host.ask(verbs.LOCK, asks.Lock(owner="anna@desk", phase="deploy"))
    assert host.ask(verbs.LOOK_AT_LOCK)[0]["holder"]["owner"] == "anna@desk"
    host.ask(verbs.WRITE_JOURNAL, body=b'{"format": 1}')
    assert host.ask(verbs.STATE)[0]["journal"] == {"format": 1}


def test_an_answer_counts_still_once_the_host_has_only_added_objects(host: RemoteHost) -> None:
    host.foresee([(verbs.STATE, None)])
    host.ask(verbs.PUT_OBJECT, body=b"another")
    host.ask(verbs.ENCODE, body=b"{}")
    sent = host.requests
    host.ask(verbs.STATE)
    assert host.requests == sent


def test_what_was_asked_ahead_can_be_forgotten_except_for_objects(host: RemoteHost) -> None:
    host.foresee([(verbs.STATE, None), (verbs.READ_OBJECT, asks.Object(object=NAME))])
    host.forget_foreseen()
    sent = host.requests
    host.ask(verbs.STATE)
    host.ask(verbs.READ_OBJECT, asks.Object(object=NAME))
    assert host.requests == sent + 1


@pytest.mark.parametrize(("only_looks", "asked_again"), [(True, 0), (False, 1)])
def test_a_command_that_only_looks_makes_no_answer_old(
    host: RemoteHost, only_looks: bool, asked_again: int
) -> None:
    host.foresee([(verbs.STATE, None)])
    assert host.run(["echo", "said"], only_looks=only_looks).output == "said\n"
    sent = host.requests
    host.ask(verbs.STATE)
    assert host.requests == sent + asked_again


def test_one_question_that_is_refused_keeps_no_other_from_its_answer(host: RemoteHost) -> None:
    host.foresee([(verbs.READ_RELEASE, asks.Release(release=NOWHERE)), (verbs.STATE, None)])
    sent = host.requests
    host.ask(verbs.STATE)
    assert host.requests == sent
    with pytest.raises((ReleaseError, RemoteError)):
        host.ask(verbs.READ_RELEASE, asks.Release(release=NOWHERE))


def test_an_object_comes_as_its_difference_to_one_that_is_known(host: RemoteHost) -> None:
    """What each phase left is nearly what the one before it left: whole, they were most of what came."""
    other = TEXT + b"one line more, and one, and one, and one\n"
    name = hashlib.sha256(other).hexdigest()
    host.ask(verbs.PUT_OBJECT, body=other)
    host.foresee(
        [
            (verbs.READ_OBJECT, asks.Object(object=NAME)),
            (verbs.READ_OBJECT, asks.Object(object=name, like=NAME)),
        ]
    )
    sent = host.requests
    assert host.ask(verbs.READ_OBJECT, asks.Object(object=name))[1] == other
    assert host.requests == sent
    told = host.ask(verbs.READ_OBJECT, asks.Object(object=NAME, like=name))[1]
    assert told == TEXT  # it is known, and needs no difference


def test_a_difference_that_makes_other_bytes_is_passed_over(host: RemoteHost) -> None:
    """A host that tells what is not so is asked for the object itself."""
    host.foresee([(verbs.READ_OBJECT, asks.Object(object=NAME))])
    for told in (b"no difference", difference(TEXT, b"other bytes")):
        host.learn_object("0" * 64, NAME, told)
        with pytest.raises((ReleaseError, RemoteError)):
            host.ask(verbs.READ_OBJECT, asks.Object(object="0" * 64))


def test_objects_that_are_all_known_are_not_fetched(host: RemoteHost) -> None:
    other = b"and another"
    host.ask(verbs.PUT_OBJECT, body=other)
    host.foresee([(verbs.READ_OBJECT, asks.Object(object=NAME))])
    sent = host.requests
    one = records({NAME: len(TEXT)})
    assert [*host.objects(one)] == [(NAME, TEXT)]
    assert host.requests == sent
    both = one + records({hashlib.sha256(other).hexdigest(): len(other)})
    assert {data for _, data in host.objects(both)} == {TEXT, other}
    assert host.requests == sent + 1


@pytest.mark.parametrize("how", ["ask_then", "foresee"])
def test_what_is_asked_together_goes_along_with_what_starts_an_agent(
    host: RemoteHost, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Else all but the first would wait for the agent's first word: one trip more to each host, for `status` too."""
    host.close_agent()
    opening, pieces = host._agent._opening, list[bytes]()
    start = opening.channel

    def noted() -> Any:
        channel = start()
        send = channel.send
        monkeypatch.setattr(channel, "send", lambda data: (pieces.append(bytes(data)), send(data)))
        return channel

    monkeypatch.setattr(opening, "channel", noted)
    if how == "foresee":
        host.foresee([(verbs.STATE, None), (verbs.LOOK_AT_LOCK, None)])
    else:
        host.ask_then(verbs.STATE, asks.Nothing(), [(verbs.LOOK_AT_LOCK, None)])
    assert host.ask(verbs.LOOK_AT_LOCK)[0]["holder"] is None
    assert len(pieces) == 1


def test_what_is_known_is_not_asked_along_with_another(host: RemoteHost) -> None:
    """A manifest that the last phase left came a second time with the files that it put back."""
    question: Question = (verbs.READ_OBJECT, asks.Object(object=NAME))
    host.foresee([question])
    sent = host.requests
    host.ask_then(verbs.STATE, asks.Nothing(), [question])
    host.run(["true"], after=[question])
    assert host.requests == sent + 2


def test_an_object_of_other_bytes_is_not_kept(host: RemoteHost, tmp_path: Path) -> None:
    path = tmp_path / "deploy_to" / "objects" / NAME[:2] / NAME
    path.chmod(0o600)
    path.write_bytes(b"x" * len(TEXT))
    host.foresee([(verbs.READ_OBJECT, asks.Object(object=NAME))])
    with pytest.raises((ReleaseError, RemoteError)):
        host.ask(verbs.READ_OBJECT, asks.Object(object=NAME))


def test_a_connection_that_is_lost_is_told_to_whoever_asks(host: RemoteHost) -> None:
    host.close_agent()
    host.foresee([(verbs.STATE, None)])
    assert host.ask(verbs.STATE)[0]["current"] is None


@pytest.mark.parametrize("is_here", [False, True])
def test_a_text_comes_deflated_over_a_line_and_no_larger_than_its_answer_may_be(
    host: RemoteHost, monkeypatch: pytest.MonkeyPatch, is_here: bool
) -> None:
    monkeypatch.setattr(AgentChannel, "is_here", is_here)
    agent, came = host._agent, []
    received = agent.received

    def noted(*words: Any) -> Any:
        came.append(received(*words))
        return came[-1]

    agent.received = noted  # type: ignore[method-assign]
    assert host.ask(verbs.READ_OBJECT, asks.Object(object=NAME))[1] == TEXT
    if is_here:
        assert came[-1][1] == TEXT
        return
    assert len(came[-1][1]) < len(TEXT) / 10
    inflated = host._requests._inflated
    with pytest.raises(RemoteError, match="a body of more than 4,096 bytes"):
        inflated("read_object", came[-1][1], 4096)
    with pytest.raises(RemoteError, match="breaks off"):
        inflated("read_object", came[-1][1][:-8], len(TEXT))


def test_a_command_takes_along_what_comes_before_and_after_it(host: RemoteHost) -> None:
    """A build phase puts its static root back, runs, and is kept: three trips to a host far away."""
    restored = (verbs.PUT_OBJECT, None, b"put back")
    looked: Question = (verbs.STATE, None)
    ran = host.run(["echo", "said"], before=[restored], after=[looked])
    assert (ran.code, ran.output) == (0, "said\n")
    sent = host.requests
    assert host.ask(verbs.STATE)[0]["current"] is None
    assert host.requests == sent


def test_nothing_is_run_where_what_comes_before_it_was_refused(
    host: RemoteHost, tmp_path: Path
) -> None:
    """A phase would work on another state of the static root than it was given."""
    refused: Question = (verbs.READ_OBJECT, asks.Object(object="0" * 64))
    with pytest.raises((ReleaseError, RemoteError), match="0000"):
        host.run(["touch", "ran"], folder=str(tmp_path), before=[refused])
    assert host.ask(verbs.PING)[0]["ok"]
    assert not (tmp_path / "ran").exists()


def test_what_comes_after_a_command_that_failed_is_not_done(
    host: RemoteHost, tmp_path: Path
) -> None:
    kept = tmp_path / "deploy_to" / "journal.json"
    ran = host.run(["false"], after=[(verbs.WRITE_JOURNAL, None, b'{"format": 1}')])
    assert ran.code == 1
    assert host.ask(verbs.STATE)[0]["journal"] is None
    assert not kept.exists()


def test_a_command_that_was_foreseen_is_not_run_again(host: RemoteHost) -> None:
    """What git says of the checkout goes along with the first questions."""
    command = ["echo", "said"]
    host.foresee([host.to_look(command, "/"), (verbs.STATE, None)])
    sent = host.requests
    assert host.run(command, folder="/", only_looks=True).output == "said\n"
    host.ask(verbs.STATE)
    assert host.requests == sent


def test_a_command_that_may_change_something_runs_whatever_was_foreseen(
    host: RemoteHost, tmp_path: Path
) -> None:
    command = ["touch", "ran"]
    host.foresee([host.to_look(command, str(tmp_path)), (verbs.STATE, None)])
    (tmp_path / "ran").unlink()
    assert host.run(command, folder=str(tmp_path)).code == 0
    assert (tmp_path / "ran").exists()


def test_what_a_host_recalls_is_known_to_who_would_have_it_asked_anew() -> None:
    """The first questions of a run have nothing run: a project that hangs would keep `prune` waiting."""
    recall = {"name": "settings-0123456789abcdef", "what": ["python3"], "left": {}}
    foreseen = Foreseen()
    foreseen.keep(verbs.RECALL, recall, ({"token": "t"}, b"{}"))
    assert foreseen.answer(verbs.RECALL, {**recall, "name": "another-0123456789abcdef"}) is None
    assert foreseen.answer(verbs.RECALL, {**recall, "anew": {}}) == ({"token": "t"}, b"{}")
