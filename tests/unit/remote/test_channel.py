"""What comes from a host is judged: its number, its shape, its size, its pace (fleet A5, D1, D2, D3)."""

import dataclasses
import json
import os
import sys
import threading
import time
import tracemalloc
import zlib

import pytest

from fab_static.errors import RemoteError
from fab_static.host.agent.protocol import FRAME, PIECE, RECORD
from fab_static.phases.distribute import Receiver
from fab_static.phases.run.project import ProjectOnHost
from fab_static.plan.inventory import Environment, Host, Project, Ssh
from fab_static.plan.wire import answers, asks, verbs
from fab_static.remote import Fleet, RemoteHost, deflated, frames, patience
from fab_static.remote.channels import SshChannel
from fab_static.remote.output import Output
from fab_static.remote.requests import Requests
from fab_static.timeline import Timeline
from tests.processes import alive, becomes

FACTS = {
    **{"free_bytes": 1, "free_inodes": 1, "writable": True, "exists": True, "now": 1.0},
    **{"inodes": None, "unwritable": [], "elsewhere": [], "exposed": [], "is_a_groups": False},
}


def environment_at(folder, names=("build1",), **ssh):
    return Environment(
        name="production",
        app="shop",
        deploy_to=f"{folder}/{{host}}",
        hosts=tuple(Host(name, name, ("build", "static"), local=True) for name in names),
        project=Project(path="/srv/shop/code"),
        ssh=Ssh(**ssh),
    )


def frame(head, body=b""):
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return FRAME.pack(len(text), len(body)) + text + body


