"""How a command is started under strace, and whether this host lets us.

strace is a relative of the command here, not its parent (-D): who started the command has its own process, with its
number, its signals and its exit code. In a process group of its own (-DD) it ends when the last process that it
follows has ended; whoever ends a group first ends those.

It follows what the command starts alone, not the Python that starts it: host/project/reads knows what that reads,
at no cost, and knows it better: that only the modules of a folder count, say, or one value of a file.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile

from fab_static.host.project.traces import pausing

TRACED = (
    *("%file", "clone", "?clone2", "?clone3", "?fork", "?vfork", "unshare", "setns", "fchdir"),
    *("?getdents", "getdents64", "?connect", "?sendto", "?sendmsg", "?sendmmsg", "?bind"),
    *("?io_uring_setup", "?open_by_handle_at"),
)
# Node reads by io_uring where the kernel has it, which no call tells of; npm asks for news of itself, and whether
# what it installs has known holes; git writes what it has found out meanwhile
VARIABLES = {
    "UV_USE_IO_URING": "0",
    "NPM_CONFIG_UPDATE_NOTIFIER": "false",
    "NPM_CONFIG_AUDIT": "false",
    "NPM_CONFIG_FUND": "false",
    "GIT_OPTIONAL_LOCKS": "0",
}
_found: dict[str, str] = {}  # what a trial has found
_refused: list[str] = []  # calls that fail, where this process is confined


def confine() -> None:
    """Refuse sockets from now on: what commands could ask through one is not confined as they are."""
    _refused[:] = ["socket"]


def is_confined() -> bool:
    """Tell whether commands are refused what they do elsewhere: see host/project/confining."""
    return bool(_refused)


def words(output: str, program: str = "") -> list[str]:
    """Return what comes before a command's own words to have it traced into a file."""
    return [
        program or shutil.which("strace") or "strace",
        *("-DD", "-f", "--seccomp-bpf", "-q", "-y", "-s", "1024"),
        *(
            "-e",
            "signal=!SIGCHLD",
            "-e",
            "trace=" + ",".join([*TRACED, *_refused]),
            "-e",
            "abbrev=!getdents,getdents64",
        ),
        *(["-e", "inject=" + ",".join(_refused) + ":error=EACCES"] if _refused else ()),
        *("-o", output, "--"),
    ]


def has_rights_of_its_own(program: str) -> bool:
    """Tell whether a program, as sudo, runs with rights of its own: it has none of them while it is traced."""
    if not os.geteuid():
        return False
    try:
        return bool(os.stat(program).st_mode & (stat.S_ISUID | stat.S_ISGID))
    except OSError:
        return False


def why_not() -> str:
    """Return why nothing can be traced here; "" where it can. It is tried once, on a command that does nothing."""
    if "why" not in _found:
        with pausing.paused():
            _found["why"] = _tried()
    return _found["why"]


def _tried() -> str:
    if not shutil.which("strace"):
        return "strace is not installed"
    with tempfile.TemporaryDirectory(prefix="fab-static-") as folder:
        output = os.path.join(folder, "trace")
        try:
            ran = subprocess.run(  # noqa: S603
                [*words(output), "/bin/sh", "-c", "cd /; exit 7"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=20,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            return f"strace cannot be started: {error}"
        if ran.returncode == 7 and not ran.stdout:
            return ""
    said = ran.stdout.decode("utf-8", "replace").strip().splitlines()
    return "strace may not trace here: " + (said[0] if said else f"exit code {ran.returncode}")
