"""A command that runs under strace: begun, and read to its end.

What a command leaves running when it has ended is ended with it: it would be traced for ever, and nobody would know
what it reads.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import threading
import time
from typing import IO, Callable, Iterable, Mapping

from fab_static.host.project.traces import pausing, strace, temporary
from fab_static.host.project.traces.calls import Calls
from fab_static.host.project.traces.seen import Seen

PATIENCE_SECONDS = 2.0  # for what a command left running, before it is ended
END_SECONDS = 0.5  # from SIGTERM to SIGKILL
LOOK_SECONDS = 0.01  # between two looks
TELLING_SECONDS = 3.0  # until strace has told the end of a process that is gone


def nobody_waits(_processes: frozenset[int]) -> bool:
    """Tell that nobody waits for processes that were left running."""
    return False


class Trace:
    """One traced command.

    Args:
        folder: it runs there.
        seen: is told what it reads and writes.
    """

    def __init__(self, folder: str, seen: Seen) -> None:
        self.seen = seen
        self.start_ns = time.time_ns()
        self._calls = Calls(seen, os.path.realpath(folder))
        self._place = temporary.folder()
        self._output = os.path.join(self._place, "trace")
        self._file: IO[str] | None = None
        self._rest = ""  # a line that was not written whole yet

    def words(self, command: Iterable[str]) -> list[str]:
        """Return the command to be started in place of one."""
        return [*strace.words(self._output), *command]

    @staticmethod
    def variables(environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a traced command; what is said of strace.VARIABLES stays."""
        return {**strace.VARIABLES, **environment}

    def is_over(self) -> bool:
        """Read on; tell whether all processes have ended."""
        if self._file is None:
            try:
                self._file = open(self._output, encoding="latin-1", newline="\n")  # noqa: SIM115
            except FileNotFoundError:
                return False
        self._calls.take(self._lines(self._file))
        return self._calls.lines.has_begun and not self.running()

    def _lines(self, file: IO[str]) -> Iterable[str]:
        for line in file:
            if not line.endswith("\n"):
                self._rest += line
                return
            yield self._rest + line
            self._rest = ""

    def running(self) -> frozenset[int]:
        """Return the processes whose end was not told yet."""
        return frozenset(self._calls.lines.running)

    def finish(
        self,
        patience: float = PATIENCE_SECONDS,
        is_waited_for: Callable[[frozenset[int]], bool] = nobody_waits,
    ) -> Seen:
        """Read to the end, once the command has ended; what it left running is ended.

        Args:
            patience: how long that may still take, in seconds.
            is_waited_for: tells whether somebody waits for these processes anyhow.
        """
        deadline = time.monotonic() + patience
        told = time.monotonic() + TELLING_SECONDS
        try:
            while not self.is_over():
                left = frozenset(filter(_runs, self.running()))
                if left and time.monotonic() > deadline and not is_waited_for(left):
                    self.seen.is_unseen(
                        f"it left {self._calls.name_of(min(left))} running, which was ended"
                    )
                    end(left)
                    deadline = time.monotonic() + patience
                elif left:
                    told = time.monotonic() + TELLING_SECONDS
                elif time.monotonic() > told:
                    self._break_off()
                    break
                time.sleep(LOOK_SECONDS)
            self._calls.end()
        finally:
            self.drop()
        return self.seen

    def _break_off(self) -> None:
        """End strace, where it waits for a process that was killed before it was followed."""
        self.seen.is_unseen("its trace breaks off")
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    is_ours = os.fsencode(self._output) in file.read().split(b"\0")
                if is_ours:
                    os.kill(int(name), signal.SIGKILL)

    def drop(self) -> None:
        """Forget what strace wrote."""
        if self._file:
            self._file.close()
        shutil.rmtree(self._place, ignore_errors=True)


class Following:
    """Follows a traced process to its end, in a thread: what it leaves running may hold pipes open that we read.

    Args:
        trace: of the process.
        process: its number; its exit code is left to whoever waits for it.
        pipes: descriptors that somebody reads to their end; a process that holds one is waited for.
    """

    def __init__(self, trace: Trace, process: int, pipes: Iterable[int]) -> None:
        self.trace = trace
        self._process = process
        self._pipes = frozenset(map(_place_of, pipes)) - {(0, 0)}
        self._thread = threading.Thread(target=self._follow, name="fab_static", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        with pausing.paused():
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self._process, os.WEXITED | os.WNOWAIT)
            self.trace.finish(is_waited_for=self._is_waited_for)

    def _is_waited_for(self, processes: frozenset[int]) -> bool:
        return any(
            not self._pipes.isdisjoint(map(_place_of, _descriptors(each))) for each in processes
        )

    def end(self) -> Seen:
        """Wait until all is read; return it."""
        self._thread.join()
        return self.trace.seen


def _descriptors(process: int) -> list[str]:
    try:
        return [f"/proc/{process}/fd/{name}" for name in os.listdir(f"/proc/{process}/fd")]
    except OSError:
        return []


def _place_of(descriptor: int | str) -> tuple[int, int]:
    try:
        found = os.stat(descriptor)
    except OSError:
        return (0, 0)
    is_pipe = stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode)
    return (found.st_dev, found.st_ino) if is_pipe else (0, 0)


def end(processes: Iterable[int]) -> None:
    """End processes: asked to, then killed."""
    deadline = time.monotonic() + END_SECONDS
    _send(processes, signal.SIGTERM)
    while time.monotonic() < deadline and any(map(_runs, processes)):
        time.sleep(LOOK_SECONDS)
    _send(processes, signal.SIGKILL)


def _send(processes: Iterable[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def _runs(process: int) -> bool:
    """Tell whether a process has not ended; one that nobody has waited for yet has."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[:1] != [b"Z"]
    except OSError:
        return False
