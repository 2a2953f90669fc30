"""One ssh that keeps a connection."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fab_static.remote.openssh import master as module
from fab_static.remote.openssh.master import Master, SilentError
from tests.processes import alive, becomes

Start = Callable[..., Master]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start lines of sh in the place of ssh; $0 is where the socket should be."""
    started = []

    def begin(lines: str, **options: object) -> Master:
        socket = tmp_path / "socket"
        started.append(Master(["sh", "-c", lines, str(socket)], socket, **options))
        return started[-1]

    yield begin
    for one in started:
        one.end()


def test_it_is_connected_when_its_socket_is_there(start: Start) -> None:
    master = start('touch "$0"; echo "debug1: Entering interactive session." >&2; exec sleep 60')
    assert master.is_connected(30)
    assert master.is_alive


def test_it_is_not_when_it_ends_before_and_all_its_words_are_kept(start: Start) -> None:
    master = start('echo "debug1: one" >&2; printf "it is shut\\r\\n" >&2; exit 255')
    assert not master.is_connected(30)
    assert not master.is_alive
    assert master.said.words == "it is shut"


def test_one_that_says_nothing_is_given_up(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.0)
    with pytest.raises(SilentError):
        start("exec sleep 60").is_connected(0.1)


def test_one_whose_key_signs_is_given_a_persons_time(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.0)
    accepted = "debug1: Server accepts key: k ED25519-SK SHA256:x agent"
    told: list[str] = []
    master = start(
        f'echo "{accepted}" >&2; sleep 0.5; touch "$0"; exec sleep 60', on_touch=told.append
    )
    assert master.wait_for(lambda said: "" if said.lines else None, 30) == ""
    assert master.is_connected(0.1)
    assert told == ["k"]


def test_its_end_is_that_of_all_that_it_started(start: Start, tmp_path: Path) -> None:
    master = start(f'trap "" TERM; sleep 60 & echo $! > {tmp_path}/child; touch "$0"; wait')
    assert master.is_connected(30)
    child = int((tmp_path / "child").read_text())
    master.end()
    assert not master.is_alive
    assert becomes(lambda: not alive(child))


def test_ctrl_c_on_a_terminal_does_not_reach_it(start: Start) -> None:
    master = start('touch "$0"; exec sleep 60')
    assert master.is_connected(30)
    session = subprocess.run(
        ["ps", "-o", "sid=", "-p", str(master.pid)], capture_output=True, text=True, check=True
    )
    assert int(session.stdout) == master.pid


def test_a_line_without_end_is_cut(start: Start) -> None:
    master = start("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1")
    assert not master.is_connected(30)
    assert max(map(len, master.said.lines)) == module.MOST_LINE


def test_a_reason_that_never_comes_is_not_waited_for(start: Start) -> None:
    assert start("exec sleep 60").wait_for(lambda _said: None, 0.05) is None
