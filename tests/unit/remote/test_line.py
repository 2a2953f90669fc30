"""A host that stops taking bytes holds nobody: not who sends, and not who closes (fleet D2, A5).

Paramiko itself is on both ends; the proxy between them stops reading where the test says so.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time

import paramiko
import pytest

from fab_static.remote import line as line_module
from fab_static.remote import patience
from fab_static.remote.channels import SshChannel
from fab_static.remote.frames import TooSlowError
from fab_static.remote.line import Line, end, ended_after
from fab_static.remote.ssh.opening import Transport
from tests.processes import becomes

MUCH = bytes(4 << 20)  # more than any socket holds here


class Server(paramiko.ServerInterface):
    """Lets everybody in, and starts nothing."""

    answers = True

    def check_auth_none(self, _username):
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, _kind, _chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_direct_tcpip_request(self, _chanid, _origin, _destination):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, _channel, _command):
        while not self.answers:
            time.sleep(0.05)
        return True


class Proxy:
    """Carries bytes between two sockets, in small portions, until it is stopped."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.near = socket.create_connection(server.getsockname())
            near, _ = server.accept()
        far, self.far = socket.socketpair()
        for one in (self.near, near):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.stopped, self.is_deaf = threading.Event(), threading.Event()
        self.sockets = (near, far)
        for source, target in ((near, far), (far, near)):
            threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if self.stopped.is_set():
                    if source is self.sockets[0]:
                        self.is_deaf.set()
                    return
                target.sendall(data)

    def close(self):
        self.stopped.set()
        for one in self.sockets:
            one.close()


