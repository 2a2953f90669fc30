"""What a server may do before it has said who it is: nothing, something else, or hang up."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from fab_static.plan.inventory import Ssh
from fab_static.remote.ssh.asking import Asked
from fab_static.remote.ssh.hops import Hop
from fab_static.remote.ssh.opening import opened
from fab_static.remote.ssh.reaching import reached
from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.settings import Settings

Answer = Callable[[socket.socket], None]


@contextlib.contextmanager
def server(answer: Answer) -> Iterator[Hop]:
    """Serve one connection; give the hop that leads there."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                line, _ = listening.accept()
                with line:
                    answer(line)

        threading.Thread(target=serve, daemon=True).start()
        port = listening.getsockname()[1]
        yield Hop(Asked("web1"), Settings("web1", "127.0.0.1", port, "anna", connect_timeout=1))


def says(data: bytes) -> Answer:
    def answer(line: socket.socket) -> None:
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        while line.recv(4096):
            pass

    return answer


def silent(line: socket.socket) -> None:
    while line.recv(4096):
        pass


def hangs_up(line: socket.socket) -> None:
    line.close()


@pytest.mark.parametrize(
    ("answer", "what", "mend"),
    [
        (hangs_up, "closed the connection before a word was said", "MaxStartups"),
        (says(b"Exceeded MaxStartups\r\n"), "closed the connection before a word", "MaxStartups"),
        (silent, "did not answer within 1 seconds", "firewall"),
        (says(b"HTTP/1.1 400 Bad Request\r\n" * 101), "speaks no SSH", "see what listens there"),
        (says(b"SSH-1.5-old\r\n"), "agree on no algorithm|speaks no SSH", ""),
    ],
)
def test_a_server_that_does_not_greet_is_told_with_a_cure(
    answer: Answer, what: str, mend: str
) -> None:
    with server(answer) as hop, pytest.raises(HopError, match=what) as caught:
        opened(hop, reached(hop, None, None), Ssh())
    assert mend in caught.value.mend


@pytest.mark.parametrize(("answer", "is_busy"), [(hangs_up, True), (silent, False)])
def test_only_a_door_that_was_closed_at_once_may_open_in_a_moment(
    answer: Answer, is_busy: bool
) -> None:
    with server(answer) as hop, pytest.raises(HopError) as caught:
        opened(hop, reached(hop, None, None), Ssh())
    assert caught.value.is_busy == is_busy
