"""How an agent is started on a host, and what is said where none starts."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import RemoteError
from fab_static.host.agent.protocol import FRAME
from fab_static.host.archive import FIRST_LINE, SIZE
from fab_static.plan.inventory import Environment, Host, Project, Ssh
from fab_static.remote import sent
from fab_static.remote.opening import Opening
from tests.unit.remote.wires import Wire


class Said(Wire):
    """A process that prints this and ends."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words

    def last_words(self) -> tuple[int | None, str]:
        return 0, self.words


class Connection:
    """Takes down the commands that it is to start."""

    def __init__(self, user: str | None = "deploy") -> None:
        self.user = user
        self.commands: list[str] = []
        self.answer = Wire()

    def channel(self, command: str) -> Any:
        self.commands.append(command)
        return self.answer

    def ssh_command(self) -> str:
        return "ssh edge1"


def opening(
    connection: Connection | None = None, *, local: bool = False, **ssh: Any
) -> tuple[Opening, Connection]:
    host = Host("edge1", "10.0.0.21", ("static",), local=local)
    environment = Environment(
        name="staging",
        app="shop",
        deploy_to="/srv/{host}/static",
        hosts=(host,),
        project=Project(path="/srv/shop/code"),
        ssh=Ssh(**ssh),
    )
    connection = connection or Connection()
    return Opening(host, environment, connection), connection  # type: ignore[arg-type]


def test_an_agent_is_started_by_the_python_that_the_inventory_names() -> None:
    made, connection = opening(python="/opt/python 3.11/bin/python")
    made.channel()
    (command,) = connection.commands
    assert command.startswith("'/opt/python 3.11/bin/python' -I -S -X utf8 -c ")


def test_an_agent_that_becomes_another_user_is_started_by_a_sudo_that_never_asks() -> None:
    made, connection = opening(become="www-data", python="python3")
    made.channel()
    assert connection.commands[0].startswith("sudo -n -u www-data -- python3 -I -S ")


def test_the_first_requests_go_in_one_trip() -> None:
    first = opening()[0].asking(b"more")
    before = FIRST_LINE + SIZE % (len(first) - len(FIRST_LINE) - len(SIZE % 0))
    assert first.startswith(before)
    head_size, body_size = FRAME.unpack_from(first, len(before))
    head = first[len(before) + FRAME.size : -len(b"more")]
    assert (len(head), body_size) == (head_size, 0)
    assert json.loads(head) == {
        "do": "open",
        "deploy_to": "/srv/edge1/static",
        "app": "shop",
        "environment": "staging",
    }


def test_on_this_machine_an_agent_runs_in_our_own_python(monkeypatch: pytest.MonkeyPatch) -> None:
    made, connection = opening(local=True, python="/not/there")
    monkeypatch.setattr("fab_static.remote.opening.LocalChannel", lambda command: command)
    assert made.is_here
    assert made.channel() == sent.command_here(sys.executable)
    assert connection.commands == []