class Wire:
    """A channel whose other end is played by the test: bytes, or what is done instead."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.sent = []
        self.closed = False

    def send(self, data):
        self.sent.append(bytes(data))

    def is_ready(self):
        return True

    def receive(self, most, timeout_seconds):
        if self.closed or not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if isinstance(piece, BaseException):
            raise piece
        if callable(piece):
            piece = piece(timeout_seconds)
        if len(piece) > most:
            self.pieces.insert(0, piece[most:])
        return piece[:most]

    def last_words(self):
        return None, ""

    def close(self):
        self.closed = True

    def heads(self):
        """Return the heads of all that was sent."""
        data, heads = b"".join(self.sent), []
        while data:
            head, body = FRAME.unpack_from(data)
            heads.append(json.loads(data[FRAME.size : FRAME.size + head]))
            data = data[FRAME.size + head + body :]
        return heads


class Ticking(Wire):
    """Ticks for ever, and counts what is done or does not."""

    def __init__(self, moves=lambda: 0, then=()):
        super().__init__(*then)
        self.moves = moves

    def receive(self, most, timeout_seconds):
        if self.closed:
            return b""
        return super().receive(most, timeout_seconds) or frame(
            {"tick": True, "moved": self.moves()}
        )


def host_with(channel, tmp_path, **ssh):
    environment = environment_at(tmp_path, **ssh)
    host = RemoteHost(environment.hosts[0], environment)
    host._agent._channel = channel
    return host


# ---- what an answer says


@pytest.mark.parametrize(
    "answer",
    [
        b"5", b"[]", b"{}", b'"ok"', b"null", b"true", b"1e999", b"NaN", b'{"ok": NaN}', b"{", b"",
        b"[" * 100_000, b'{"a":' * 100_000, b'{"ok":' + b"9" * 5000 + b"}", b'{"ok": 1e999}',
        b'{"ok": "\xff"}', b"\xff\xfe{\x00}\x00", b'{"error": 5}', b'{"error": {"what": 5}}',
        b'{"error": {"what": "x", "where": "y", "mend": "z"}}', b'{"ok": true, "n": "x"}',
        b'{"ok": true, "n": 7}', b'{"ok": true, "n": {}}', b'{"ok": true}',
        json.dumps({"ok": True, **FACTS, "free_bytes": "many"}).encode(),
        json.dumps({"ok": True, **FACTS, "writable": 1}).encode(),
    ],
    ids=lambda answer: repr(answer[:40]),
)  # fmt: skip
def test_a_wrong_answer_is_an_error_that_names_the_host(tmp_path, answer):
    """Else an exception of ours, on one host, kept all others from being put back (fleet D1)."""
    channel = Wire(frame(answer))
    with pytest.raises(RemoteError) as caught:
        host_with(channel, tmp_path).ask(verbs.FACTS)
    assert caught.value.where == "build1"
    assert channel.closed


def test_what_is_wrong_with_an_answer_is_told_word_for_word(tmp_path):
    with pytest.raises(RemoteError) as caught:
        host_with(Wire(frame({"ok": True, "confirmed": 5})), tmp_path).ask(
            verbs.CONFIRM, asks.Confirm(release="x")
        )
    assert str(caught.value) == (
        "the host answers what no agent of ours does: confirm: confirmed is 5, not true or false\n"
        "  where: build1\n"
        "  mend:  see what stands between: a login that prints, a proxy, a host that is not yours "
        "alone: a shell on this machine,"
    )


def test_an_object_with_other_bytes_than_its_name_is_not_taken(tmp_path):
    host = host_with(Wire(frame({"ok": True}, b"5")), tmp_path)
    with pytest.raises(RemoteError, match="has other bytes than its name says"):
        host.ask(verbs.READ_OBJECT, asks.Object(object="0" * 64))


@pytest.mark.parametrize(
    "said", [b"5", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a": 5}', b'{"a": {"gz": 5}}']
)
def test_json_in_a_body_is_judged_too(tmp_path, said):
    with pytest.raises(RemoteError) as caught:
        host_with(Wire(), tmp_path).said("encode", said, answers.Copies)
    assert caught.value.where == "build1"
    assert caught.value.what.startswith("the host answers what no agent of ours does: encode: ")


@pytest.mark.parametrize(
    "said", ["5", '"ok"', '{"ok": 1}', '{"error": "x"}', '{"error": {"what": "x"}}', "NaN"]
)
def test_what_a_project_answers_is_judged_too(tmp_path, said):
    host = host_with(None, tmp_path)
    project = ProjectOnHost.on(host, {}, str(tmp_path))
    asked = dataclasses.replace(project, python=str(tmp_path / "python"))
    (tmp_path / "python").write_text(
        f"#!/bin/sh\ncat > {tmp_path}/in\necho 'FAB_STATIC_PROBE {said}'\n"
    )
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(RemoteError, match="the project's answer to sources: ") as caught:
        asked.ask({"ask": "sources"})
    host.close_agent()
    assert caught.value.where == "build1"


# ---- numbers


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
    assert [head.get("do", head.get("cancel")) for head in channel.heads()] == ["snapshot", 1]
    assert (
        host.ask(verbs.FACTS)[0]["free_bytes"] == 1
    )  # through the same channel, and its own answer


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


def test_a_stream_that_nobody_reads_to_its_end_ends_with_its_channel(tmp_path):
    wanted = RECORD.pack(b"\0" * 32, 10)
    pack = RECORD.pack(b"\0" * 32, 10) + b"x" * 10
    channel = Wire(frame({"pack": "plain", "raw": 42}, pack[:42]))
    stream = host_with(channel, tmp_path).packs(verbs.FETCH, wanted)
    next(stream)
    stream.close()
    assert channel.closed


@pytest.fixture
def host(tmp_path):
    host = host_with(None, tmp_path)
    yield host
    host.close_agent()


SESSIONS = (  # a command, its child in a session of its own, and one that ignores SIGTERM
    "import os, signal, subprocess, sys, time; "
    "own = subprocess.Popen(['sleep', '300'], start_new_session=True); "
    "deaf = subprocess.Popen([sys.executable, '-c', 'import signal, time;"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(300)'], stdout=-1); "
    "deaf.stdout.readline(); os.write(1, b'%d %d %d' % (os.getpid(), own.pid, deaf.pid)); time.sleep(300)"
)


def test_what_is_interrupted_ends_with_all_that_it_started(host):
    """Also in another session, and what does not heed SIGTERM; the same agent goes on (fleet A5)."""
    agent = int(host.run(["sh", "-c", "echo $PPID"]).output)
    pids = []

    def interrupt(data):
        pids.extend(map(int, data.split()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        host.run([os.sys.executable, "-c", SESSIONS], on_output=interrupt)
    assert len(pids) == 3
    assert not any(map(alive, pids))  # by now: what it wrote may be put back
    assert int(host.run(["sh", "-c", "echo $PPID"]).output) == agent


def test_a_command_may_put_its_own_things_in_order(host, tmp_path):
    """SIGTERM comes before SIGKILL."""

    def interrupt(_data):
        raise KeyboardInterrupt

    script = f"trap 'touch {tmp_path}/tidied; exit 1' TERM; echo; while :; do sleep 0.01; done"
    with pytest.raises(KeyboardInterrupt):
        host.run(["sh", "-c", script], on_output=interrupt)
    assert (tmp_path / "tidied").exists()


def test_another_thread_can_interrupt_what_a_host_works_on(host):
    """That is what Ctrl-C does while all hosts work."""
    pids = []

    def begun(data):
        pids.append(int(data))
        threading.Thread(target=host.cancel).start()

    with pytest.raises(RemoteError) as caught:
        host.run(["sh", "-c", "echo $$; exec sleep 300"], on_output=begun)
    assert caught.value.what == "the operator interrupted it"
    assert not alive(pids[0])
    assert host.ask(verbs.PING)[0]["ok"]


def test_a_command_beyond_the_time_out_ends_with_all_that_it_started(tmp_path):
    host = host_with(None, tmp_path, command_timeout=3)
    pids = []
    ran = host.run(
        [os.sys.executable, "-c", SESSIONS],
        on_output=lambda data: pids.extend(map(int, data.split())),
    )
    host.close_agent()
    assert ran.timed_out
    assert len(pids) == 3
    assert becomes(lambda: not any(map(alive, pids)))


# ---- pace


def test_a_host_that_ticks_and_does_nothing_is_given_up(tmp_path, monkeypatch):
    """It held the lock for ever (fleet D2)."""
    monkeypatch.setattr(patience, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(patience, "TICK_SECONDS", 0.05)
    for work in (
        lambda host: host.ask(verbs.VERIFY, asks.Verify(release="x", roles=[])),
        lambda host: host.take(verbs.STORE, [({"pack": "plain", "raw": 1}, b"x")]),
        lambda host: list(host.packs(verbs.FETCH, RECORD.pack(b"\0" * 32, 10))),
    ):
        channel = Ticking()
        with pytest.raises(RemoteError) as caught:
            work(host_with(channel, tmp_path))
        assert caught.value.what.endswith(" stands still: nothing has moved for 0.2 seconds")
        assert caught.value.mend == (
            "see whether its disks and network file systems answer: a shell on this machine,; then "
            "run it again"
        )
        assert channel.closed


def test_long_work_that_moves_is_waited_for(tmp_path, monkeypatch):
    """To hash ten gigabytes takes longer than anybody may stand still."""
    monkeypatch.setattr(patience, "STALL_SECONDS", 0.1)
    monkeypatch.setattr(patience, "TICK_SECONDS", 0.01)
    begun, steps = time.monotonic(), iter(range(10**9))

    def ended(_):
        if time.monotonic() - begun < 0.5:
            channel.pieces.append(ended)
            return frame({"tick": True, "moved": next(steps)})
        return frame({"ok": True, "missing": 0, "changed": 0, "examples": [], "versions_sha256": None,
                      "offline_manifest_sha256": None})  # fmt: skip

    channel = Wire(ended)
    assert (
        host_with(channel, tmp_path).ask(verbs.VERIFY, asks.Verify(release="x", roles=[]))[0][
            "missing"
        ]
        == 0
    )


def test_a_tick_tells_how_far_the_agent_is(host, monkeypatch):
    """A hang takes neither steps nor time of the CPU."""
    seen = []
    real = Requests.frame

    def noting(requests, *args):
        head, body = real(requests, *args)
        seen.append(head.get("moved"))
        return head, body

    monkeypatch.setattr(Requests, "frame", noting)
    host.ask(verbs.HTTP, asks.Http(url="http://127.0.0.1:9/", timeout=5))
    moves = [moved for moved in seen if moved is not None]
    assert moves
    assert all(type(moved) is int for moved in moves)


def test_a_byte_now_and_then_is_no_answer(tmp_path, monkeypatch):
    """A byte every 29 seconds kept a deploy waiting for ever (fleet D2)."""
    monkeypatch.setattr(frames, "SLOWEST", 100_000)
    clock = [0.0]
    monkeypatch.setattr(frames.time, "monotonic", lambda: clock[0])

    def drip(data):
        def byte(timeout_seconds):
            clock[0] += min(29.0, timeout_seconds)
            if timeout_seconds < 29.0:
                raise TimeoutError
            return data

        return byte

    whole = frame({"ok": True, **FACTS})
    channel = Wire(whole[:8], *[drip(whole[at : at + 1]) for at in range(8, len(whole))])
    with pytest.raises(RemoteError) as caught:
        host_with(channel, tmp_path).ask(verbs.FACTS)
    assert caught.value.what.startswith("the host answers too slowly: ")
    assert channel.closed


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the test moves."""
    now = [0.0]
    monkeypatch.setattr(frames.time, "monotonic", lambda: now[0])
    return now


