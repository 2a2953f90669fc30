"""Starts commands, and ends them with all that they have started."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

from fab_static.host.agent.work import END_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from typing import Any, Collection, Iterable, Iterator, Sequence

    from fab_static.host.agent.protocol import Head


def started(
    head: Head, body: bytes, variables: Head, inherited: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, and feed it its standard input."""
    import subprocess  # late: it takes 6 ms to load, and most hosts run nothing

    process = subprocess.Popen(  # noqa: S603 - to run the inventory's commands is what it is for
        head["command"],
        cwd=head.get("folder"),
        env=dict(os.environ, **head.get("environment", {}), **variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=inherited,
    )
    threading.Thread(target=feed, args=(process.stdin, body), daemon=True).start()
    return process


def feed(pipe: Any, data: bytes) -> None:
    with contextlib.suppress(OSError):
        pipe.write(data)
    with contextlib.suppress(OSError):
        pipe.close()


def end_group(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


def end_all(commands: Sequence[int], patience: float = END_SECONDS) -> None:
    """End commands, and all that they started, also in sessions of its own: asked to, then killed."""
    family = family_of(commands)
    deadline = time.monotonic() + patience
    if patience:
        send_to(commands, family, signal.SIGTERM)
    while time.monotonic() < deadline and still(family):
        time.sleep(0.01)  # between two looks
    send_to(commands, still(family), signal.SIGKILL)
    while time.monotonic() < deadline + END_SECONDS and still(family):
        time.sleep(0.01)


def family_of(commands: Sequence[int]) -> dict[int, str]:
    """Return commands, their sessions and all that descends from them: process id -> when it started."""
    running = processes()
    waiting = set(commands)
    family: dict[int, str] = {}
    while waiting:
        family.update({pid: running[pid][2] for pid in waiting if pid in running})
        waiting = {
            pid
            for pid, (parent, session, _start) in running.items()
            if pid not in family and (parent in family or session in family)
        }
        if not waiting and family:  # what strace follows, also in a session of its own
            waiting = {pid for pid in traced(running, family) if pid not in family}
    return family


def traced(running: Iterable[int], tracers: Collection[int]) -> Iterator[int]:
    """Yield the processes that some of these follow."""
    for pid in running:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/status", "rb") as file:
            found = file.read().partition(b"TracerPid:")[2].split(None, 1)[:1]
            if found and int(found[0]) in tracers:
                yield pid


def processes() -> dict[int, tuple[int, int, str]]:
    """Return what runs: process id -> its parent, its session, when it started, or nothing if no /proc is."""
    found: dict[int, tuple[int, int, str]] = {}
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                    # proc(5): the program's name, in parentheses, may hold anything; then state, parent, …
                    fields = file.read().decode("ascii", "replace").rpartition(")")[2].split()
                    if len(fields) > 19 and fields[0] != "Z":
                        found[int(name)] = (int(fields[1]), int(fields[3]), fields[19])
    return found


def still(family: dict[int, str]) -> dict[int, str]:
    """Return those that run still, and are who they were."""
    running = processes()
    return {pid: start for pid, start in family.items() if running.get(pid, (0, 0, ""))[2] == start}


def send_to(commands: Sequence[int], family: dict[int, str], number: int) -> None:
    for pid in commands:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
    for pid in family:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
