"""Why an agent did not start is told with the cure for just that (fleet C8, C22)."""

import pytest

from fab_static.errors import RemoteError
from fab_static.host import archive
from fab_static.plan.wire import verbs
from fab_static.remote import RemoteHost, opening
from fab_static.remote.starting import Start, reason, silence
from tests.unit.remote.wires import Wire, environment_at

BECOME = Start("python3", "deploy", "anna", "ssh anna@edge1")
PLAIN = Start("/opt/python3", None, "anna", "ssh anna@edge1")
ROOT = (
    "let setuid programs work there: no nosuid on the file system of sudo, no NoNewPrivileges for "
    "the SSH server or its container, and sudo with mode 4755, owned by root"
)
INSTEAD = "its shell (getent passwd anna), ForceCommand in sshd_config, command= in authorized_keys"
EXECUTE = (
    "see there that it is a program with the right to execute (ls -lL {0}), on a file system that is "
    "not mounted noexec (findmnt -T {0})"
)


@pytest.mark.parametrize(
    ("said", "what", "mend"),
    [
        (
            "sudo: sorry, you must have a tty to run sudo",
            "sudo wants a terminal, and an agent has none",
            "add to /etc/sudoers.d/fab-static there: Defaults:anna !requiretty",
        ),
        *(
            (
                said,
                "there is no user deploy",
                "create that user there, or name another one: ssh: {become: anna}",
            )
            for said in (
                "sudo: unknown user: deploy",
                "sudo: unknown user deploy",
                "sudo: user 'deploy' not found",  # sudo-rs
            )
        ),
        *(
            (said, "sudo cannot act as root", ROOT)
            for said in (
                'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.',
                "sudo: effective uid is not 0, is /usr/bin/sudo on a file system with the 'nosuid' "
                "option set or an NFS file system without root privileges?",
                "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set",
            )
        ),
        (
            "sudo: account validation failure, is your account locked?",
            "the account of anna is locked or has expired",
            "see `chage -l anna` and `passwd -S anna` there",
        ),
        *(
            (
                said,
                "sudo does not let anna become deploy without a password",
                "add to /etc/sudoers.d/fab-static there: anna ALL=(deploy) NOPASSWD: ALL",
            )
            for said in (
                "sudo: a password is required",
                "sudo: no tty present and no askpass program specified",
                "sudo: a terminal is required to read the password; either use the -S option",
                "sudo: interactive authentication is required",  # sudo-rs
                "We trust you have received the usual lecture from the local System\n"
                "Administrator.\nsudo: a password is required",
                "bash: nvm: command not found\nbash: /opt/env: No such file or directory\n"
                "sudo: a password is required",
            )
        ),
        *(
            (
                said,
                "sudo does not let anna run python3 as deploy",
                "add to /etc/sudoers.d/fab-static there, below every other rule: "
                "anna ALL=(deploy) NOPASSWD: ALL",
            )
            for said in (
                "Sorry, user anna is not allowed to execute '/usr/bin/python3' as deploy on edge1.\n"
                "sudo: unable to resolve host edge1: Name or service not known",
                "anna is not in the sudoers file.",
                "anna is not in the sudoers file.  This incident will be reported.",
                "Sorry, user anna may not run sudo on edge1.",
                "sudo: I'm sorry anna. I'm afraid I can't do that",  # sudo-rs
            )
        ),
        *(
            (said, "sudo cannot read its rules", "mend there what `visudo -c` finds")
            for said in (
                "/etc/sudoers.d/web:1:13: syntax error\ngarbage\nsudo: a password is required",
                ">>> /etc/sudoers: syntax error near line 3 <<<\nsudo: parse error in /etc/sudoers "
                "near line 3\nsudo: no valid sudoers sources found, quitting",
                "sudo: /etc/sudoers is world writable",
            )
        ),
        (
            "sudo: unable to allocate pty: No such device",
            "sudo cannot make a terminal for the agent (use_pty)",
            "add to /etc/sudoers.d/fab-static there: Defaults:anna !use_pty; or mount /dev/pts there",
        ),
        (
            "sudo: you do not exist in the passwd database",
            "the host does not know anna any more",
            "see there that `getent passwd anna` answers (LDAP, sssd)",
        ),
        (
            "sudo: Es ging etwas schief",
            "sudo does not start python3 as deploy",
            "try by hand: ssh anna@edge1 sudo -n -u deploy -- python3 -V",
        ),
        *(
            (
                said,
                "sudo is not installed",
                "install it there, or log in as deploy (ssh.user) without ssh.become",
            )
            for said in (
                "bash: line 1: sudo: command not found",
                "sh: 1: sudo: not found",
                "zsh:1: command not found: sudo",
            )
        ),
        (
            "sudo: python3: command not found",
            "python3 cannot be started",
            "install Python 3.8 or later there (Debian: apt-get install python3); "
            "sudo looks in its own secure_path, so name one that lies elsewhere in full: "
            "ssh: {python: /usr/local/bin/python3}",
        ),
        (
            "sudo: unable to execute /usr/bin/python3: Permission denied",
            "python3 may not be executed",
            EXECUTE.format("python3"),
        ),
    ],
)
def test_what_sudo_refuses_has_its_own_cause_and_cure(said, what, mend):
    assert reason(said, 1, BECOME) == (f"{what}: {said}", mend)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("bash: line 1: /opt/python3: Permission denied", 126),
        ("sh: 1: /opt/python3: Exec format error", 126),
        (
            "/opt/python3: error while loading shared libraries: libpython3.11.so.1.0: failed to map "
            "segment from shared object",
            127,
        ),
    ],
)
def test_a_python_that_may_not_be_executed_is_told(said, code):
    assert reason(said, code, PLAIN) == (
        f"/opt/python3 may not be executed: {said}",
        EXECUTE.format("/opt/python3"),
    )