def waits(clock, data, seconds=29.0):
    """Return what a channel gives: data after some seconds, unless nobody waits for so long."""

    def piece(timeout_seconds):
        clock[0] += min(seconds, timeout_seconds)
        if timeout_seconds < seconds:
            raise TimeoutError
        return data

    return piece


@pytest.mark.parametrize("quick", [0, 8 << 20])
def test_a_large_frame_that_comes_byte_by_byte_is_given_up(tmp_path, clock, quick):
    """A head that claimed 16 MiB, and a byte each 29 seconds, was waited for 4.6 hours (fleet D2)."""
    whole = FRAME.pack(16 << 20, 0) + b" " * quick
    channel = Wire(whole, *[waits(clock, b" ")] * 1000)
    with pytest.raises(RemoteError) as caught:
        host_with(channel, tmp_path).ask(verbs.FACTS)
    assert caught.value.what.startswith("the host answers too slowly: ")
    assert clock[0] < 60
    assert channel.closed


def test_a_slow_line_that_moves_is_waited_for(tmp_path, clock):
    whole = frame({"ok": True, **FACTS}, b"")
    whole = FRAME.pack(len(whole) - 8 + 100 * 1024, 0) + whole[8:] + b" " * (100 * 1024)
    pieces = [waits(clock, whole[at : at + 10240], 9.0) for at in range(0, len(whole), 10240)]
    head, _ = host_with(Wire(*pieces), tmp_path).ask(verbs.FACTS)
    assert head["ok"]
    assert clock[0] > 90


