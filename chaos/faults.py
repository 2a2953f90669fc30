"""Breaks things on the fleet's hosts, and mends them again. Only processes of the fleet are touched."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from chaos.aws import CloudFront
from chaos.readers import current, seal_on
from chaos.schedule import Fault
from demo.fleet import Fleet, Host

DISK = "4m"  # of each host
SECONDS = {"short": 1.0, "long": 14.0}  # shorter, and longer, than a host may be silent
CLONE_NEWNS = 0x00020000  # sched.h
LOCK_DEAD_SECONDS = 61
BLOCK = 4096  # bytes: what a file of a tmpfs grows by


def small_disks(fleet: Fleet) -> bool:
    """Give every host a small disk of its own, before the fleet starts; False where that cannot be.

    In a mount namespace of our own: when we end, however we end, the disks are gone.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(CLONE_NEWNS) != 0:
        return False
    commands = [["mount", "--make-rprivate", "/"]]
    for host in fleet.hosts.values():
        host.static.mkdir(parents=True)
        commands.append(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(host.static)])
    return all(ran(*argv) for argv in commands)


def freed(fleet: Fleet) -> None:
    """Take the small disks away again: nothing below them is in use."""
    for host in fleet.hosts.values():
        ran("umount", "--lazy", str(host.static))


def ran(*argv: str) -> bool:
    """Run a command of the system; tell whether it went well."""
    return subprocess.run(argv, capture_output=True).returncode == 0  # noqa: S603 - words of ours


class Injector:
    """The faults of one schedule."""

    def __init__(self, fleet: Fleet, aws: CloudFront) -> None:
        self._fleet = fleet
        self._aws = aws
        self._timers: list[threading.Timer] = []
        self._stopped: set[int] = set()
        self._down: set[str] = set()
        self._lock = threading.Lock()
        self.corrupt: set[tuple[str, str]] = set()  # (host, SHA-256 of what it was)
        self._backups: list[tuple[BinaryIO, bytes, int]] = []  # file, bytes and time before
        self.met: list[Fault] = []  # those that came to pass

    def inject(self, fault: Fault) -> None:
        """Let a fault happen, now."""
        with self._lock:
            self.met.append(fault)
            host = self._fleet.hosts.get(fault.host)
            if fault.kind == "AWS errs":
                self._aws.turn(fault.how)
            elif host:
                self._on(host, fault)

    def _on(self, host: Host, fault: Fault) -> None:
        if fault.kind == "kill the agents":
            for pid in agents(host):
                kill(pid, signal.SIGKILL)
        elif fault.kind == "stop sshd":
            self._fleet.stop(host.name)
            self._down.add(host.name)
            if fault.how == "short":
                self._later(SECONDS["short"], lambda: self._start(host.name))
        elif fault.kind == "cut the connections":
            for pid in sessions(host):
                kill(pid, signal.SIGKILL)
        elif fault.kind == "stall the connections":
            stalled = sessions(host)
            self._pause(stalled)
            self._later(SECONDS[fault.how], lambda: self._resume(stalled))
        elif fault.kind == "fill the disk":
            fill(host, int(fault.how.split()[0]))
        elif fault.kind == "reload fails":
            (host.folder / "refuse").touch()
        elif fault.kind == "check never answers":
            self._pause(gunicorn(host))
        elif fault.kind == "corrupt an object":
            self._corrupt(host, keep_time=fault.how == "time kept")

    def mend(self) -> None:
        """Undo every fault but the corruption: that is the next deploy's to mend."""
        for timer in self._timers:
            timer.cancel()
            timer.join()
        with self._lock:
            self._aws.turn("answers")
            self._resume(list(self._stopped))
            for host in self._fleet.hosts.values():
                (host.folder / "refuse").unlink(missing_ok=True)
                (host.static / "ballast").unlink(missing_ok=True)
                if host.name in self._down:
                    self._fleet.start(host.name)
                    self._down.discard(host.name)

    def restore(self) -> None:
        """Give corrupted files their bytes back: earlier releases may still link to them."""
        for file, data, time_ns in self._backups:
            with file:
                file.write(data)
                file.flush()
                os.utime(file.fileno(), ns=(time_ns, time_ns))
        self._backups.clear()

    def age_lock(self) -> bool:
        """Let the time pass after which the lock of an owner who is not heard of is nobody's.

        An agent that was killed cannot leave word that its lock is abandoned.
        """
        beat = self._fleet.hosts["build1"].static / "lock" / "heartbeat"
        then = time.time() - LOCK_DEAD_SECONDS
        for path in (beat, beat.parent):
            with contextlib.suppress(FileNotFoundError):
                os.utime(path, (then, then))
        return beat.parent.exists()

    def _start(self, host: str) -> None:
        with self._lock:
            if host in self._down:
                self._fleet.start(host)
                self._down.discard(host)

    def _later(self, seconds: float, work: object) -> None:
        timer = threading.Timer(seconds, work)  # type: ignore[arg-type]  # a callable
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def _pause(self, pids: list[int]) -> None:
        for pid in pids:
            self._stopped.add(pid)
            kill(pid, signal.SIGSTOP)

    def _resume(self, pids: list[int]) -> None:
        for pid in pids:
            self._stopped.discard(pid)
            kill(pid, signal.SIGCONT)

    def _corrupt(self, host: Host, *, keep_time: bool) -> None:
        seal = seal_on(host, str(current(host)))
        if seal is None:
            return
        sha256 = seal["files"]["logo.svg"]["sha256"]  # in every release: the next one needs it too
        path = host.static / "objects" / sha256[:2] / sha256
        status = path.stat()
        self.corrupt.add((host.name, sha256))
        data = path.read_bytes()
        self._backups.append((path.open("r+b"), data, status.st_mtime_ns))
        with path.open("r+b") as file:
            file.write(bytes([data[0] ^ 1]))
        if keep_time:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def fill(host: Host, room: int) -> None:
    """Leave so many bytes free on a host's small disk."""
    log = host.static / "log.jsonl"
    if room == 0 and log.exists():  # to the end of its block, so that not a line more goes in
        with log.open("ab") as file:
            file.write(b"\n" * (-file.tell() % BLOCK))
    free = shutil.disk_usage(host.static).free
    ballast = host.static / "ballast"
    with contextlib.suppress(OSError), ballast.open("ab") as file:
        os.posix_fallocate(file.fileno(), file.tell(), max(1, free - room))


