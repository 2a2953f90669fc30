"""Keeps what was sent here to run, by its SHA-256, so that it need not be sent again.

That is the agent's own archive, and the one of host/project/. Both lie in `programs/`, a folder of the agent's
user that nobody else may write to. Whoever starts one has its SHA-256 from the operator, and compares.
"""

from __future__ import annotations

import contextlib
import os
import stat

from fab_static.host.agent.claims import claim
from fab_static.host.agent.digests import begun_sha256
from fab_static.host.agent.disk import make_folders, write_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

FOLDER = "programs"
KEPT = 8  # programs; those that were kept first go first
MOST = 1024 * 1024  # bytes of one


def keep_programs(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Keep the programs that this agent was sent."""
    claim(agent.host)
    for program in (agent.archive, agent.project):
        if program:
            _keep(agent.host, program)
    return {}, b""


def kept_program(host: Host, sha256: str) -> bytes:
    """Return a program that is kept here; nothing where it is not, or has other bytes than its name says."""
    if not _is_safe(host):
        return b""
    try:
        file = os.open(
            host.path(FOLDER, sha256), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )
    except OSError:
        return b""
    try:
        data = os.read(file, MOST) if stat.S_ISREG(os.fstat(file).st_mode) else b""
    finally:
        os.close(file)
    return data if begun_sha256(data).hexdigest() == sha256 else b""


def _keep(host: Host, program: bytes) -> None:
    folder, sha256 = host.path(FOLDER), begun_sha256(program).hexdigest()
    if not os.path.lexists(folder):
        make_folders(folder, 0o700)
    if not _is_safe(host) or kept_program(host, sha256):
        return
    write_file(host.path(FOLDER, sha256), program)
    os.chmod(host.path(FOLDER, sha256), 0o600)
    by_age = sorted(os.listdir(folder), key=lambda name: os.lstat(host.path(FOLDER, name)).st_mtime)
    for name in by_age[:-KEPT]:
        with contextlib.suppress(OSError):
            os.unlink(host.path(FOLDER, name))


def _is_safe(host: Host) -> bool:
    """Tell whether the folder is there, and ours alone."""
    try:
        status = os.lstat(host.path(FOLDER))
    except OSError:
        return False
    is_private = not status.st_mode & 0o077
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and is_private
