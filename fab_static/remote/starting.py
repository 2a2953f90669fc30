"""Why an agent did not start: what a shell, sudo or Python said, put into words with their cure."""

from __future__ import annotations

import re
from dataclasses import dataclass

# sudo's words: https://github.com/sudo-project/sudo (src/, plugins/sudoers/)
NO_SUDO = re.compile(r"\bsudo: (command )?not found|command not found: sudo|unknown command: sudo")
NO_PYTHON = re.compile(r"not found|no such file")
NO_TERMINAL = re.compile(r"must have a tty")
NO_USER = re.compile(r"sudo: unknown (user|uid)|no passwd entry for")
NO_ROOT = re.compile(
    r"no new privileges|nosuid|setuid root|must be owned by uid 0|effective uid is"
)
NO_ACCOUNT = re.compile(
    r"account validation failure|account expired|account or password is expired"
)
NOT_EXECUTABLE = re.compile(
    r"sudo: unable to execute|failed to map segment|exec format error|cannot execute"
)


@dataclass(frozen=True)
class Start:
    """How an agent was to be started, and by whom."""

    python: str
    become: str | None
    user: str  # who logs in
    by_hand: str  # how a person reaches the host


def reason(said: str, code: int | None, start: Start) -> tuple[str, str]:
    """Return what went wrong, and how to mend it.

    Args:
        said: what stood on standard error, or instead of an answer.
        code: the exit status, if it is known.
        start: how the agent was to be started.
    """
    found = _refusal_of_sudo(said, start) if start.become else None
    return found or _refusal_of_python(said, code, start)


def _refusal_of_sudo(said: str, start: Start) -> tuple[str, str] | None:
    user, become, words = start.user, start.become, said.lower()
    if NO_SUDO.search(words):
        return (
            f"sudo is not installed: {said}",
            f"install it there, or log in as {become} (ssh.user) without ssh.become",
        )
    if NO_TERMINAL.search(words):
        return (
            f"sudo wants a terminal, and an agent has none: {said}",
            f"add to /etc/sudoers.d/fab-static there: Defaults:{user} !requiretty",
        )
    if NO_USER.search(words):
        return (
            f"there is no user {become}: {said}",
            f"create that user there, or name another one: ssh: {{become: {user}}}",
        )
    if NO_ROOT.search(words):
        return (
            f"sudo cannot act as root: {said}",
            "let setuid programs work there: no nosuid on the file system of sudo, no "
            "NoNewPrivileges for the SSH server or its container, and sudo with mode 4755, owned by root",
        )
    if NO_ACCOUNT.search(words):
        return (
            f"the account of {user} is locked or has expired: {said}",
            f"see `chage -l {user}` and `passwd -S {user}` there",
        )
    if "sudo" in words and not (NO_PYTHON.search(words) or NOT_EXECUTABLE.search(words)):
        return (
            f"sudo does not let {user} become {become} without a password: {said}",
            f"add to /etc/sudoers.d/fab-static there: {user} ALL=({become}) NOPASSWD: ALL",
        )
    return None


def _refusal_of_python(said: str, code: int | None, start: Start) -> tuple[str, str]:
    python, words = start.python, said.lower()
    if NOT_EXECUTABLE.search(words) or code == 126:
        return (
            f"{python} may not be executed: {said}",
            f"see there that it is a program with the right to execute (ls -lL {python}), on a file "
            f"system that is not mounted noexec (findmnt -T {python})",
        )
    if code == 127 or "not found" in words:
        return (
            f"{python} cannot be started: {said}",
            "install Python 3.8 or later there (Debian: apt-get install python3)"
            + ("; sudo looks in its own secure_path" if start.become else ""),
        )
    return (
        f"the host agent did not start: {said}",
        f"try by hand: {start.by_hand} {python} -V",
    )


def silence(seconds: float, said: str, start: Start) -> tuple[str, str]:
    """Return what to say of a login after which no agent spoke."""
    instead = f"; it said: {said}" if said else ""
    return (
        f"nothing came for {seconds:g} seconds after the login{instead}",
        f"look at .bashrc and .profile of {start.user} there: something in them waits. "
        f"Try by hand: {start.by_hand} {start.python} -V",
    )
