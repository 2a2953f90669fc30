"""Ends processes and all that they started; run as a program, it does so where their owner could not any more.

As a program it needs the standard library alone, so that one for each fleet costs little.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

END_SECONDS = 4.0  # from a signal to the end
POLL_SECONDS = 0.005


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def kill_tree(root: int) -> None:
    """Kill a process that we started, and all its descendants, however fast it forks.

    sshd's sessions lead process groups of their own, so a group is not enough. Each process is
    frozen before its children are listed: Linux lets no fork through once a signal is pending.
    """
    frozen, to_freeze = [], [root]
    while to_freeze:
        pid = to_freeze.pop()
        _send(pid, signal.SIGSTOP)
        frozen.append(pid)
        to_freeze += [child for child, parent in _parents() if parent == pid]
    for pid in frozen:
        _send(pid, signal.SIGKILL)
    _wait_until_gone(frozen[1:])  # the root is our child: its own wait() reaps it


def kill_marked(mark: str) -> None:
    """Kill what runs with this run's mark in its environment, until nothing does."""
    for _ in range(20):
        marked = [
            int(entry.name)
            for entry in _processes()
            if f"\0{mark}".encode() in b"\0" + _read(entry / "environ")
        ]
        if not marked:
            return
        for pid in marked:
            _send(pid, signal.SIGKILL)
        _wait_until_gone(marked)


def _wait_until_gone(pids: Iterable[int]) -> None:
    deadline = time.monotonic() + END_SECONDS
    for pid in pids:
        while time.monotonic() < deadline:
            state = _stat(Path(f"/proc/{pid}"))
            if not state or state[0] in ("Z", "X"):  # nobody may be there to reap it
                break
            time.sleep(POLL_SECONDS)


def _processes() -> Iterator[Path]:
    return (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _parents() -> list[tuple[int, int]]:
    """Return the pid and the parent's pid of every process."""
    found = ((int(entry.name), _stat(entry)) for entry in _processes())
    return [(pid, int(fields[1])) for pid, fields in found if fields]


def _stat(entry: Path) -> list[str]:
    """Return a process's fields from its state on; [] when it is gone. See proc_pid_stat(5)."""
    return _read(entry / "stat").decode(errors="replace").rpartition(")")[2].split()


def birth(pid: int) -> str:
    """Return when a process started, in clock ticks since boot: with the pid it is one process."""
    return "".join(_stat(Path(f"/proc/{pid}"))[19:20])


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # the process ended, or is another user's
        return b""


def _watch(mark: str) -> None:
    """Wait for the owner's end; then end the servers named on stdin that it did not end itself."""
    started = [line.split() for line in sys.stdin]
    for pid, born in started:
        if birth(int(pid)) == born:
            kill_tree(int(pid))
    kill_marked(mark)


if __name__ == "__main__":
    _watch(sys.argv[1])
