"""One connection for all channels: who waits while another opens it fares as that one does."""

from __future__ import annotations

import threading

import pytest
from paramiko import SSHException, Transport

from fab_static.errors import RemoteError
from fab_static.plan.inventory import Environment
from fab_static.remote import connection as module
from fab_static.remote.connection import SharedConnection
from fab_static.workers import Workers
from tests.processes import becomes
from tests.unit.remote.ssh.conftest import Reached


class Door:
    """A lock that counts who has come to it."""

    def __init__(self) -> None:
        self.came = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.came += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Dead(SharedConnection):
    """A way to a host that is down: each try ends once it may."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment.hosts[0], environment)
        self.door = self._opening = Door()  # type: ignore[assignment]
        self.may_end = threading.Event()
        self.tries = 0

    def _connect(self) -> Transport:
        self.tries += 1
        self.may_end.wait()
        raise RemoteError("no route to host", where="web1", mend="")


def test_two_that_need_it_at_once_try_once(reached: Reached) -> None:
    connection = Dead(reached(""))
    failed: list[str] = []

    def opened() -> None:
        with pytest.raises(RemoteError) as caught:
            connection.channel("true")
        failed.append(caught.value.what)

    first, second = (threading.Thread(target=opened) for _ in range(2))
    first.start()
    assert becomes(lambda: connection.tries == 1)
    second.start()
    assert becomes(lambda: connection.door.came == 2)
    connection.may_end.set()
    first.join()
    second.join()
    assert (connection.tries, failed) == (1, ["no route to host"] * 2)


def test_who_comes_later_tries_again(reached: Reached) -> None:
    connection = Dead(reached(""))
    connection.may_end.set()
    for _ in range(2):
        with pytest.raises(RemoteError):
            connection.channel("true")
    assert connection.tries == 2


@pytest.mark.parametrize(
    ("is_opened", "what"),
    [
        (True, "the SSH server opens no further session on a connection that has one (refused)"),
        (False, "the SSH server opens no session (refused)"),
    ],
)
def test_who_is_refused_a_session_waits_for_what_becomes_of_the_one_begun_beside_it(
    reached: Reached, monkeypatch: pytest.MonkeyPatch, is_opened: bool, what: str
) -> None:
    """The lock's agent and the host's own begin at once: MaxSessions 1 lets one of them in."""
    connection = SharedConnection(reached("").hosts[0], reached(""))
    monkeypatch.setattr(connection, "_open", lambda: None)
    begun, may_end = threading.Event(), threading.Event()

    class Session:
        def __init__(self, _: object, command: str, timeout_seconds: float) -> None:
            if command == "first":
                begun.set()
                assert may_end.wait(timeout_seconds)
            if command == "second" or not is_opened:
                raise SSHException("refused")

        def has_ended(self) -> bool:
            return False

    monkeypatch.setattr(module, "SshChannel", Session)
    with Workers(2, "test") as workers:
        first = workers.submit(connection.channel, "first")
        assert begun.wait(120)
        second = workers.submit(connection.channel, "second")
        assert becomes(lambda: bool(connection._decided._waiters))  # type: ignore[attr-defined]
        may_end.set()
        if is_opened:
            assert first.result(120)
        with pytest.raises(RemoteError) as caught:
            second.result(120)
    assert caught.value.what == what
