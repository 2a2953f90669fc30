"""Starts Python for Django projects: as a fork of one that has imported what every start of Django imports.

These imports take a quarter of a second of the processor, which is longer than most programs of the tests run. Nothing
else is imported beforehand: neither compressor, which reads settings, nor a module of ours. A test of where Django is
imported from, of what its start reads, or of how a process is followed, asks for a new Python.
"""

from __future__ import annotations

import atexit
import marshal
import os
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

SECONDS = 120.0
# of Python's own variables; the last two as a deploy has them
HEEDED = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONUTF8")
ENDS = ExitStack()
atexit.register(ENDS.close)
# Asked by one message on a socket: words, folder, umask and environment, and descriptors with their numbers. Answers
# with the exit code. Whoever hangs up before has the process killed, with its group. Ends with its standard input.
FORKS = """
import sys
del sys.path[0]
import fcntl, gc, marshal, os, select, signal, socket
import django.apps, django.conf, django.core.management, django.urls, django.utils.log

gc.freeze()
listener = socket.socket(fileno=int(sys.argv[1]))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
while 0 not in select.select([listener, 0], [], [])[0]:
    connection, _ = listener.accept()
    if not os.fork():
        break
    connection.close()
else:
    os._exit(0)
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
asked, given, _, _ = socket.recv_fds(connection, 1 << 20, 250)
if not asked:
    os._exit(0)
pid = os.fork()
if pid:
    for one in given:
        os.close(one)
    ended = os.pidfd_open(pid)
    if ended not in select.select([ended, connection], [], [])[0]:
        for kill in (os.kill, os.killpg):
            try:
                kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    try:
        connection.send(marshal.dumps(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    except OSError:
        pass
    os._exit(0)
os.setsid()
asked = marshal.loads(asked)
moved = [fcntl.fcntl(one, fcntl.F_DUPFD, 500) for one in given]
listener.detach(), connection.detach(), os.closerange(3, 500)
for one, number in zip(moved, asked["descriptors"]):
    os.dup2(one, number)
    os.close(one)
os.chdir(asked["folder"])
os.umask(asked["umask"])
os.environ.clear()
os.environ.update(asked["environment"])
first, *words = asked["words"]
module = sys.modules["__main__"] = type(sys)("__main__")
start = ""
if first == "-":
    name, text = "<stdin>", sys.stdin.buffer.read()
elif first == "-c":
    name, text = "<string>", words.pop(0)
else:
    name = module.__file__ = os.path.abspath(first)
    start = os.path.dirname(name)
    with open(name, "rb") as script:
        text = script.read()
sys.argv = [first, *words]
sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
more = os.environ.get("PYTHONPATH")
sys.path[:0] = [start, *map(os.path.abspath, more.split(os.pathsep) if more else [])]
exec(compile(text, name, "exec"), vars(module))
"""
# A program to be called in Python's place. What comes too late for a fork, and what another user asks for, it leaves to
# Python itself.
PYTHON = """\
#!{python} -IS
import _socket, marshal, os, sys

words = sys.argv[1:]
is_late = any(name.startswith("PYTHON") and name not in {heeded} for name in os.environ)
is_program = words and (words[0] in ("-", "-c") or not words[0].startswith("-"))
if is_late or not is_program or os.geteuid() != {user}:
    os.execv({python!r}, [{python!r}, *words])
connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
connection.connect({address!r})
ours = connection.fileno()
with os.scandir("/proc/self/fd") as found:
    descriptors = [int(one.name) for one in found]
descriptors = [one for one in descriptors if one != ours and os.path.exists(f"/proc/self/fd/{{one}}")]
asked = {{"words": words, "folder": os.getcwd(), "umask": os.umask(0), "environment": dict(os.environ)}}
asked["descriptors"] = descriptors
numbers = b"".join(one.to_bytes(4, sys.byteorder) for one in descriptors)
connection.sendmsg([marshal.dumps(asked)], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, numbers)])
for one in descriptors:
    os.close(one)
code = marshal.loads(connection.recv(100))
if code < 0:
    os.kill(os.getpid(), -code)
os._exit(code)
"""


