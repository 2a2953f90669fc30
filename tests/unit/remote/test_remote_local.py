"""The fleet and its errors, on hosts that are this machine, and on channels that misbehave."""

import hashlib
import json
import os
import socket
import threading
import time

import pytest

from fab_static.errors import ReleaseError, RemoteError
from fab_static.host.agent.protocol import FRAME, PIECE, RECORD
from fab_static.plan.inventory import Environment, Host, Project, Ssh
from fab_static.plan.wire import asks, verbs
from fab_static.remote import Fleet, RemoteHost, together
from fab_static.remote.agent_channel import AgentChannel
from fab_static.remote.channels import LocalChannel
from fab_static.remote.ssh.asking import Asked
from fab_static.remote.ssh.hops import Hop
from fab_static.remote.ssh.reaching import reached
from fab_static.remote.ssh.settings import Settings


def environment_at(folder, names=("build1", "edge1", "web1"), **ssh):
    roles = {"build1": ("build",), "edge1": ("static",), "web1": ("web", "static")}
    return Environment(
        name="production",
        app="shop",
        deploy_to=f"{folder}/{{host}}",
        hosts=tuple(Host(name, name, roles.get(name, ("web",)), local=True) for name in names),
        project=Project(path="/srv/shop/code"),
        ssh=Ssh(**ssh),
    )


@pytest.fixture
def fleet(tmp_path):
    fleet = Fleet(environment_at(tmp_path))
    yield fleet
    fleet.close()


def refuse(host):
    raise RemoteError(f"{host.name} is broken", where=host.name, mend="mend it")


def test_hosts_are_chosen_by_role_in_the_inventorys_order(fleet):
    assert [host.name for host in fleet.with_role("static")] == ["edge1", "web1"]
    assert [host.name for host in fleet.with_role("web", "build")] == ["build1", "web1"]
    assert fleet.build.name == "build1"


def test_work_is_done_on_every_host_and_each_answers_for_itself(fleet):
    answers = fleet.on(
        fleet.hosts, lambda host: host.ask(verbs.PUT_OBJECT, body=host.name.encode())[0]
    )
    assert [host.name for host in fleet.hosts] == sorted(host.name for host in answers)
    assert len({answer["object"] for answer in answers.values()}) == 3


def test_hosts_are_worked_on_at_once(fleet):
    """Each waits for all the others: one after the other would never end."""
    together_now = threading.Barrier(3, timeout=120)
    assert len(fleet.on(fleet.hosts, lambda host: together_now.wait())) == 3


def test_no_more_hosts_at_once_than_the_inventory_says(tmp_path):
    fleet = Fleet(environment_at(tmp_path, names=[f"web{n}" for n in range(8)], parallel=2))
    lock, now, most = threading.Lock(), [0], [0]

    def work(host):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.01)
        with lock:
            now[0] -= 1

    fleet.on(fleet.hosts, work)
    fleet.close()
    assert most[0] <= 2


def test_every_host_that_failed_is_named_and_all_are_waited_for(fleet):
    done = []

    def work(host):
        if host.name != "edge1":
            refuse(host)
        done.append(host.name)

    with pytest.raises(RemoteError) as caught:
        fleet.on(fleet.hosts, work)
    assert done == ["edge1"]
    first, *lines = caught.value.what.split("\n")
    assert first == "2 hosts failed:"
    assert sorted(lines) == ["  build1: build1 is broken", "  web1: web1 is broken"]
    assert sorted(caught.value.where.split(", ")) == ["build1", "web1"]
    assert caught.value.mend == "mend it"


def test_the_one_host_that_failed_tells_its_own_error(fleet):
    with pytest.raises(ReleaseError) as caught:
        fleet.on(
            fleet.hosts[1:2],
            lambda host: host.ask(
                verbs.READ_RELEASE, asks.Release(release="20261121T170102Z-00000001")
            ),
        )
    assert caught.value.what == "there is no release 20261121T170102Z-00000001"
    assert caught.value.where.startswith("edge1: ")


