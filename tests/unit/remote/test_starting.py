"""Why an agent did not start is told with the cure for just that (fleet C8, C22)."""

import pytest

from fab_static.errors import RemoteError
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
            for said in ("sudo: unknown user: deploy", "sudo: unknown user deploy")
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
                "Sorry, user anna is not allowed to execute '/usr/bin/python3' as deploy on edge1.\n"
                "sudo: unable to resolve host edge1: Name or service not known",
            )
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
            "sudo looks in its own secure_path",
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


def test_a_login_that_says_nothing_is_told():
    assert silence(30, "", PLAIN) == (
        "nothing came for 30 seconds after the login",
        "look at .bashrc and .profile of anna there: something in them waits. "
        "Try by hand: ssh anna@edge1 /opt/python3 -V",
    )
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
    assert caught.value.what == "nothing came for 30 seconds after the login"
    assert caught.value.where == "build1"
    assert channel.closed