def test_objects_that_come_byte_by_byte_are_given_up(tmp_path, clock):
    """Each pack, of whatever size, renewed the time that a host may stand still (fleet D2)."""
    wanted = RECORD.pack(bytes(32), 1 << 20)
    pack = frame({"pack": "plain", "raw": 1, "n": 1}, b"x")
    channel = Wire(*[waits(clock, pack)] * 1000)
    with pytest.raises(RemoteError) as caught:
        list(host_with(channel, tmp_path).packs(verbs.FETCH, wanted))
    assert caught.value.what == "fetch stands still: nothing has moved for 120 seconds"
    assert clock[0] < 300


def test_a_host_that_is_faster_than_those_it_feeds_is_not_given_up(tmp_path, clock):
    size = 1 << 20
    wanted = RECORD.pack(bytes(32), size)
    left, pieces = RECORD.size + size, []
    while left:
        raw = min(left, PIECE)
        pieces.append(frame({"pack": "plain", "raw": raw, "n": 1}, bytes(raw)))
        left -= raw
    host = host_with(Wire(*pieces, frame({"ok": True, "n": 1})), tmp_path)
    for _ in host.packs(verbs.FETCH, wanted):
        clock[0] += 200


def test_what_an_agent_says_when_sending_fails_is_not_read_for_ever(tmp_path, clock):
    class Talking(Ticking):
        def send(self, data):
            raise BrokenPipeError("broken")

        def receive(self, most, timeout_seconds):
            clock[0] += 0.1
            assert clock[0] < 60
            return super().receive(most, timeout_seconds)

    with pytest.raises(RemoteError) as caught:
        host_with(Talking(), tmp_path).ask(verbs.FACTS)
    assert caught.value.what == "the connection was cut (broken)"