def run_python(
    *words: str | os.PathLike[str],
    cwd: Path,
    env: Mapping[str, str],
    input: bytes = b"",
    text: bool = False,
) -> subprocess.CompletedProcess[Any]:
    """Run `python WORDS` to its end, as subprocess.run does: a script, or `-`, or `-c`, and what follows.

    Of Python's own variables two are heeded, PYTHONPATH and PYTHONDONTWRITEBYTECODE: the others come too late. Each
    line comes when it is printed.

    Raises:
        subprocess.TimeoutExpired: it took two minutes, and was killed.
    """
    argv = [os.fspath(word) for word in words]
    umask = os.umask(0)
    os.umask(umask)
    asked = {"words": argv, "folder": str(cwd), "umask": umask, "environment": dict(env)}
    with ExitStack() as ends:
        streams = [ends.enter_context(tempfile.TemporaryFile(buffering=0)) for _ in range(3)]
        streams[0].write(input)
        streams[0].seek(0)
        connection = ends.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        connection.connect(str(forking_python().parents[1] / "forks"))
        message = marshal.dumps({**asked, "descriptors": [0, 1, 2]})
        socket.send_fds(connection, [message], [stream.fileno() for stream in streams])
        if not select.select([connection], [], [], SECONDS)[0]:
            raise subprocess.TimeoutExpired(argv, SECONDS)
        code = marshal.loads(connection.recv(100))
        for stream in streams:
            stream.seek(0)
        ran = subprocess.CompletedProcess(
            [sys.executable, *argv], code, streams[1].read(), streams[2].read()
        )
    return _decoded(ran) if text else ran


def run_new_python(
    *words: str | os.PathLike[str],
    cwd: Path,
    env: Mapping[str, str],
    input: bytes = b"",
    text: bool = False,
) -> subprocess.CompletedProcess[Any]:
    """Run `python WORDS` as run_python does, in an interpreter that has imported nothing."""
    ran = subprocess.run(
        [sys.executable, *words],
        input=input,
        cwd=cwd,
        env=env,
        capture_output=True,
        timeout=SECONDS,
    )
    return _decoded(ran) if text else ran


def _decoded(ran: subprocess.CompletedProcess[bytes]) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess(
        ran.args, ran.returncode, ran.stdout.decode(), ran.stderr.decode()
    )


@cache
def forking_python() -> Path:
    """Return a program to be called as Python is; what it runs is a fork, with the same streams, folder and variables.

    The process that forks is started now. It ends with this process, which holds its standard input. The folder of
    the program is one of a virtual environment like ours: a shell line finds Python itself there, which can be traced.
    """
    folder = Path(ENDS.enter_context(tempfile.TemporaryDirectory(prefix="python-")))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(folder / "forks"))
        listener.listen(100)
        ENDS.callback(_end, _forks(listener))
    program = folder / "bin" / "forking"
    program.parent.mkdir()
    for name in ("python", "python3"):
        program.with_name(name).symlink_to(sys.executable)
    for name in ("pyvenv.cfg", "lib"):
        (folder / name).symlink_to(Path(sys.prefix, name))
    address = str(folder / "forks")
    text = PYTHON.format(python=sys.executable, address=address, user=os.geteuid(), heeded=HEEDED)
    program.write_text(text, "utf-8")
    program.chmod(0o755)
    return program


def _end(forks: subprocess.Popen[bytes]) -> None:
    forks.terminate()  # not by its input's end alone: whatever this process has forked may hold that open
    forks.communicate()


def _forks(listener: socket.socket) -> subprocess.Popen[bytes]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    return subprocess.Popen(
        [sys.executable, "-u", "-X", "utf8", "-c", FORKS, str(listener.fileno())],
        cwd="/",
        env=environment,
        stdin=subprocess.PIPE,
        pass_fds=[listener.fileno()],
        start_new_session=True,
    )
