"""Why an agent did not start: what a login, a shell, sudo or Python said, put into words with their cure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

READ_BY_A_SHELL = (
    113  # the exit status to which the first line that goes to a host leads; host/archive.py
)
MAX_SAID = 2000  # characters of what was said that are shown


@dataclass(frozen=True)
class Start:
    """How an agent was to be started, and by whom."""

    python: str
    become: str | None
    user: str  # who logs in
    by_hand: str  # how a person reaches the host


@dataclass(frozen=True)
class Reason:
    """A reason why no agent starts: the words by which it is known, what is told of it, and its cure."""

    words: str  # a pattern, in lower case
    what: str
    mend: str

    def is_in(self, said: str) -> bool:
        """Tell whether these words were said."""
        return bool(re.search(self.words, said.lower()))

    def told(self, said: str, start: Start) -> tuple[str, str]:
        """Return what went wrong, and how to mend it."""
        return f"{self.what.format_map(vars(start))}: {said}", self.mend.format_map(vars(start))


# where a login may run something else than the command it is given, or something before it
INSTEAD = (
    "its shell (getent passwd {user}), ForceCommand in sshd_config, command= in authorized_keys"
)
BY_HAND = "Try by hand: {by_hand} {python} -V"
INSTALL = "install Python 3.8 or later there (Debian: apt-get install python3)"
SUDOERS = "add to /etc/sudoers.d/fab-static there"

# The first that fits is told. sudo's words: https://github.com/sudo-project/sudo (src/, plugins/sudoers/),
# and those of sudo-rs: https://github.com/trifectatechfoundation/sudo-rs (src/common/error.rs)
OF_SUDO = (
    Reason(
        r"\bsudo: (command )?not found|^sudo: no such file|command not found: sudo|unknown command: sudo",
        "sudo is not installed",
        "install it there, or log in as {become} (ssh.user) without ssh.become",
    ),
    Reason(
        r"must have a tty",
        "sudo wants a terminal, and an agent has none",
        SUDOERS + ": Defaults:{user} !requiretty",
    ),
    Reason(
        r"sudo: unknown (user|uid)|no passwd entry for|sudo: user '[^'\n]*' not found",
        "there is no user {become}",
        "create that user there, or name another one: ssh: {{become: {user}}}",
    ),
    Reason(
        r"no new privileges|nosuid|setuid root|must be owned by uid 0|effective uid is",
        "sudo cannot act as root",
        "let setuid programs work there: no nosuid on the file system of sudo, no "
        "NoNewPrivileges for the SSH server or its container, and sudo with mode 4755, owned by root",
    ),
    Reason(
        r"account validation failure|account expired|account or password is expired"
        r"|account management error|password expired",
        "the account of {user} is locked or has expired",
        "see `chage -l {user}` and `passwd -S {user}` there",
    ),
    Reason(
        r"sudo: you do not exist in the passwd database",
        "the host does not know {user} any more",
        "see there that `getent passwd {user}` answers (LDAP, sssd)",
    ),
    Reason(
        r"unable to allocate pty|cannot allocate pty|unable to open pty",
        "sudo cannot make a terminal for the agent (use_pty)",
        SUDOERS + ": Defaults:{user} !use_pty; or mount /dev/pts there",
    ),
    Reason(
        r"sudoers[^\n]*: (syntax|parse) error|(syntax|parse) error in [^\n]*sudoers"
        r"|no valid sudoers|sudoers[^\n]* is (world|group)[ -]writable"
        r"|sudoers[^\n]* is owned by|unable to (open|stat|read) [^\n]*sudoers",
        "sudo cannot read its rules",
        "mend there what `visudo -c` finds",
    ),
    Reason(
        r"is not allowed to (execute|run)|not in the sudoers file|may not run sudo"
        r"|not allowed to run sudo|not authorized on host|i'm afraid i can't do that",
        "sudo does not let {user} run {python} as {become}",
        SUDOERS + ", below every other rule: {user} ALL=({become}) NOPASSWD: ALL",
    ),
    Reason(
        r"password is required|to read the password|no askpass|no tty present"
        r"|interactive authentication is required|authentication failed",
        "sudo does not let {user} become {become} without a password",
        SUDOERS + ": {user} ALL=({become}) NOPASSWD: ALL",
    ),
    Reason(
        r"sudo: [^\n]*: (command not found|invalid command)",
        "{python} cannot be started",
        INSTALL + "; sudo looks in its own secure_path, so name one that lies elsewhere in full: "
        "ssh: {{python: /usr/local/bin/python3}}",
    ),
)
NOT_EXECUTABLE = Reason(
    r"sudo: unable to execute|failed to map segment|exec format error|cannot execute",
    "{python} may not be executed",
    "see there that it is a program with the right to execute (ls -lL {python}), on a file "
    "system that is not mounted noexec (findmnt -T {python})",
)
NOT_FOUND = Reason(r"not found|no such file|unknown command", "{python} cannot be started", INSTALL)
ANOTHER_PROGRAM = Reason(
    r"sftp connections only|unrecognized command|unknown git|not a terminal|requires a terminal",
    "the login runs another program instead of {python}",
    "see there " + INSTEAD + ", and an `exec` in .bashrc. " + BY_HAND,
)
ANOTHER_SHELL = Reason(
    r"",
    "the login starts another shell, which ended at the first line that was for the agent",
    "see there which start-up file of {user} (.bashrc, .profile, .zshenv) starts a shell: do that on a "
    "terminal only ([ -t 0 ] && exec zsh), or by chsh. See, too, " + INSTEAD + ". " + BY_HAND,
)
WITHOUT_BECOME = (
    Reason(
        r"^the login prints without end$",  # the words of remote/frames.py
        "the host agent did not start",
        "see there what prints in .bashrc, .profile or .zshenv of {user}, "
        + INSTEAD
        + ". "
        + BY_HAND,
    ),
    Reason(
        r"fab_static: the login read|zlib\.error",  # the words of host/archive.py
        "the login of {user} reads what was sent to the agent",
        "see there what reads standard input in .bashrc, .profile or .zshenv (read, cat, ssh, a "
        "question): do that on a terminal only ([ -t 0 ] && …)",
    ),
    Reason(
        r"account is currently not available"
        r"|account is (locked|disabled)|shell access (is )?(disabled|denied)",
        "the account {user} has no shell",
        "give it one there (chsh -s /bin/bash {user}), see ForceCommand in sshd_config, or log in as "
        "another one (ssh.user)",
    ),
    Reason(
        r"password has expired|password change required|account has expired",
        "the password or the account of {user} has expired",
        "see `chage -l {user}` there",
    ),
    Reason(
        r"restricted: cannot|\.so: restricted|is restricted by|: restricted$",
        "the shell of {user} is restricted",
        "give {user} another shell there (chsh -s /bin/bash {user}), or name a Python that its PATH "
        "has, without a slash: ssh: {{python: python3}}",
    ),
    Reason(
        r"resource temporarily unavailable|cannot fork|fork failed|cannot allocate memory",
        "the host has no room for another process of {user}",
        "see there `ulimit -u`, TasksMax of systemd, and free memory; end what runs on for nobody",
    ),
    NOT_EXECUTABLE,
    Reason(
        r"error while loading shared libraries|library not loaded",
        "{python} does not find a library that it needs",
        "see there `ldd $(command -v {python})`; ldconfig finds libraries of /etc/ld.so.conf.d alone",
    ),
    Reason(
        r"no module named|error importing",
        "{python} is not whole: a module of its own is missing",
        "install all of it there (Debian: apt-get install python3), or name another one: "
        "ssh: {{python: /usr/bin/python3}}",
    ),
    Reason(
        r'file "<string>", line 1(?s:.*)syntaxerror',
        "something changed the words of our command on the way",
        "see there ForceCommand in sshd_config and command= in authorized_keys: what they run must "
        'hand on the command as it is: sh -c "$SSH_ORIGINAL_COMMAND"',
    ),
    ANOTHER_PROGRAM,
)


def refusal_of_sudo(said: str) -> Reason | None:
    """Return why sudo refuses, where it says so in words that we know."""
    return next((reason for reason in OF_SUDO if reason.is_in(said)), None)


def is_of_sudo(said: str) -> bool:
    """Tell whether sudo says something, in whatever language."""
    return bool(re.search(r"^sudo: ", said, re.MULTILINE)) and not NOT_EXECUTABLE.is_in(said)


def reason(said: str, code: int | None, start: Start) -> tuple[str, str]:
    """Return what went wrong, and how to mend it.

    Args:
        said: what stood on standard error, or instead of an answer.
        code: the exit status, if it is known.
        start: how the agent was to be started.
    """
    refusal = refusal_of_sudo(said) if start.become else None
    found = refusal or _refusal_of_login(said, code, start)
    if found:
        return found.told(said, start)
    if start.become and is_of_sudo(said):
        return (
            f"sudo does not start {start.python} as {start.become}: {said}",
            f"try by hand: {start.by_hand} sudo -n -u {start.become} -- {start.python} -V",
        )
    instead = f"; if that works, see there {INSTEAD.format_map(vars(start))}"
    return (
        f"the host agent did not start: {said}",
        f"try by hand: {start.by_hand} {start.python} -V{instead}",
    )


def _refusal_of_login(said: str, code: int | None, start: Start) -> Reason | None:
    """Return why the login, its shell or Python did not do what they were told."""
    if code == READ_BY_A_SHELL:
        return ANOTHER_SHELL
    for known in WITHOUT_BECOME:
        if known.is_in(said):
            return known
    if code == 126:
        return NOT_EXECUTABLE
    lines = said.lower().splitlines()
    names = (start.python.lower(), "python")
    if any(NOT_FOUND.is_in(line) and any(name in line for name in names) for line in lines):
        return NOT_FOUND
    # our command never ends well without an agent's words, and 127 speaks of a program that is not ours
    return ANOTHER_PROGRAM if code in (0, 127) else None


def silence(seconds: float, said: str, start: Start) -> tuple[str, str]:
    """Return what to say of a login after which no agent spoke."""
    instead = f"; it said: {said}" if said else ""
    sudo = f", or sudo and its PAM modules (sudo -n -u {start.become} true)" if start.become else ""
    return (
        f"nothing came for {seconds:g} seconds after the login{instead}",
        f"look at .bashrc and .profile of {start.user} there: something in them waits, asks or reads. "
        f"Where they are innocent, see .zshenv, .cshrc, config.fish, "
        f"{INSTEAD.format_map(vars(start))}{sudo}. {BY_HAND.format_map(vars(start))}",
    )


def shown(said: str, program: str) -> str:
    """Return what was said without the program of the agent, which some shells and sudo print whole."""
    quoted = shlex.quote(program)
    for whole in (quoted, program, quoted.replace("'\"'\"'", "\\'")):
        said = said.replace(whole, "…")
    return said.strip()[-MAX_SAID:]
