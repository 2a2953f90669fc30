"""Runs the inventory's commands, and the project's."""

from __future__ import annotations

import errno
import json
import os
import select
import threading

from fab_static.host.agent.disk import remove_tree
from fab_static.host.agent.processes import end_all, end_group, started
from fab_static.host.agent.project_modules import input_of
from fab_static.host.agent.project_start import Forked, end_start, in_fork
from fab_static.host.agent.protocol import PIECE
from fab_static.host.agent.recorded import order_to_record, read_record, recorded, shell_line
from fab_static.host.agent.work import Work, moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from typing import Iterator, Union

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.wire import Agent

    Running = Union[subprocess.Popen[bytes], Forked]

WRITTEN_TOLD = 50  # files that a recorded run wrote


def run(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Run a command; its output goes out as it comes, in `output` frames. Body: its standard input.

    The environment's values travel here, never on a command line. The command has its own process
    group, which ends with it, at the time-out, or when the operator is gone. With `record`, a command
    that runs host/project/reads leaves a record of what it read: `token` says which; see `recall`. A shell line is
    traced, and its `reads` name more as globs. With `main`, the command is a Python, and its standard input calls main() of
    that module of host/project/.
    """
    order = head.get("record")
    token = os.urandom(8).hex()
    told = order_to_record(agent, head, token) if order else {}
    line = shell_line(told) if order and "reads" in order else None
    process: Running | None = None
    if told and head.get("shares_start"):
        process = in_fork(agent, head, told)
    if process is None:
        if order and order.get("collect"):  # nobody there tells what of it is as it was
            from fab_static.host.agent.static_root import remove_all_in  # late: of builds

            remove_all_in(order["collect"]["root"])
        variables = (
            {"FAB_STATIC_RECORD": json.dumps(told), **order.get("variables", {})}
            if order and not line
            else {}
        )
        if line:
            command, environment = line.begin(head["command"], head["environment"])
            head = {**head, "command": command, "environment": environment}
        try:
            with Work.starting:
                moved()
                process = started(head, input_of(agent, head, body), variables)
                agent.children.add(process.pid)
        except OSError as error:
            if line:
                line.drop()
            return {"code": 127, "cannot_start": _why_not(error)}, b""
    pid = process.pid
    over = threading.Event()

    def end_in_time() -> None:
        over.set()
        end_all([pid], 0)

    timer = threading.Timer(head["timeout"], end_in_time)
    timer.daemon = True
    timer.start()
    try:
        for piece in output_of(process):
            agent.send({"output": True}, piece)
        process.wait()
    finally:
        timer.cancel()
        end_group(pid)
        code = process.wait()
        if line:
            agent.send({"output": True}, line.end(code).encode())
        agent.children.discard(pid)
        if order and order.get("redirected"):
            end_start(agent)  # nothing is asked after the gate, and a reload wants the memory
    with Work.ending:
        moved()
    answer: Head = {"code": code, "timed_out": code < 0 and over.is_set()}
    if order:
        path = recorded(agent, order["name"])
        record = read_record(path)
        if record and record["token"] == token and code == 0:
            written = record.get("written", [])[:WRITTEN_TOLD]
            answer.update(token=token, unseen=record["unseen"], written=written)
        else:
            remove_tree(path)
    return answer, b""


def _why_not(error: OSError) -> str:
    """Return why a command cannot start; sudo's noexec lets an agent start nothing."""
    why = f"{error.filename}: {error.strerror}"
    if error.errno == errno.EACCES and "sudo_noexec" in os.environ.get("LD_PRELOAD", ""):
        why += " (sudo's noexec: its rule needs EXEC:)"
    return why


def output_of(process: Running) -> Iterator[bytes]:
    """Yield what a command prints, until it has ended and all of it was read.

    Not until the pipe ends: a daemon that it started in a session of its own may hold that for ever.
    """
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    said = [process.end_is_told] if isinstance(process, Forked) else []  # its pipe does not end
    while True:
        ended = process.poll() is not None
        looked = select.select([process.stdout, *said], [], [], 0 if ended else 0.1)[0]
        if process.stdout in looked:
            piece = os.read(process.stdout.fileno(), PIECE)
            if not piece:
                return
            yield piece
        elif ended:
            return