def test_attempt_gives_answers_and_failures(fleet):
    def work(host):
        if host.name == "web1":
            refuse(host)
        return host.name

    results, failures = fleet.attempt(fleet.hosts, work)
    assert sorted(results.values()) == ["build1", "edge1"]
    assert [(host.name, error.what) for host, error in failures.items()] == [
        ("web1", "web1 is broken")
    ]


def test_attempt_of_no_host_is_nothing(fleet):
    assert fleet.attempt([], refuse) == ({}, {})
    assert fleet.on([], refuse) == {}


def test_a_bug_is_not_taken_for_a_host_that_failed(fleet):
    def work(host):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fleet.on(fleet.hosts, work)


def test_errors_of_one_kind_stay_of_that_kind_and_mixed_ones_are_remote(fleet):
    build, edge, web = fleet.hosts
    one = ReleaseError("a", where="build1: x", mend="deploy again")
    two = ReleaseError("b", where="edge1: x", mend="deploy again")
    other = RemoteError("c", where="web1", mend="look")
    assert together({build: one}) is one
    same = together({build: one, edge: two})
    assert type(same) is ReleaseError
    assert str(same) == (
        "2 hosts failed:\n  build1: x: a\n  edge1: x: b\n"
        "  where: build1, edge1\n"
        "  mend:  deploy again"
    )
    mixed = together({build: one, web: other})
    assert type(mixed) is RemoteError
    assert mixed.mend == "deploy again\n         look"


