"""One connection for all channels: who waits while another opens it fares as that one does."""

from __future__ import annotations

import threading

import pytest
from paramiko import Transport

from fab_static.errors import RemoteError
from fab_static.plan.inventory import Environment
from fab_static.remote.connection import SharedConnection
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
