"""What a server may do before it has said who it is: nothing, something else, or hang up."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from fab_static.plan.inventory import Ssh
from fab_static.remote.ssh import asking, opening
from fab_static.remote.ssh.hops import Hop
from fab_static.remote.ssh.opening import opened
from fab_static.remote.ssh.reaching import reached
from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.settings import Settings

Answer = Callable[[socket.socket], None]


@contextlib.contextmanager
def server(answer: Answer) -> Iterator[Hop]:
    """Serve one connection; give the hop that leads there. Only who says nothing is given up soon."""
    patience = 1 if answer is silent else 120
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                line, _ = listening.accept()
                with line:
                    answer(line)

        threading.Thread(target=serve, daemon=True).start()
        port = listening.getsockname()[1]
        yield Hop(
            asking.Asked("web1"),
            Settings("web1", "127.0.0.1", port, "anna", connect_timeout=patience),
        )


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


def resets_after(data: bytes) -> Answer:
    """Return what says so much, and then takes the connection away."""

    def answer(line: socket.socket) -> None:
        line.sendall(data)
        line.recv(4096)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return answer


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


def test_what_the_server_said_instead_is_shown() -> None:
    answer = says(b"Not allowed at this time\r\n")
    with server(answer) as hop, pytest.raises(HopError, match="it said: Not allowed at this time"):
        opened(hop, reached(hop, None, None), Ssh())


def test_paramikos_own_words_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each door that was tried again left a traceback on the terminal."""
    printed: list[logging.LogRecord] = []
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.lastResort, "emit", printed.append)
    with server(says(b"Exceeded MaxStartups\r\n")) as hop, pytest.raises(HopError):
        opened(hop, reached(hop, None, None), Ssh())
    assert not printed


@pytest.mark.parametrize(
    ("answer", "is_busy"),
    [
        (hangs_up, True),
        (says(b"Exceeded MaxStartups\r\n"), True),
        (says(b"SSH-2.0-Ope"), True),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), True),
        (resets_after(b"SSH-2.0-OpenSSH_9.2\r\n"), True),
        (resets_after(b""), True),
        (silent, False),
        (says(b"HTTP/1.1 400 Bad Request\r\n" * 101), False),
        (says(b"SSH-1.5-old\r\n"), False),
    ],
)
def test_only_a_door_that_was_closed_at_once_may_open_in_a_moment(
    answer: Answer, is_busy: bool
) -> None:
    with server(answer) as hop, pytest.raises(HopError) as caught:
        opened(hop, reached(hop, None, None), Ssh())
    assert caught.value.is_busy == is_busy


class Answers:
    """The line of a transport: what the host says is counted there."""

    heard = 0

    def is_ready(self) -> bool:
        return True


class Transport(opening.Transport):
    """One that sends nothing; its questions are counted."""

    def __init__(self, line: Answers) -> None:
        self.line = line  # type: ignore[assignment]
        self.packetizer = self
        self.questions = 0

    def set_keepalive(self, _interval: int, ask: Callable[[], None]) -> None:
        self.ask = ask

    def _send_user_message(self, _message: object) -> None:
        self.questions += 1


def test_a_host_that_answers_no_question_is_given_up() -> None:
    transport = Transport(Answers())
    transport.ask_whether_alive(15, 3)
    for _ in range(3):
        transport.ask()
    with pytest.raises(EOFError, match="said nothing for 45 seconds"):
        transport.ask()
    assert transport.questions == 3


def test_any_word_of_the_host_counts_as_an_answer() -> None:
    transport = Transport(Answers())
    transport.ask_whether_alive(15, 3)
    for _ in range(10):
        transport.ask()
        transport.line.heard += 1
    assert transport.questions == 10
