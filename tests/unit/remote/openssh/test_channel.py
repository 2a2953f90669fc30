"""A process on a host, through the connection that an ssh keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fab_static.errors import RemoteError
from fab_static.remote.openssh import channel as module
from fab_static.remote.openssh.channel import OpensshChannel

Start = Callable[[str], OpensshChannel]


@pytest.fixture
def cuts() -> list[str]:
    return []


@pytest.fixture
def start(cuts: list[str]) -> Iterator[Start]:
    """Start lines of sh in the place of ssh."""
    started = []

    def no_session(words: str) -> RemoteError | None:
        if "refused by peer" not in words:
            return None
        return RemoteError("the SSH server opens no session", where="web1", mend="see MaxSessions")

    def begin(lines: str) -> OpensshChannel:
        started.append(OpensshChannel(["sh", "-c", lines], no_session, lambda: cuts.append("cut")))
        return started[-1]

    yield begin
    for one in started:
        one.close()


def test_bytes_go_there_and_back(start: Start) -> None:
    channel = start("exec cat")
    channel.send(b"hello")
    assert channel.receive(100, 30) == b"hello"
    assert channel.is_ready()


NO_SESSION = "echo 'session request failed: Session open refused by peer' >&2; exit 255"


def test_a_server_that_opens_no_session_is_told_in_words(start: Start) -> None:
    with pytest.raises(RemoteError, match="the SSH server opens no session"):
        start(NO_SESSION).receive(100, 30)


def test_so_it_is_where_it_was_to_take_data_first(start: Start) -> None:
    channel = start(NO_SESSION)
    channel.last_words()
    with pytest.raises(RemoteError, match="the SSH server opens no session"):
        channel.send(b"x" * 1_000_000)


@pytest.mark.parametrize(
    "lines", ["echo 'refused by peer' >&2; exit 1", "echo 'not found' >&2; exit 255"]
)
def test_a_command_that_fails_is_none_of_the_servers_refusals(start: Start, lines: str) -> None:
    assert start(lines).receive(100, 30) == b""


def test_what_comes_after_the_first_bytes_is_none_either(start: Start) -> None:
    channel = start(f"echo hello; read x; {NO_SESSION}")
    assert channel.receive(100, 30) == b"hello\n"
    channel.send(b"\n")
    assert channel.receive(100, 30) == b""


def test_last_words_are_the_status_and_standard_error_and_can_be_asked_for_twice(
    start: Start,
) -> None:
    channel = start("echo no python >&2; exit 127")
    assert channel.last_words() == (127, "no python")
    assert channel.last_words() == (127, "no python")


def test_one_that_goes_on_has_last_words_too(start: Start) -> None:
    channel = start("echo Password: >&2; exec sleep 60")
    assert channel.last_words() == (None, "Password:")


def test_closing_ends_one_that_reads_its_input(start: Start, cuts: list[str]) -> None:
    channel = start("cat; exit 0")
    channel.close()
    assert channel.last_words()[0] == 0
    assert cuts == []


def test_closing_does_not_wait_for_one_that_does_not_end(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANCEL_SECONDS", 0.01)
    channel = start("exec sleep 60")
    channel.close()
    assert channel.last_words()[0] == -9


def test_a_connection_that_was_lost_is_said_when_the_channel_closes(
    start: Start, cuts: list[str]
) -> None:
    channel = start("exit 255")
    assert channel.receive(100, 30) == b""
    channel.close()
    assert cuts == ["cut"]