@pytest.fixture
def closing():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def connect(closing, monkeypatch):
    """Return a function that opens a connection, and its proxy."""
    monkeypatch.setattr(patience, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(patience, "CANCEL_SECONDS", 0.5)
    key = paramiko.ECDSAKey.generate()

    def opened(near=None):
        proxy = Proxy()
        closing.callback(proxy.close)
        server = paramiko.Transport(proxy.far)
        server.add_server_key(key)
        server.start_server(event=threading.Event(), server=Server())
        closing.callback(end, server)
        transport = Transport(Line(near or proxy.near, patience.SILENCE_SECONDS))
        closing.callback(end, transport)
        transport.start_client(timeout=120)
        transport.auth_none("somebody")
        return transport, proxy, server

    return opened


def in_thread(work):
    """Do it in a thread; return where its outcome will be."""
    outcome = []

    def done():
        try:
            outcome.append(work())
        except Exception as error:
            outcome.append(error)

    threading.Thread(target=done, daemon=True).start()
    return outcome


def stands_still(transport):
    """Tell whether a packet is under way for longer than one takes that is taken."""
    line = transport.sock
    return line.is_under_way and time.monotonic() - line._began > 0.3


def test_who_sends_to_a_host_that_takes_nothing_is_told(connect):
    """The deadline was looked at between packets, and the packet itself had none."""
    transport, proxy, _ = connect()
    channel = SshChannel(transport, "agent", 30)
    proxy.stopped.set()
    outcome = in_thread(lambda: channel.send(MUCH))
    assert becomes(lambda: outcome)
    assert isinstance(outcome[0], TooSlowError)
    assert str(outcome[0]) == "of 4,194,304 bytes it did not take all"
    assert not transport.is_active()


def test_who_closes_is_not_held_by_who_sends(connect, monkeypatch):
    """After Ctrl-C the main thread waited in `close_agent` for the lock that a packet held."""
    monkeypatch.setattr(patience, "SILENCE_SECONDS", 300.0)
    transport, proxy, _ = connect()
    channel = SshChannel(transport, "agent", 30)
    proxy.stopped.set()
    outcome = in_thread(lambda: channel.send(MUCH))
    assert becomes(lambda: stands_still(transport))
    closed = in_thread(channel.close)
    assert becomes(lambda: closed and outcome)
    assert isinstance(outcome[0], (OSError, EOFError))
    assert not transport.is_active()


def test_what_stands_still_is_ended_at_once(connect, monkeypatch):
    monkeypatch.setattr(patience, "SILENCE_SECONDS", 300.0)
    monkeypatch.setattr(patience, "CANCEL_SECONDS", 300.0)
    monkeypatch.setattr(line_module, "STILL_SECONDS", 0.2)
    transport, proxy, _ = connect()
    channel = SshChannel(transport, "agent", 30)
    proxy.stopped.set()
    in_thread(lambda: channel.send(MUCH))
    # the proxy takes one portion more, once a busy machine lets it
    assert becomes(lambda: proxy.is_deaf.is_set() and transport.sock.stands_still)
    closed = in_thread(channel.close)
    assert becomes(lambda: closed)


def test_a_channel_that_does_not_stand_still_leaves_the_connection_to_the_others(connect):
    transport, _, _ = connect()
    channel, other = (SshChannel(transport, "agent", 30) for _ in range(2))
    channel.send(b"some")
    channel.close()
    assert transport.is_active()
    other.send(b"more")


def test_a_little_is_not_sent_where_a_packet_is_under_way(connect, monkeypatch):
    """`cancel` and `alive` were sent when SSH's own window was open, whatever the socket held."""
    monkeypatch.setattr(patience, "SILENCE_SECONDS", 300.0)
    transport, proxy, _ = connect()
    channel, other = (SshChannel(transport, "agent", 30) for _ in range(2))
    assert other.is_ready()
    proxy.stopped.set()
    in_thread(lambda: channel.send(MUCH))
    assert becomes(lambda: stands_still(transport))
    assert not other.is_ready()


def test_a_server_that_answers_nothing_to_a_command_is_given_up(connect, monkeypatch):
    """Paramiko waits for that answer without a limit."""
    transport, _, _ = connect()
    monkeypatch.setattr(Server, "answers", False)
    outcome = in_thread(lambda: SshChannel(transport, "agent", 0.2))
    assert becomes(lambda: outcome)
    assert isinstance(outcome[0], TooSlowError)
    assert str(outcome[0]) == "it did not answer for 1 seconds"
    monkeypatch.setattr(Server, "answers", True)


def test_a_gateway_that_takes_nothing_holds_nobody_either(connect, closing, monkeypatch):
    """To close the channel through a gateway takes a word to the gateway, which is as stuck."""
    outer, proxy, gateway = connect()
    through = outer.open_channel("direct-tcpip", ("host", 22), ("here", 0))
    inside = gateway.accept(120)
    behind = paramiko.Transport(inside)
    behind.add_server_key(paramiko.ECDSAKey.generate())
    behind.start_server(event=threading.Event(), server=Server())
    closing.callback(end, behind)
    transport = Transport(Line(through, patience.SILENCE_SECONDS))
    transport.start_client(timeout=120)
    transport.auth_none("somebody")
    channel = SshChannel(transport, "agent", 30)
    assert channel.is_ready()
    proxy.stopped.set()
    outcome = in_thread(lambda: channel.send(MUCH))
    assert becomes(lambda: outcome)
    assert isinstance(outcome[0], TooSlowError)
    closed = in_thread(channel.close)
    assert becomes(lambda: closed)
    assert not transport.is_active()
    assert not outer.is_active()


def test_a_proxy_command_that_takes_nothing_is_given_up():
    """Its pipe has no time-out: a write of 32 KiB waited in the kernel."""
    command = paramiko.ProxyCommand(f"{sys.executable} -c 'import time; time.sleep(300)'")
    try:
        line = Line(command, 0.5)
        outcome = in_thread(lambda: paramiko.packet.Packetizer(line).write_all(MUCH))
        assert becomes(lambda: outcome)
        assert isinstance(outcome[0], EOFError)
        assert line.has_given_up
    finally:
        command.close()
        command.process.communicate()


def test_all_that_a_proxy_command_takes_arrives():
    command = paramiko.ProxyCommand("sha256sum")
    command.process.stdin.flush()
    data = os.urandom(1 << 20)
    paramiko.packet.Packetizer(Line(command, 30)).write_all(data)
    output, _ = command.process.communicate(timeout=120)
    asked = subprocess.run(["sha256sum"], input=data, capture_output=True, check=True)
    assert output == asked.stdout


def test_a_packet_that_trickles_away_is_given_up(monkeypatch):
    """A byte now and then kept it alive for ever."""
    now = [0.0]
    monkeypatch.setattr(line_module.time, "monotonic", lambda: now[0])

    class Trickle:
        def send(self, data):
            now[0] += 9
            return 1

    with pytest.raises(EOFError):
        paramiko.packet.Packetizer(Line(Trickle(), 30)).write_all(bytes(1000))
    assert now[0] < 60


def test_an_interrupted_packet_is_followed_by_nothing(connect, monkeypatch):
    """What came next was taken for its rest: the host would have met a packet with a wrong MAC."""
    transport, _, _ = connect()
    channel = SshChannel(transport, "agent", 30)

    def interrupted(_data):
        raise KeyboardInterrupt

    monkeypatch.setattr(transport.sock, "_send_some", interrupted)
    with pytest.raises(KeyboardInterrupt):
        channel.send(b"some")
    assert not transport.is_active()


def test_what_ends_in_time_is_left_alone():
    class Transport:
        def close(self):
            raise AssertionError

    with ended_after(Transport(), 30):
        pass