def test_words_on_standard_error_without_end_are_not_read_to_their_end(clock):
    """A byte each half second on standard error held a deploy for 6 days (fleet D2)."""

    class Talking:
        status_event = threading.Event()

        def settimeout(self, seconds):
            assert seconds <= 1

        def recv_stderr(self, _most):
            clock[0] += 0.5
            assert clock[0] < 60
            return b"w"

    Talking.status_event.set()
    Talking.recv_exit_status = lambda _self: 1
    channel = object.__new__(SshChannel)
    channel._channel = Talking()
    code, words = channel.last_words()
    assert code == 1
    assert set(words) == {"w"}


def test_a_host_that_stores_nothing_holds_up_a_deploy_for_so_long_and_no_longer(
    tmp_path, monkeypatch
):
    """A `store` in a dead NFS: the receiver was joined without a limit (fleet D2)."""
    monkeypatch.setattr(patience, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(patience, "TICK_SECONDS", 0.05)
    channel = Ticking()
    host = host_with(channel, tmp_path)
    deploy = type("Deploy", (), {"timeline": Timeline(), "environment": host.environment})
    with deploy.timeline.phase("distribute"):
        receiver = Receiver(deploy, host, 1)
        receiver.put(({"pack": "plain", "raw": 1}, b"x"))
        receiver.finish()
    assert receiver.failed.what.startswith("store stands still")


def test_a_receiver_that_moves_no_more_is_not_waited_for(tmp_path, monkeypatch):
    """`finish` waited without a limit for a thread that was stuck in the middle of a packet (fleet D2)."""
    module = sys.modules["fab_static.phases.distribute"]  # a phase has the name, too
    monkeypatch.setattr(module, "FINISH_SECONDS", 0.3)
    host = host_with(Wire(), tmp_path)
    closed, goes_on = [], threading.Event()
    monkeypatch.setattr(host, "take", lambda do, frames: goes_on.wait(60))
    monkeypatch.setattr(host, "close_agent", lambda: closed.append(True))
    deploy = type("Deploy", (), {"timeline": Timeline(), "environment": host.environment})
    with deploy.timeline.phase("distribute"):
        receiver = Receiver(deploy, host, 1)
        receiver.finish()
        goes_on.set()
    assert receiver.failed.what == "the host took no data for 0.3 seconds"
    assert receiver.failed.where == "build1"
    assert closed


# ---- what an idle channel is


@pytest.fixture
def again(tmp_path, monkeypatch):
    """Return a host with a channel that was closed while idle; the next one answers."""

    def made(lost, *heads):
        host, opened = host_with(lost, tmp_path), []

        def open_anew():
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
        (Wire(frame({"tick": True})), "facts"),  # it was not idle
        (Wire(frame({"ok": True})[:-2]), "facts"),
    ],
)
def test_what_may_have_begun_is_not_asked_again(again, lost, do):
    host, opened = again(lost, {"ok": True, **FACTS})
    with pytest.raises(RemoteError, match="the connection was cut"):
        host.ask(verbs.VERBS[do])
    assert not opened


def test_who_is_interrupted_does_not_ask_again(again):
    host, opened = again(Wire(lambda _: (host.close_agent(), b"")[1]), {"ok": True, **FACTS})
    with pytest.raises(RemoteError, match="the connection was cut"):
        host.ask(verbs.FACTS)
    assert not opened


# ---- size


