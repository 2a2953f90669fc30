"""Is run instead of `fab`: counts the requests to every host, and stops at the chosen ones.

CHAOS_MOMENTS holds a JSON list of {"stage", "verb", "host", "nth", "name"}. At such a moment the
process kills itself (`name` is "kill"), is asked to end (`name` is "interrupt"), gets a Ctrl-C (`name` is
"press Ctrl-C"; with " twice" another one before the next request), turns its clock (`name` is "clock" and the seconds), or says the
name on the socket CHAOS_SOCKET and goes on when answered: the fault is there by then. CHAOS_RECORD
names a file for all requests made. CHAOS_WATCH_SECONDS says how long a silent lock in a bucket is watched, and
CHAOS_ANSWER_SECONDS how long a store may be silent.

A process that has imported everything forks one for each task: what a task does is the same, and the
second of imports is spent once. So is the time to pack what goes to hosts.
"""

from __future__ import annotations

import datetime
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, NoReturn

from fabric.main import program

from fab_static.aws import s3_requests
from fab_static.phases.run import bucket_lock
from fab_static.phases.run.project_code import project_archive, project_digest
from fab_static.remote import Head
from fab_static.remote.agent_channel import AgentChannel
from fab_static.remote.requests import Requests
from fab_static.remote.sent import agent_for

ANSWER_SECONDS = 30.0
FAB = """\
#!{python} -IS
import json, os, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
asked = {{"words": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
asked["streams"] = [f"/proc/{{os.getpid()}}/fd/{{number}}" for number in range(3)]
connection.sendall(json.dumps(asked).encode() + b"\\n")
pid, code = map(int, connection.makefile())
sys.exit(code if code >= 0 else 128 - code)
"""
# all that runs on the operator's machine: a task imports its part of it when it comes to need that
ROOMS = (
    *("aws", "doctor", "looking", "phases", "plan", "remote"),
    *("report", "sessions", "tasks", "telling"),
)


class Operators:
    """The process from which every task of an operator is forked; `close` ends it.

    What it imports reads some of the environment once; the rest comes with each task.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._address = str(folder / "operators")
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "chaos.operator", self._address],
            cwd=Path(__file__).parent.parent,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        self._process.stdout.readline()  # it listens

    def start(self, words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Task:
        """Start fab with these words; what it says on both streams is one text."""
        output = folder / f"output-{os.urandom(4).hex()}"
        return Task(self._address, words, folder, environment, output, output)

    def run(
        self,
        words: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        *,
        stdin: str = "",
        seconds: float,
    ) -> subprocess.CompletedProcess[str]:
        """Run fab with these words to its end, as subprocess.run does; the streams are kept apart."""
        with tempfile.TemporaryDirectory() as here:
            given, output, errors = (Path(here, name) for name in ("in", "out", "errors"))
            given.write_text(stdin, encoding="utf-8")
            task = Task(self._address, words, folder, environment, output, errors, given)
            code, said = task.ended(seconds)
            return subprocess.CompletedProcess(["fab", *words], code, said, errors.read_text())

    def write_fab(self, folder: Path) -> None:
        """Write the program `fab` into a folder, for shell lines: it has its words run here, on its own streams."""
        program = folder / "fab"
        program.write_text(FAB.format(python=sys.executable, address=self._address), "utf-8")
        program.chmod(0o755)

    def close(self) -> None:
        """End it."""
        self._process.communicate()


class Task:
    """One run of fab, in a process of its own."""

    def __init__(
        self,
        address: str,
        words: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        output: Path,
        errors: Path,
        stdin: Path = Path(os.devnull),
    ) -> None:
        self._output = output
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(address)
        asked = {
            "words": list(words),
            "folder": str(folder),
            "environment": dict(environment),
            "streams": [str(stdin), str(output), str(errors)],
        }
        self._connection.sendall(json.dumps(asked).encode() + b"\n")
        self._answers = self._connection.makefile()
        self.pid = int(self._answers.readline())

    def ended(self, seconds: float) -> tuple[int, str]:
        """Return exit code and standard output; one that takes longer is killed, its code is 124."""
        hangs = not select.select([self._connection], [], [], seconds)[0]
        if hangs:
            os.kill(self.pid, signal.SIGKILL)
        code = int(self._answers.readline())
        self._answers.close()
        self._connection.close()
        output = self._output.read_text(errors="replace")
        self._output.unlink()
        return 124 if hangs else code, output


def serve(address: str) -> NoReturn:
    """Fork a process for every task asked for, until standard input ends."""
    prepare()
    gc.freeze()  # a fork that collects garbage leaves the pages of these modules shared
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who minds a task is waited for by nobody
    sys.stdout.write("\n")
    sys.stdout.flush()
    while True:
        if sys.stdin in select.select([listener, sys.stdin], [], [])[0]:
            sys.exit()
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            mind(connection)
            os._exit(0)
        connection.close()


def prepare() -> None:
    """Do what each task would do first, and with the same result."""
    import_module("boto3")
    for room in ROOMS:
        package = import_module(f"fab_static.{room}")
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for role in ("build", "static", "web"):
        agent_for({role})
    for builds in (True, False):
        project_archive(builds=builds)
    project_digest()


def mind(connection: socket.socket) -> None:
    """Fork the task, tell its process id, and how it ended."""
    asked = json.loads(connection.makefile().readline())
    pid = os.fork()
    if pid == 0:
        connection.close()
        run(asked)
    connection.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def run(asked: dict[str, Any]) -> NoReturn:
    """Be fab."""
    os.setsid()
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    for target, path in enumerate(asked["streams"]):
        reads = os.O_WRONLY | os.O_CREAT | os.O_APPEND if target else os.O_RDONLY
        os.dup2(os.open(path, reads, 0o600), target)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where ours was started with &
    sys.argv = ["fab", *asked["words"]]
    if watch := os.environ.get("CHAOS_WATCH_SECONDS"):
        bucket_lock.WATCH_SECONDS = float(watch)
    if answer := os.environ.get("CHAOS_ANSWER_SECONDS"):
        s3_requests.READ_SECONDS = float(answer)
    record, moments = os.environ.get("CHAOS_RECORD"), os.environ.get("CHAOS_MOMENTS")
    if record or moments:
        where = os.environ.get("CHAOS_SOCKET", "")
        Hand(json.loads(moments or "[]"), where, Path(record) if record else None).install()
    program.run()
    sys.exit()


def turn_clock(seconds: float) -> None:
    """Let this process's clock jump; the one that only goes forward does not."""
    real, real_ns, real_datetime = time.time, time.time_ns, datetime.datetime

    class Datetime(real_datetime):  # type: ignore[valid-type, misc]  # it is a class
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return real_datetime.now(tz) + datetime.timedelta(seconds=seconds)

    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1e9)
    for name, module in list(sys.modules.items()):
        if name.startswith("fab_static") and getattr(module, "datetime", None) is real_datetime:
            module.datetime = Datetime  # type: ignore[attr-defined]  # just found there


