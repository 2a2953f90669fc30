"""What comes from a host is judged: its number, its shape, its size, its pace (fleet A5, D1, D2, D3)."""

import dataclasses
import json
import os
import sys
import threading
import time

import pytest

from fab_static.errors import RemoteError
from fab_static.host.agent.protocol import FRAME, PIECE, RECORD
from fab_static.phases.distribute import Receiver
from fab_static.phases.run.project import ProjectOnHost
from fab_static.plan.wire import answers, asks, questions, verbs
from fab_static.remote import frames, patience
from fab_static.remote.channels import SshChannel
from fab_static.remote.requests import Requests
from fab_static.timeline import Timeline
from tests.processes import alive, becomes
from tests.unit.remote.wires import FACTS, Ticking, Wire, frame, host_with, peak

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
        asked.ask(questions.SOURCES, questions.OfCollectstatic(words=None))
    host.close_agent()
    assert caught.value.where == "build1"


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


class Ended(Wire):
    """A login that has ended before anything of ours was sent."""

    def send(self, data):
        raise OSError("Socket is closed")

    def last_words(self):
        return 1, ""


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Return a function that gives why no agent speaks, where a login printed this and ended."""

    def what(*printed):
        host = host_with(None, tmp_path)
        monkeypatch.setattr(host._agent._opening, "channel", lambda: Ended(*printed))
        with pytest.raises(RemoteError) as caught:
            host.ask(verbs.FACTS)
        return caught.value.what

    return what


def test_what_a_login_said_before_it_ended_is_told_though_nobody_took_our_words(refused):
    """A forced command that prints and ends may do so before we have sent anything."""
    told = refused(b"Only backups ", b"here\n")
    assert "Only backups here" in told
    assert "closed" not in told


def test_a_login_that_ends_at_once_is_told_by_its_status_though_nobody_took_our_words(refused):
    """/bin/false may have ended before we have sent anything: "Socket is closed" was told."""
    assert refused() == "the host agent did not start: exit status 1"


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
        receiver.put(None)
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
        receiver.put(None)
        receiver.finish()
        goes_on.set()
    assert receiver.failed.what == "the host took no data for 0.3 seconds"
    assert receiver.failed.where == "build1"
    assert closed


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
