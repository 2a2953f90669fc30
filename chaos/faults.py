"""Breaks things on the fleet's hosts, and mends them again. Only processes of the fleet are touched."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from chaos.aws import CloudFront
from chaos.readers import current, seal_on
from chaos.schedule import HOURS, Fault
from demo.fleet import Fleet, Host
from fab_static.host.loader import PACKAGE

SECONDS = {"short": 1.0, "long": 14.0}  # shorter, and longer, than a host may be silent
CLONE_NEWNS = 0x00020000  # sched.h
LOCK_DEAD_SECONDS = 61
BLOCK = 4096  # bytes: what a file on a disk grows by
DISK_BYTES = 12 << 20  # of each host, a third of it the file system's own journal
EXT4_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, fs/ext4/ext4.h: _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2  # the same: what the journal has not committed is lost
# nothing comes to the disk by itself while a seed runs, and a rename flushes nothing (ext4(5))
UNSYNCED = "loop,noauto_da_alloc,commit=300"


class Disks:
    """A disk for every host, made before the fleet starts: one that fills up, and may lose its power.

    In a mount namespace of our own: when we end, however we end, they are unmounted.
    """

    def __init__(self, fleet: Fleet) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        own = os.geteuid() == 0 and libc.unshare(CLONE_NEWNS) == 0
        own = own and ran("mount", "--make-rprivate", "/")
        for host in fleet.hosts.values():
            host.static.mkdir(parents=True)
        self.keep_power_losses = own and all(map(_ext4, fleet.hosts.values()))
        self.are_small = self.keep_power_losses or (own and all(map(_tmpfs, fleet.hosts.values())))
        self._fleet = fleet

    def lose_power(self, host: Host) -> None:
        """Forget what was not synced; nothing may run on the host."""
        descriptor = os.open(host.static, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def power_up(self, host: Host) -> None:
        """Mount the disk as it was left."""
        deadline = time.monotonic() + 30
        while not ran("umount", str(host.static)):  # somebody may look at a file just now
            if time.monotonic() > deadline:
                raise RuntimeError(f"the disk of {host.name} stays in use")
            time.sleep(0.02)
        if not _mounted(host):
            raise RuntimeError(f"the disk of {host.name} cannot be mounted again")

    def free(self) -> None:
        """Take the disks away again: nothing below them is in use."""
        for host in self._fleet.hosts.values():
            ran("umount", "--lazy", str(host.static))


def _ext4(host: Host) -> bool:
    image = host.folder / "disk"
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    made = ran(
        "mkfs.ext4", "-q", "-m", "0", "-b", str(BLOCK), "-N", "4096", "-J", "size=4", str(image)
    )
    return made and _mounted(host)


def _mounted(host: Host) -> bool:
    return ran("mount", "-o", UNSYNCED, str(host.folder / "disk"), str(host.static))


def _tmpfs(host: Host) -> bool:
    return ran("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(host.static))


def ran(*argv: str) -> bool:
    """Run a command of the system; tell whether it went well."""
    return subprocess.run(argv, capture_output=True).returncode == 0  # noqa: S603 - words of ours


class Injector:
    """The faults of one schedule."""

    def __init__(self, fleet: Fleet, aws: CloudFront, disks: Disks) -> None:
        self._fleet = fleet
        self._disks = disks
        self.dark: set[str] = set()  # hosts without power: they answer nobody
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
        elif fault.kind == "lose power":
            self._power_off(host)
            if fault.how == "short":
                self._later(SECONDS["short"], lambda: self._power_on(host))
        elif fault.kind == "turn the clock":
            turn_clock(host, HOURS[fault.how] * 3600)
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
                if host.name in self.dark:
                    self._power_up(host)
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

    def _power_off(self, host: Host) -> None:
        self.dark.add(host.name)
        self._fleet.power_off(host.name)
        self._disks.lose_power(host)

    def _power_on(self, host: Host) -> None:
        with self._lock:
            if host.name in self.dark:
                self._power_up(host)

    def _power_up(self, host: Host) -> None:
        self._disks.power_up(host)
        self._fleet.start(host.name)
        self.dark.discard(host.name)
        self._down.discard(host.name)

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


def turn_clock(host: Host, seconds: float) -> None:
    """Let a host's clock jump ahead by so many seconds, or back.

    A clock is only seen against the times that files carry: theirs are moved the other way.
    """
    for path in (host.static / "lock" / "heartbeat", host.static / "lock"):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            os.utime(path, (status.st_atime - seconds, status.st_mtime - seconds))


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
    return [pid for pid in found if f"{PACKAGE}.agent".encode() in read(pid, "cmdline")]


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
