"""Node processes that stay: each is given a line of JSON and answers with one, as long as we live.

A process is started when it is first needed and ends with its standard input, so that none outlives us.
One thread at a time talks to it; as many are started as there are threads that ask at once, up to a bound.
After a fork the child forgets the parent's processes and starts its own.

Settings:
    FAB_STATIC_NODE  the node program; default "node"
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from fab_static.errors import BuildError

READS = Path(__file__).with_name("node_reads.js")

_TOLD = 2000  # characters of standard error that a message repeats
_END_SECONDS = 5


class NodeError(Exception):
    """A process did not answer: it ended, or was ended because it took too long."""


def program(*, needed_by: str) -> str:
    """Return the path of node.

    Raises:
        BuildError: there is none.
    """
    named = getattr(settings, "FAB_STATIC_NODE", "node")
    found = shutil.which(named)
    if found is None:
        raise BuildError(
            f"there is no program {named!r}",
            where=needed_by,
            mend="install Node.js 18 or later on the build host, or name it: FAB_STATIC_NODE",
        )
    return found


def identity(program: str) -> list[Any]:
    """Return what tells one node from another without reading its 100 MB."""
    path = os.path.realpath(program)
    found = Path(path).stat()
    return [path, found.st_size, found.st_mtime_ns]


def tell(files: Mapping[str, str], unkept: str | None) -> None:
    """Tell whoever records this process what a Node process read; `unkept`: that it read more, unseen."""
    for path, state in files.items():
        sys.audit("fab_static.read", path, state)
    if unkept:
        sys.audit("fab_static.unseen", unkept)


class NodeEndedError(NodeError):
    """A process ended instead of answering."""


class Worker:
    """One process. Its first line says that it is ready."""

    def __init__(self, command: Sequence[str], timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._rest = b""
        self.answered = 0
        self._told = tempfile.TemporaryFile()  # noqa: SIM115  # a pipe that nobody reads would block it
        sys.audit("fab_static.child")  # who asks it tells what it read: host/project/reads
        self._process = subprocess.Popen(  # noqa: S603  # the project's own node
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._told, bufsize=0
        )
        try:
            self.ready = self._answer()
        except BaseException:
            self.end()
            raise

    @property
    def lives(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a request.

        Raises:
            NodeError: none came; the process is useless now.
        """
        waiting = memoryview(json.dumps(request).encode() + b"\n")
        assert self._process.stdin is not None  # noqa: S101  # for mypy: it is a pipe
        try:
            while waiting:
                waiting = waiting[self._process.stdin.write(waiting) :]
        except OSError as error:
            raise self._ended() from error
        answer = self._answer()
        self.answered += 1
        return answer

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self._close()

    def forget(self) -> None:
        """Let go of a process that is another's, after a fork; else it could not see its input end."""
        self._process.returncode = 0  # not ours to wait for
        self._close()

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._told):
            if stream is not None:
                stream.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101  # for mypy: it is a pipe
        end = time.monotonic() + self._timeout
        pieces = [self._rest]
        while b"\n" not in pieces[-1]:
            if not _readable(self._process.stdout.fileno(), end - time.monotonic()):
                raise NodeError(f"it did not answer within {self._timeout:g} seconds")
            piece = os.read(self._process.stdout.fileno(), 1 << 20)
            if not piece:
                raise self._ended()
            pieces.append(piece)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> NodeEndedError:
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:  # it lives, but will not talk
            self._process.kill()
            code = self._process.wait()
        self._told.seek(0)
        told = self._told.read().decode("utf-8", "replace").strip()[-_TOLD:]
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return NodeEndedError(f"node ended with {how}{': ' if told else ''}{told}")


class Pool:
    """Processes of one kind, at most `size` of them at once."""

    def __init__(self, command: Sequence[str], *, size: int, timeout_seconds: float) -> None:
        self._command = command
        self._timeout = timeout_seconds
        self._free = threading.Semaphore(size)
        self._idle: list[Worker] = []
        self._all: list[Worker] = []

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return a process's answer; one that says it is its `last` ends then.

        Raises:
            NodeError: it ended, or took too long; another is started for the next request.
        """
        sys.audit("fab_static.waits")  # to host/project/compressing.py: others may render meanwhile
        with self._free:
            while True:
                worker = self._take()
                answered = worker.answered
                try:
                    return self._asked(worker, request)
                except NodeEndedError:
                    if not answered:
                        raise
                    # else it may have died while nobody asked it: a new one tells

    def _asked(self, worker: Worker, request: Mapping[str, Any]) -> dict[str, Any]:
        answer = {**worker.ready, "last": True}
        try:
            if "error" not in answer:
                answer = worker.ask(request)
        finally:
            if answer.get("last"):
                self._all.remove(worker)
                worker.end()
            else:
                self._idle.append(worker)
        return answer

    def _take(self) -> Worker:
        while self._idle:
            with contextlib.suppress(IndexError):  # another thread was quicker
                worker = self._idle.pop()
                if worker.lives:
                    return worker
                self._all.remove(worker)
                worker.end()
        worker = Worker(self._command, self._timeout)
        self._all.append(worker)
        return worker

    def end(self) -> None:
        """End all processes."""
        for worker in self._all:
            worker.end()

    def forget(self) -> None:
        """Let go of all processes, after a fork."""
        for worker in self._all:
            worker.forget()


_pools: dict[tuple[tuple[str, ...], int, float], Pool] = {}
_lock = threading.Lock()


def pool(command: Sequence[str], *, size: int, timeout_seconds: float) -> Pool:
    """Return this process's pool for a command."""
    with _lock:
        key = (tuple(command), size, timeout_seconds)
        if key not in _pools:
            _pools[key] = Pool(command, size=size, timeout_seconds=timeout_seconds)
        return _pools[key]


def end_all() -> None:
    """End every process; the next request starts new ones."""
    while _pools:
        _, ended = _pools.popitem()
        ended.end()


def _after_fork() -> None:
    global _lock  # a lock held in the parent stays held in the child
    _lock = threading.Lock()
    while _pools:
        _, parents = _pools.popitem()
        parents.forget()


atexit.register(end_all)
os.register_at_fork(after_in_child=_after_fork)


def _readable(descriptor: int, seconds: float) -> bool:
    waiting = select.poll()  # select() knows no descriptor above 1023
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(max(0.0, seconds) * 1000))
