"""The project's Python, set up once; its commands run in forks of it."""

from __future__ import annotations

import json
import os
import select
import signal
import time

from fab_static.host.agent.processes import end_group, started
from fab_static.host.agent.project_modules import input_of
from fab_static.host.agent.protocol import PIECE
from fab_static.host.agent.work import Work, moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.wire import Agent

ONE_START = "fab_static_sent.host.project.one_start"


def set_up(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Begin to set the project up, as a `run` to come would have it that shares its start; wait for nothing.

    With `ahead` it is asked to compile the sheets of a compress to come: see host/project/ahead.py.
    """
    start = begin_start(agent, head)
    if start and "ahead" in head:
        start.tell({"ahead": head["ahead"]})
    return {}, b""


class OneStart:
    """The project's Python, set up once; commands run in forks of it: host/project/one_start.py."""

    def __init__(self, head: Head, source: bytes) -> None:
        import socket

        self.control, theirs = socket.socketpair()
        self.control.settimeout(head["timeout"])
        self.key = start_key(head)
        trust = head["record"]["trust"]
        order = {
            "control": theirs.fileno(),
            "start": time.time(),
            "trust": trust,
            "redirects": "redirected" in head["record"],
        }
        with theirs:
            self.process = started(
                head, source, {"FAB_STATIC_RECORD": json.dumps(order)}, [theirs.fileno()]
            )
        self._lines = b""
        self.printed = b""  # while it was set up
        self._refusal: Head | None = None

    @property
    def output(self) -> Any:
        """What it prints, and its forks."""
        return self.process.stdout

    def refusal(self) -> Head:
        """Wait until it is set up, or has failed: return why commands must be started on their own; {} where not."""
        if self._refusal is None:
            self._refusal = self._set_up()
        return self._refusal

    def _set_up(self) -> Head:
        while not select.select([self.control], [], [], 0)[0]:
            if select.select([self.output, self.control], [], [])[0] == [self.output]:
                piece = os.read(self.output.fileno(), PIECE)
                if not piece:
                    break  # it has ended, which the other tells too
                self.printed += piece
        return self.heard()

    def ask(self, order: Head) -> Head:
        """Ask for a command; return what is said of its beginning."""
        self.tell(order)
        return self.heard()

    def tell(self, order: Head) -> None:
        """Tell it something; where it has ended, whoever hears next is told so."""
        try:  # noqa: SIM105 - contextlib costs more bytes than a web host may be sent
            self.control.sendall(json.dumps(order).encode() + b"\n")
        except OSError:
            pass

    def is_heard(self) -> bool:
        """Tell whether something was said."""
        return b"\n" in self._lines or bool(select.select([self.control], [], [], 0)[0])

    def heard(self) -> Head:
        """Return the next thing that is said."""
        while b"\n" not in self._lines:
            try:
                piece = self.control.recv(PIECE)
            except OSError:
                piece = b""
            if not piece:
                return {"why": "it has ended"}
            self._lines += piece
        line, _, self._lines = self._lines.partition(b"\n")
        said: Head = json.loads(line.decode("utf-8"))
        return said

    def end(self) -> None:
        """End it, and all that it left in its session."""
        self.control.close()
        end_group(self.process.pid)
        self.process.wait()
        self.output.close()


def in_fork(agent: Agent, head: Head, order: Head) -> Forked | None:
    """Run a command in a fork of the project's one start, or None if it must be started on its own."""
    for _ in range(2):  # anew where what it read has changed
        if agent.starts_alone:
            break
        start = begin_start(agent, head)
        if start is None:
            break
        if start.refusal():
            agent.starts_alone = True
            end_start(agent)
            break
        said = start.ask(order)
        if "pid" in said:
            if start.printed:
                agent.send({"output": True}, start.printed)
                start.printed = b""
            agent.children.add(said["pid"])
            return Forked(start, said["pid"])
        end_start(agent)
        if said.get("alone"):
            break
    return None


def begin_start(agent: Agent, head: Head) -> OneStart | None:
    """Return the project's one start that this command shares, begun now if need be; None: it cannot be."""
    if agent.start and agent.start.key != start_key(head):
        end_start(agent)
    if agent.start is None and not agent.starts_alone:
        try:
            with Work.starting:
                moved()
                agent.start = OneStart(head, input_of(agent, {"main": ONE_START}, b""))
                agent.children.add(agent.start.process.pid)
        except OSError:  # the command's own process says what is wrong
            return None
    return agent.start


def end_start(agent: Agent) -> None:
    """End the project's one start, if there is one."""
    if agent.start:
        agent.start.end()
        agent.children.discard(agent.start.process.pid)
        agent.start = None


def start_key(head: Head) -> list[Any]:
    """Return what two commands have alike that may share a start."""
    record = head["record"]
    parts = (head["command"], head.get("folder"), head.get("environment"), record["trust"])
    return [*parts, "redirected" in record]


class Forked:
    """A command in a fork of one start, as Popen would have it."""

    def __init__(self, start: OneStart, pid: int) -> None:
        self.pid = pid
        self.stdout = start.output
        self.end_is_told = start.control
        self._start = start
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, if it has ended."""
        if self._code is None and self._start.is_heard():
            self._code = self._start.heard().get("code", -signal.SIGKILL)
        return self._code

    def wait(self) -> int:
        """Return the exit code, once it has ended."""
        while self._code is None:
            self._code = self._start.heard().get("code", -signal.SIGKILL)
        return self._code