class Hand:
    """Counts requests, and acts at the chosen moments."""

    def __init__(self, moments: list[dict[str, Any]], where: str, record: Path | None) -> None:
        self._moments = {(m["stage"], m["verb"], m["host"], m["nth"]): m["name"] for m in moments}
        self._socket = where
        self._record = record
        self._counting = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._asked: dict[AgentChannel, tuple[str, str, int]] = {}
        self._presses_again = False

    def install(self) -> None:
        """Stand between the requests and the channel to each agent."""
        send, frame = AgentChannel.send, Requests.frame

        def counted_send(agent: AgentChannel, head: Head, body: bytes) -> None:
            if "do" not in head or head["do"] == "beat":  # the heart beats when it likes
                send(agent, head, body)
                return
            asked = self._count(str(head["do"]), agent.name)
            if self._presses_again:
                self._presses_again = False
                os.kill(os.getpid(), signal.SIGINT)
            self._act("before", asked)
            send(agent, head, body)
            self._asked[agent] = asked
            self._act("sent", asked)

        def counted_frame(
            requests: Requests, timeout_seconds: float | None = None
        ) -> tuple[Head, bytes]:
            head, body = frame(requests, timeout_seconds)
            if "ok" in head and (asked := self._asked.pop(requests.agent, None)):
                self._act("answered", asked)
            return head, body

        AgentChannel.send = counted_send  # type: ignore[method-assign, assignment]
        Requests.frame = counted_frame  # type: ignore[method-assign, assignment]

    def _count(self, verb: str, host: str) -> tuple[str, str, int]:
        with self._counting:
            self._counts[verb, host] += 1
            asked = verb, host, self._counts[verb, host]
            if self._record:
                with self._record.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asked) + "\n")
            return asked

    def _act(self, stage: str, asked: tuple[str, str, int]) -> None:
        name = self._moments.get((stage, *asked))
        if name is None:
            return
        if name.startswith("clock"):
            turn_clock(float(name.split()[1]))
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(self._socket)
            connection.sendall(name.encode())
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
        if name == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "interrupt":
            os.kill(os.getpid(), signal.SIGTERM)
        if name.startswith("press"):
            self._presses_again = name.endswith("twice")
            os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    serve(sys.argv[1])