def peak(work):
    """Return the most memory, in bytes, that was taken meanwhile."""
    tracemalloc.start()
    try:
        with pytest.raises(RemoteError) as caught:
            work()
        return tracemalloc.get_traced_memory()[1], caught.value
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("head_size", "body_size"), [(2**32 - 1, 0), (2, 2**32 - 1), (2, 1_200_000_000), (2, 2**21)]
)
def test_a_frame_that_is_too_large_is_not_read(tmp_path, head_size, body_size):
    """1.2 GB on `state` took 2.3 GB of the operator's memory (fleet D3)."""
    channel = Wire(FRAME.pack(head_size, body_size) + b"{}", *[b"x" * 2**20] * 40)
    used, error = peak(lambda: host_with(channel, tmp_path).ask(verbs.STATE))
    assert used < 5_000_000
    assert error.where == "build1"
    assert channel.closed


@pytest.mark.parametrize(
    "values", [b"[" + b"{}," * 4_000_000 + b"{}]", b"[" + b"0," * 4_000_000 + b"0]"]
)
def test_a_head_of_many_small_values_is_not_read(tmp_path, values):
    """12 MB of empty objects are 300 MB in memory."""
    channel = Wire(frame(b'{"ok": true, "record": ' + values + b"}"))
    used, error = peak(lambda: host_with(channel, tmp_path).ask(verbs.STATE))
    assert used < 60_000_000
    assert "a head of more than 500,000 values" in error.what


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


def test_what_is_inflated_is_no_more_than_was_asked_for(tmp_path):
    """A kilobyte inflates to a megabyte, and a megabyte to a gigabyte."""
    wanted = RECORD.pack(b"\0" * 32, 10)
    bomb = zlib.compress(b"\0" * 300_000_000, 9)
    channel = Wire(frame({"pack": "deflate", "raw": RECORD.size + 10}, bomb))
    used, error = peak(lambda: list(host_with(channel, tmp_path).objects(wanted)))
    assert used < 5_000_000
    assert error.what.endswith("a pack of another size than it says")


@pytest.mark.parametrize(
    "head",
    [
        {"pack": "plain", "raw": 0}, {"pack": "plain", "raw": -1}, {"pack": "plain", "raw": 10**9},
        {"pack": "plain"}, {"pack": "plain", "raw": "1"}, {"pack": "plain", "raw": 2}, {"pack": 5, "raw": 1},
        {"pack": "deflate", "raw": 1000}, {"pack": "zip", "raw": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_stream_holds_what_was_asked_for(tmp_path, head):
    wanted = RECORD.pack(b"\0" * 32, 10)
    channel = Wire(*[frame(head, b"x")] * 100)
    with pytest.raises(RemoteError, match=r"(objects that were|an object that was) not asked for"):
        list(host_with(channel, tmp_path).objects(wanted))
    assert channel.closed


def test_an_object_that_nobody_asked_for_is_not_gathered(tmp_path):
    wanted = RECORD.pack(b"\0" * 32, 10_000_000)
    other = RECORD.pack(b"\1" * 32, 10_000_000) + b"x" * 1000
    channel = Wire(frame({"pack": "plain", "raw": len(other)}, other))
    with pytest.raises(RemoteError, match="an object that was not asked for"):
        list(host_with(channel, tmp_path).objects(wanted))


def test_a_stream_that_ends_too_early_is_told(tmp_path):
    with pytest.raises(RemoteError, match="fewer objects than were asked for"):
        list(
            host_with(Wire(frame({"ok": True})), tmp_path).packs(
                verbs.FETCH, RECORD.pack(b"\0" * 32, 1)
            )
        )


def test_of_very_much_output_the_beginning_and_the_end_are_kept():
    output = Output(most=1000)
    for number in range(10_000):
        output.add(b"%05d\n" % number)
    text = output.all()
    assert text.startswith(b"00000\n00001\n")
    assert text.endswith(b"09998\n09999\n")
    assert b"\n\xe2\x80\xa6 59,000 bytes are left out here \xe2\x80\xa6\n" in text
    assert len(text) < 1100


@pytest.mark.parametrize("sizes", [[], [0], [10, 10], [499, 1, 500], [1000], [501, 499]])
def test_output_that_is_not_much_is_kept_whole(sizes):
    output, pieces = Output(most=1000), [os.urandom(size) for size in sizes]
    for piece in pieces:
        output.add(piece)
    assert output.all() == b"".join(pieces)


# ---- whatever comes, every host is asked


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
