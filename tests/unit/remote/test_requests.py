"""One request to an agent at a time, each with its own answer and its end (fleet A5, C17, D3)."""

import pytest

from fab_static.errors import RemoteError
from fab_static.host.agent.protocol import RECORD
from fab_static.plan.wire import asks, verbs
from fab_static.remote import deflated, patience
from tests.unit.remote.wires import FACTS, Ticking, Wire, frame, host_with


def test_an_answer_to_another_request_is_never_taken(tmp_path):
    """After Ctrl-C each request got the answer to the one before it (fleet A5)."""
    host = host_with(Wire(), tmp_path)
    host._requests._number = 3
    host._agent._channel.pieces = [
        frame({"ok": True, "n": 2, "confirmed": True}),
        frame({"tick": True, "n": 3}),
        frame({"ok": True, "n": 4, **FACTS, "free_bytes": 77}),
    ]
    assert host.ask(verbs.FACTS)[0]["free_bytes"] == 77


def test_answers_to_earlier_requests_without_end_are_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(patience, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(patience, "TICK_SECONDS", 0.01)

    class Old(Wire):
        def receive(self, most, timeout_seconds):
            return frame({"ok": True, "n": 0})

    with pytest.raises(RemoteError, match="an answer to the request 0"):
        host_with(Old(), tmp_path).ask(verbs.FACTS)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_whoever_is_interrupted_has_the_agent_end_its_work_and_waits_for_that(
    tmp_path, interruption
):
    channel = Wire(
        interruption(),
        frame({"output": True, "n": 1}, b"more"),
        frame({"error": {"what": "interrupted", "where": "", "mend": "", "kind": "x"}, "n": 1}),
        frame({"ok": True, "n": 2, **FACTS}),
    )
    host = host_with(channel, tmp_path)
    with pytest.raises(interruption):
        host.ask(verbs.SNAPSHOT, asks.Snapshot(root="/", extra=[]))
    assert [head.get("do", head.get("cancel")) for head in channel.heads()] == ["snapshot", [1]]
    assert (
        host.ask(verbs.FACTS)[0]["free_bytes"] == 1
    )  # through the same channel, and its own answer


def test_whoever_interrupts_what_was_asked_together_ends_all_of_it(tmp_path):
    """Else the command would run that was asked for with what was interrupted before it."""
    refused = {"error": {"what": "interrupted", "where": "", "mend": "", "kind": "x"}}
    channel = Wire(
        KeyboardInterrupt(),
        *(frame({**refused, "n": number}) for number in (1, 2, 3)),
        frame({"ok": True, "n": 4, **FACTS}),
    )
    host = host_with(channel, tmp_path)
    restore = (verbs.RESTORE, asks.Restore(listing="0" * 64, root="/"))
    with pytest.raises(KeyboardInterrupt):
        host.run(["true"], before=[restore], after=[(verbs.STATE, None)])
    heads = channel.heads()
    assert [head.get("do", head.get("cancel")) for head in heads] == [
        *("restore", "run", "state"),
        [1, 2, 3],
    ]
    assert [head.get("after") for head in heads] == [None, 1, 2, None]
    assert host.ask(verbs.FACTS)[0]["free_bytes"] == 1


def test_another_thread_ends_all_that_is_foreseen(tmp_path):
    """Ctrl-C ends the work of all hosts from the main thread; one that was foreseeing was told to end nothing."""

    def cancelled(_seconds):
        host.cancel()
        return frame({"ok": True, "n": 2, **FACTS})

    channel = Wire(frame({"ok": True, "n": 1, **FACTS}), cancelled, frame({"ok": True, "n": 3}))
    host = host_with(channel, tmp_path)
    host.ask(verbs.FACTS)
    host.foresee([(verbs.FACTS, None), (verbs.STATE, None)])
    assert [head.get("do", head.get("cancel")) for head in channel.heads()] == [
        *("facts", "facts", "state"),
        [2, 3],
    ]


def test_an_agent_that_does_not_end_its_work_is_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr(patience, "CANCEL_SECONDS", 0.1)
    channel = Ticking(then=[KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        host_with(channel, tmp_path).ask(verbs.FACTS)
    assert channel.closed


def test_half_a_frame_is_followed_by_none(tmp_path):
    """Ctrl-C in the middle of a seal of 1.5 MB: the next request would be read as its rest."""

    class Cut(Wire):
        def send(self, data):
            raise KeyboardInterrupt

    channel = Cut()
    with pytest.raises(KeyboardInterrupt):
        host_with(channel, tmp_path).ask(verbs.PUT_OBJECT, body=b"x")
    assert channel.closed


@pytest.fixture
def again(tmp_path, monkeypatch):
    """Return a host with a channel that was closed while idle; the next one answers."""

    def made(lost, *heads):
        host, opened = host_with(lost, tmp_path), []

        def open_anew(*_):
            assert not opened, "opened twice"
            opened.append(True)
            host._agent._channel = Wire(*[frame(head) for head in heads])

        monkeypatch.setattr(host._agent, "_open", open_anew)
        return host, opened

    return made


class Broken(Wire):
    """A channel to which nothing can be sent any more."""

    def send(self, data):
        raise BrokenPipeError("broken")


@pytest.mark.parametrize("lost", [Wire, Broken])
def test_who_only_looks_asks_again_where_an_idle_channel_was_closed(again, lost):
    """ClientAliveInterval, or a firewall, ended a run in "the connection was cut" (fleet C17)."""
    host, opened = again(lost(), {"tick": True}, {"ok": True, **FACTS})
    head, _ = host.ask(verbs.FACTS)
    assert head["ok"]
    assert opened


def test_what_only_adds_is_asked_again_too(again):
    """An object has the name of its bytes: stored twice, it is there once."""
    host, opened = again(Wire(), {"ok": True, "object": "a" * 64, "size": 1})
    assert host.ask(verbs.PUT_OBJECT, body=b"x")[0]["size"] == 1
    assert opened


def test_who_only_looks_asks_again_once(again):
    host, opened = again(Wire())
    with pytest.raises(RemoteError, match="the connection was cut"):
        host.ask(verbs.FACTS)
    assert opened


@pytest.mark.parametrize(
    ("lost", "do"),
    [
        (Wire(), "flip"),  # it may have been done
        (Wire(), "unlock"),
        (Wire(), "empty"),  # an agent that was cut off may empty it while the next phase writes
        (Wire(frame({"tick": True})), "facts"),  # it was not idle
        (Wire(frame({"ok": True})[:-2]), "facts"),
    ],
)
def test_what_may_have_begun_is_not_asked_again(again, lost, do):
    host, opened = again(lost, {"ok": True, **FACTS})
    with pytest.raises(RemoteError, match="the connection was cut"):
        host.ask(verbs.VERBS[do])
    assert not opened


def test_a_chain_is_asked_again_where_each_of_it_only_looks(again):
    """`status` asks all in one trip: it must see a connection that was cut while idle no worse than one question."""
    host, opened = again(Wire(), {"ok": True, **FACTS}, {"ok": True, "holder": None, "now": 1.0})
    assert host.ask_then(verbs.FACTS, asks.Nothing(), [(verbs.LOOK_AT_LOCK, None)])["ok"]
    assert opened
    assert host.ask(verbs.LOOK_AT_LOCK)[0]["holder"] is None


def test_a_chain_with_one_that_changes_something_is_not(again):
    host, opened = again(Wire(), {"ok": True, **FACTS})
    with pytest.raises(RemoteError, match="the connection was cut"):
        host.ask_then(verbs.FACTS, asks.Nothing(), [(verbs.UNLOCK, asks.Unlock(token=""))])
    assert not opened


def test_who_is_interrupted_does_not_ask_again(again):
    host, opened = again(Wire(lambda _: (host.close_agent(), b"")[1]), {"ok": True, **FACTS})
    with pytest.raises(RemoteError, match="the connection was cut"):
        host.ask(verbs.FACTS)
    assert not opened


def test_a_body_that_a_verb_does_not_have_is_refused(tmp_path):
    with pytest.raises(RemoteError, match="a body of 5 bytes, which ping does not have"):
        host_with(Wire(frame({"ok": True}, b"12345")), tmp_path).ask(verbs.PING)


def test_no_host_lacks_more_than_it_was_asked_for(tmp_path):
    record = RECORD.pack(b"\0" * 32, 10)
    with pytest.raises(RemoteError, match="a body of 80 bytes, which missing does not have"):
        host_with(Wire(frame({"ok": True}, record * 2)), tmp_path).ask(
            verbs.MISSING, asks.Missing(), record
        )


def test_of_a_question_that_goes_deflated_the_whole_size_counts(tmp_path):
    records = RECORD.pack(b"\0" * 32, 10) * 1000
    host = host_with(Wire(frame({"ok": True}, records)), tmp_path)
    assert host.ask(verbs.MISSING, asks.Missing(), deflated(records))[1] == records


def test_what_comes_before_the_answer_is_given_piece_by_piece_to_who_asked(tmp_path):
    frames = [frame({"output": True}, b"a"), frame({"tick": True}), frame({"output": True}, b"b")]
    host, pieces = host_with(Wire(*frames, frame({"ok": True, **FACTS})), tmp_path), []
    assert host.ask(verbs.FACTS, on_output=pieces.append)[0]["ok"]
    assert pieces == [b"a", b"b"]