def test_for_another_user_of_this_machine_an_agent_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That user may not be allowed to read our modules."""
    made, connection = opening(local=True, become="www-data")
    monkeypatch.setattr("fab_static.remote.opening.LocalChannel", lambda command: command)
    assert not made.is_here
    program = sent.agent_for(["static"], has_bucket=False)
    command = program.command(sys.executable, "/srv/edge1/static/programs")
    assert made.channel() == ["sudo", "-n", "-u", "www-data", "--", *command]
    assert connection.commands == []


@pytest.mark.parametrize(
    ("mode", "what"),
    [(None, "No such file or directory"), (0o644, "Permission denied")],
)
def test_a_python_of_this_machine_that_does_not_start_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int | None, what: str
) -> None:
    python = tmp_path / "python"
    if mode:
        python.write_text("")
        python.chmod(mode)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(RemoteError) as caught:
        opening(local=True)[0].channel()
    assert f"{python}: {what}" in caught.value.what
    assert caught.value.where == "edge1"


# ---- why there is no agent

CUT = EOFError("the connection ended")


def test_what_stood_on_standard_error_is_the_reason() -> None:
    error = opening()[0].failed(1, "bash: /etc/profile: oops", CUT)
    assert "bash: /etc/profile: oops" in error.what
    assert error.where == "edge1"


@pytest.mark.parametrize(
    ("words", "error", "reason"),
    [("", CUT, "the connection ended"), ("", EOFError(), "exit status 3")],
)
def test_without_words_the_error_or_the_exit_status_is_the_reason(
    words: str, error: EOFError, reason: str
) -> None:
    assert reason in opening()[0].failed(3, words, error).what


def test_a_login_that_says_nothing_is_given_up_after_so_many_seconds() -> None:
    made, _ = opening()
    silent = made.failed(None, "", TimeoutError())
    assert f"{made.seconds:g} seconds" in silent.what
    assert made.failed(255, "", TimeoutError()).what != silent.what  # it ended: that says more


def test_a_python_that_is_too_old_is_told_with_its_version_by_the_agents_own_words() -> None:
    words = "fab_static: Python 3.6.8 at /usr/libexec/platform-python\n"
    error = opening(python="python3")[0].failed(1, words, CUT)
    assert error.what == "python3 (/usr/libexec/platform-python) is 3.6.8, 3.8 is needed"
    assert error.mend.endswith("ssh: {python: /usr/bin/python3.11}")


@pytest.mark.parametrize(
    ("answer", "which"),
    [
        ("fab_static: Python 2.7.18 at /usr/bin/python", "python (/usr/bin/python) is 2.7.18"),
        ("fab_static: Python 2.7.18 at python", "python is 2.7.18"),
        ("fab_static: Python 2.6.6 at ", "python is 2.6.6"),
        ("", "python is older than 3.4"),
    ],
)
def test_a_python_that_does_not_know_our_options_is_asked_for_its_version(
    answer: str, which: str
) -> None:
    made, connection = opening(python="python", become="www-data")
    connection.answer = Said(answer)
    error = made.failed(2, "Unknown option: -I\nusage: python …", CUT)
    assert error.what == f"{which}, 3.8 is needed"
    assert connection.commands[0].startswith("sudo -n -u www-data -- python -c 'import sys;")
    assert connection.answer.closed


def test_a_shell_that_shows_our_program_again_is_no_python_that_is_too_old() -> None:
    """That is how fish tells it. It was "python3 is '"'"'+'"'"'.…, 3.8 is needed"."""
    made, connection = opening(python="python3")
    made.channel()
    said = f"fish: Unknown command: python3\nfish:\n{connection.commands[0]}\n^~~~~~^"
    error = made.failed(127, said, CUT)
    assert error.what == (
        "python3 cannot be started: fish: Unknown command: python3\nfish:\n"
        "python3 -I -S -X utf8 -c …\n^~~~~~^"
    )


def test_a_sudo_that_speaks_the_hosts_language_is_asked_again_in_english() -> None:
    made, connection = opening(become="no-such")
    connection.answer = Said("sudo: unknown user no-such")
    error = made.failed(1, "sudo: unbekannter Benutzer no-such", CUT)
    assert error.what == "there is no user no-such: sudo: unknown user no-such"
    assert connection.commands == ["env LC_ALL=C sudo -n -u no-such -- python3 -V"]


def test_what_a_login_printed_is_told_beside_its_errors() -> None:
    """The shell nologin speaks on standard output, and start-up files on standard error."""
    printed = "This account is currently not available."
    error = opening()[0].failed(1, "stty: not on a terminal", CUT, printed)
    assert error.what.endswith(f" has no shell: stty: not on a terminal\n{printed}")


def test_a_program_that_sends_all_back_is_told_without_the_archive() -> None:
    made, _ = opening()
    error = made.failed(None, "", TimeoutError(), made.asking(b"").decode(errors="replace"))
    assert error.what.endswith("; it said: (it sent back what was sent to it)")


def test_who_logs_in_is_known_where_no_user_is_named() -> None:
    made, _ = opening(Connection(user=None), become="www-data")
    error = made.failed(1, "sudo: a password is required", CUT)
    assert getpass.getuser() in f"{error.what} {error.mend}"


def test_a_person_reaches_the_host_by_the_same_command() -> None:
    made: Any = opening()[0]
    assert made.ssh_command == "ssh edge1"
    assert made._start.by_hand == "ssh edge1"