def test_deploy_to_is_each_hosts_own(fleet, tmp_path):
    for host in fleet.hosts:
        host.ask(verbs.PUT_OBJECT, body=b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build1", "edge1", "web1"]


def test_a_failed_command_gives_code_and_output(fleet):
    ran = fleet.build.run(["sh", "-c", "echo why >&2; exit 7"])
    assert (ran.code, ran.output, ran.timed_out) == (7, "why\n", False)


def test_a_command_that_cannot_start_is_127_with_the_reason(fleet):
    ran = fleet.build.run(["/no/such/program"])
    assert (ran.code, ran.output) == (127, "/no/such/program: No such file or directory")


def test_a_command_beyond_the_time_out_is_ended_and_told(tmp_path):
    fleet = Fleet(environment_at(tmp_path, names=["build1"], command_timeout=0.3))
    ran = fleet.build.run(["sleep", "60"])
    fleet.close()
    assert ran.timed_out
    assert ran.code == -9


def test_closing_the_fleet_ends_every_agent(tmp_path):
    fleet = Fleet(environment_at(tmp_path))
    fleet.on(fleet.hosts, lambda host: host.ask(verbs.STATE))
    processes = [host._agent._channel._process for host in fleet.hosts]
    fleet.close()
    assert [process.returncode for process in processes] == [0, 0, 0]


# ---- channels that misbehave


class FakeChannel:
    """Gives frames out of a list; then the connection ends."""

    def __init__(self, *heads, send_error=None):
        self.data = b"".join(
            FRAME.pack(len(text), 0) + text for text in (json.dumps(it).encode() for it in heads)
        )
        self.send_error = send_error
        self.closed = False

    def send(self, data):
        if self.send_error:
            raise self.send_error

    def has_ended(self):
        return False

    def receive(self, most, timeout_seconds):
        time.sleep(0.02)
        size = min(most, 64)
        piece, self.data = self.data[:size], self.data[size:]
        return piece

    def last_words(self):
        return None, ""

    def close(self):
        self.closed = True


class SilentChannel(FakeChannel):
    def receive(self, most, timeout_seconds):
        raise TimeoutError


def host_with(channel, tmp_path):
    environment = environment_at(tmp_path)
    host = RemoteHost(environment.hosts[0], environment)
    host._agent._channel = channel
    return host


def test_a_host_that_only_ticks_is_given_up_at_the_deadline(tmp_path):
    """A hung file system: the agent lives and ticks, and the request never ends."""
    channel = FakeChannel(*[{"tick": True}] * 200)
    host = host_with(channel, tmp_path)
    with pytest.raises(RemoteError) as caught:
        host.ask(verbs.STATE, timeout_seconds=0.2)
    assert caught.value.what == "state was not done after 0.2 seconds"
    assert caught.value.mend == "raise ssh.command_timeout if that is not long for this host"
    assert channel.closed


def test_a_host_that_says_nothing_is_given_up(tmp_path):
    channel = SilentChannel()
    with pytest.raises(RemoteError) as caught:
        host_with(channel, tmp_path).ask(verbs.STATE)
    assert caught.value.what == "the host said nothing for 30 seconds"
    assert caught.value.where == "build1"
    assert channel.closed


def test_a_connection_that_ends_in_the_middle_is_told(tmp_path):
    channel = FakeChannel({"ok": True})
    channel.data = channel.data[:-3]
    with pytest.raises(RemoteError) as caught:
        host_with(channel, tmp_path).ask(verbs.STATE)
    assert caught.value.what == "the connection was cut (the connection ended)"


def test_an_answer_that_is_no_frame_is_a_cut_connection(tmp_path):
    channel = FakeChannel()
    channel.data = FRAME.pack(4, 0) + b"oops"
    with pytest.raises(RemoteError, match="the connection was cut"):
        host_with(channel, tmp_path).ask(verbs.STATE)


def test_the_agents_own_reason_is_told_when_sending_fails(tmp_path):
    """It refused, and went away while we still sent: "the disk is full" is the reason, not the cut."""
    reason = {"what": "the disk is full", "where": "/srv", "mend": "free some", "kind": "host"}
    channel = FakeChannel({"error": reason}, send_error=BrokenPipeError())
    with pytest.raises(RemoteError) as caught:
        host_with(channel, tmp_path).ask(verbs.PUT_OBJECT, body=b"x")
    assert caught.value.what == "the disk is full"
    assert caught.value.where == "build1: /srv"


# ---- objects


def put(host, *bodies):
    """Put bodies on a host; return their records."""
    answers = [host.ask(verbs.PUT_OBJECT, body=body)[0] for body in bodies]
    return b"".join(
        RECORD.pack(bytes.fromhex(answer["object"]), answer["size"]) for answer in answers
    )


def test_objects_come_whole_whatever_the_pieces_they_came_in(fleet):
    bodies = [
        b"",
        b"a" * 3 * PIECE,
        os.urandom(PIECE + 1),
        b"small",
        *map(os.urandom, range(1, 40)),
    ]
    wanted = put(fleet.build, *bodies)
    came = dict(fleet.build.objects(wanted))
    assert came == {hashlib.sha256(body).hexdigest(): body for body in bodies}
    assert fleet.build.ask(verbs.PING)[0]["ok"]  # the channel is free again


@pytest.mark.parametrize("is_here", [False, True])
def test_a_long_request_goes_deflated_over_a_line_and_arrives_as_it_was(
    fleet, monkeypatch, is_here
):
    """A seal of ten thousand files is 1.5 MB, for each host."""
    monkeypatch.setattr(AgentChannel, "is_here", is_here)
    sent = []
    send = LocalChannel.send
    monkeypatch.setattr(
        LocalChannel, "send", lambda self, data: (sent.append(len(data)), send(self, data))[1]
    )
    body = b'{"path": "js/cart.js", "sha256": "00"}\n' * 10_000
    answer, _ = fleet.build.ask(verbs.PUT_OBJECT, body=body)
    assert answer["object"] == hashlib.sha256(body).hexdigest()
    assert sum(sent) > len(body) if is_here else sum(sent) < len(body) / 4


def test_an_object_that_was_damaged_on_its_host_goes_nowhere(fleet, tmp_path):
    wanted = put(fleet.build, b"right")
    (path,) = (tmp_path / "build1" / "objects").rglob("[0-9a-f]" * 64)
    path.chmod(0o644)
    path.write_bytes(b"wrong")
    with pytest.raises(RemoteError, match="has other bytes than its name says") as caught:
        list(fleet.build.objects(wanted))
    assert caught.value.where == "build1"


def test_no_packet_waits_for_the_one_before_it_to_be_acknowledged():
    """With Nagle's algorithm, which paramiko leaves on, each request of two packets took 40 ms more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        hop = Hop(Asked("edge1"), Settings("edge1", "127.0.0.1", port, "anna"))
        with reached(hop, None, None) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
