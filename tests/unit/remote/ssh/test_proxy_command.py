"""A ProxyCommand carries bytes, says why it failed, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from fab_static.remote.line import Line
from fab_static.remote.ssh.proxy_command import MOST_WORDS, ProxyCommand
from tests.processes import alive, becomes


def test_bytes_go_both_ways() -> None:
    command = ProxyCommand("cat")
    command.send(b"there and back")
    command.settimeout(120)
    assert command.recv(100) == b"there and back"
    command.close()


def test_a_shell_reads_the_words(tmp_path: Path) -> None:
    command = ProxyCommand(f"sh -c 'echo hidden >&2; cat' 2>{tmp_path}/said")
    command.sendall(b"x")
    command.settimeout(120)
    assert command.recv(1) == b"x"
    command.close()
    assert becomes(lambda: (tmp_path / "said").read_text() == "hidden\n")


def test_why_it_failed_is_kept_and_bounded() -> None:
    command = ProxyCommand("sh -c 'head -c 100000 /dev/zero | tr \"\\0\" x >&2; echo no way >&2'")
    command.settimeout(120)
    assert command.recv(1) == b""
    assert becomes(lambda: command.words.endswith("no way"))
    assert len(command.words) <= MOST_WORDS
    command.close()


def test_closing_ends_all_that_it_started(tmp_path: Path) -> None:
    """A cat in the background kept the host's session open for ever."""
    file = tmp_path / "pids"
    command = ProxyCommand(f"sh -c 'sleep 100 & echo $! $$ >{file}; wait'")
    assert becomes(lambda: file.exists() and len(file.read_text().split()) == 2)
    command.close()
    for pid in map(int, file.read_text().split()):
        assert becomes(lambda pid=pid: not alive(pid))


def test_ctrl_c_is_not_for_it() -> None:
    command = ProxyCommand("cat")
    assert os.getpgid(command._process.pid) != os.getpgid(0)
    command.close()


def sent_for_ever(line: Line) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            line.send(bytes(100_000))


def test_one_that_takes_no_bytes_is_given_up() -> None:
    command = ProxyCommand("sleep 100")
    command.settimeout(0.05)
    with pytest.raises(EOFError, match="takes no data"):
        sent_for_ever(Line(command, 0.2))
    command.close()