@pytest.mark.parametrize(
    ("said", "code", "what"),
    [
        ("bash: line 1: /opt/python3: No such file or directory", 127, "/opt/python3 cannot be started"),
        ("/opt/python3: Command not found.", 1, "/opt/python3 cannot be started"),  # csh
        ("bash: nvm: command not found\nTraceback: oops", 1, "the host agent did not start"),
        ("bash: /usr/bin/rsync: No such file or directory", 127, "the login runs another program"),
        ("Only backups here", 0, "the login runs another program"),
        ("This service allows sftp connections only.", 1, "the login runs another program"),
        ("fatal: unrecognized command '/opt/python3 -I'", 128, "the login runs another program"),
        ("open terminal failed: not a terminal", 1, "the login runs another program"),
        ("exit status 113", archive.READ_BY_A_SHELL, "the login starts another shell"),
        (archive.READ_BY_THE_LOGIN, 1, "the login of anna reads what was sent"),
        ("zlib.error: Error -3 while decompressing data", 1, "the login of anna reads"),
        ("This account is currently not available.", 1, "the account anna has no shell"),
        ("WARNING: Your password has expired.\nPassword change required but no TTY available.", 1,
         "the password or the account of anna has expired"),
        ("rbash: /opt/python3: restricted: cannot specify `/' in command names", 127,
         "the shell of anna is restricted"),
        ("bash: fork: retry: Resource temporarily unavailable", 254, "the host has no room"),
        ("/opt/python3: error while loading shared libraries: libpython3.11.so.1.0: cannot open "
         "shared object file: No such file or directory", 127,
         "/opt/python3 does not find a library that it needs"),
        ("ModuleNotFoundError: No module named 'zlib'", 1, "/opt/python3 is not whole"),
        ('  File "<string>", line 1\n    \'import\n    ^\nSyntaxError: unterminated', 1,
         "something changed the words of our command"),
    ],
)  # fmt: skip
def test_what_a_login_does_instead_is_told_by_what_it_says(said, code, what):
    told, mend = reason(said, code, PLAIN)
    assert told.startswith(what)
    assert told.endswith(f": {said}")
    assert "{" not in mend.replace("ssh: {python: ", "")


def test_a_login_that_says_nothing_is_told():
    assert silence(30, "", PLAIN) == (
        "nothing came for 30 seconds after the login",
        "look at .bashrc and .profile of anna there: something in them waits, asks or reads. "
        f"Where they are innocent, see .zshenv, .cshrc, config.fish, {INSTEAD}. "
        "Try by hand: ssh anna@edge1 /opt/python3 -V",
    )
    assert "PAM modules (sudo -n -u deploy true)" in silence(30, "", BECOME)[1]
    assert silence(30, "Enter your name:", PLAIN)[0] == (
        "nothing came for 30 seconds after the login; it said: Enter your name:"
    )


@pytest.mark.parametrize("prints", [b"", b"Welcome, who are you? "])
def test_a_host_whose_login_waits_is_given_up_with_these_words(tmp_path, monkeypatch, prints):
    """It was "the host agent did not start: exit status None" (fleet C22)."""

    def waits(_seconds):
        raise TimeoutError

    channel = Wire(*([prints] if prints else []), waits)
    monkeypatch.setattr(opening, "LocalChannel", lambda _command: channel)
    environment = environment_at(tmp_path)
    with pytest.raises(RemoteError) as caught:
        RemoteHost(environment.hosts[0], environment).ask(verbs.FACTS)
    said = f"; it said: {prints.decode().strip()}" if prints else ""
    assert caught.value.what == f"nothing came for 30 seconds after the login{said}"
    assert caught.value.where == "build1"
    assert channel.closed