def kill(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process of the fleet that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def sessions(host: Host) -> list[int]:
    """Return the processes by which a host's sshd holds its connections."""
    return descendants(int((host.folder / "sshd.pid").read_text()), only="sshd")


def agents(host: Host) -> list[int]:
    """Return the agents on a host: what sshd's sessions started. A watchdog is none of them."""
    listener = int((host.folder / "sshd.pid").read_text())
    found = set(descendants(listener)) - set(descendants(listener, only="sshd"))
    return [pid for pid in found if b"fab_static/host/agent.py" in read(pid, "cmdline")]


def gunicorn(host: Host) -> list[int]:
    """Return gunicorn's processes on a host."""
    master = int((host.folder / "gunicorn.pid").read_text())
    return [master, *descendants(master)]


def descendants(root: int, only: str = "") -> list[int]:
    """Return the descendants of a process, of those whose name begins so."""
    parents: dict[int, list[int]] = {}
    for pid in processes():
        fields = read(pid, "stat").decode(errors="replace").rpartition(")")[2].split()
        if fields:
            parents.setdefault(int(fields[1]), []).append(pid)
    found, left = [], [root]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return [pid for pid in found if read(pid, "comm").decode().startswith(only)]


def processes() -> Iterator[int]:
    """Yield every process id."""
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def read(pid: int, name: str) -> bytes:
    """Return what /proc says of a process; nothing when it has ended."""
    try:
        return Path("/proc", str(pid), name).read_bytes()
    except OSError:
        return b""


@contextmanager
def mended(injector: Injector) -> Iterator[None]:
    """Mend all, however the block ends: nothing may stay stopped or full."""
    try:
        yield
    finally:
        injector.mend()
