"""Keeps what was sent here to run, by its SHA-256, so that it need not be sent again.

That is the agent's own archive, and the one of host/project/. Both lie in `programs/`, a folder of the agent's
user that nobody else may write to. Whoever starts one has its SHA-256 from the operator, and compares.

Beside the agent's archive lies what this Python has compiled of it, as Python itself keeps .pyc files: half of the
time that an agent takes to start.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import stat
import sys
from importlib.util import MAGIC_NUMBER

from fab_static.host.agent.claims import claim
from fab_static.host.agent.digests import begun_sha256
from fab_static.host.agent.disk import make_folders, write_file
from fab_static.host.loader import sources_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

FOLDER = "programs"
KEPT = 12  # files; those that were kept first go first
MOST = 1024 * 1024  # bytes of one; host/archive.py has the same


def keep_programs(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Keep the programs that this agent was sent."""
    claim(agent.host)
    for program in (agent.archive, agent.project):
        if program:
            _keep(agent.host, begun_sha256(program).hexdigest(), program)
    if agent.archive:
        _keep_compiled(agent.host, agent.archive)
    return {}, b""


def kept_program(host: Host, sha256: str) -> bytes:
    """Return a program that is kept here, or nothing if it is not, or has other bytes than its name says."""
    data = _read(host, sha256)
    return data if begun_sha256(data).hexdigest() == sha256 else b""


def _keep_compiled(host: Host, program: bytes) -> None:
    """Keep what this Python makes of an archive: the SHA-256 of the rest, then {path: its code} by marshal.

    The bootstrap in host/archive.py finds it by this very name, and looks at the same conditions.
    """
    sha256 = begun_sha256(program).hexdigest()
    name = f"{sha256}.{sys.implementation.cache_tag}-{MAGIC_NUMBER.hex()}"
    made = {
        file: marshal.dumps(compile(source, file, "exec", dont_inherit=True))
        for file, source in sources_in(program).items()
    }
    data = marshal.dumps(made)
    _keep(host, name, begun_sha256(data).digest() + data)


def _read(host: Host, name: str) -> bytes:
    if not _is_safe(host):
        return b""
    try:
        file = os.open(
            host.path(FOLDER, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )
    except OSError:
        return b""
    try:
        return os.read(file, MOST) if stat.S_ISREG(os.fstat(file).st_mode) else b""
    finally:
        os.close(file)


def _keep(host: Host, name: str, data: bytes) -> None:
    folder = host.path(FOLDER)
    if not os.path.lexists(folder):
        make_folders(folder, 0o700)
    if not _is_safe(host) or _read(host, name) == data:
        return
    write_file(host.path(FOLDER, name), data)
    os.chmod(host.path(FOLDER, name), 0o600)
    by_age = sorted(os.listdir(folder), key=lambda each: os.lstat(host.path(FOLDER, each)).st_mtime)
    for each in by_age[:-KEPT]:
        with contextlib.suppress(OSError):
            os.unlink(host.path(FOLDER, each))


def _is_safe(host: Host) -> bool:
    """Tell whether the folder is there, and ours alone."""
    try:
        status = os.lstat(host.path(FOLDER))
    except OSError:
        return False
    is_private = not status.st_mode & 0o077
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and is_private
