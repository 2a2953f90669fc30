"""Commands run, are fed, and end with all that they started."""

import os
import signal

import pytest

from tests.processes import alive, becomes
from tests.unit.host.agent.agents import sha256_of


def run(agent, *command, body=b"", timeout=120.0, **options):
    agent.sent.clear()
    head = agent.do("run", body, command=list(command), timeout=timeout, **options)
    return head, b"".join(data for sent, data in agent.sent if "output" in sent)


def test_a_command_gives_its_exit_code_and_both_streams(agent):
    head, output = run(agent, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert head == {"code": 3, "timed_out": False}
    assert sorted(output.split()) == [b"err", b"out"]


def test_a_command_reads_its_standard_input_to_the_end(agent):
    body = os.urandom(1 << 20)
    assert run(agent, "sha256sum", body=body)[1].split()[0].decode() == sha256_of(body)


def test_a_command_that_reads_nothing_is_no_error(agent):
    assert run(agent, "true", body=b"x" * (1 << 20))[0]["code"] == 0


def test_a_command_gets_its_environment_and_folder(agent, tmp_path):
    head, output = run(
        agent,
        "sh",
        "-c",
        'printf "%s|%s|" "$SECRET" "${PATH:+path}"; pwd',
        environment={"SECRET": "a b\n\u00fc"},
        folder=str(tmp_path),
    )
    assert output.decode() == f"a b\n\u00fc|path|{tmp_path}\n"
    assert head["code"] == 0


def test_secrets_stand_on_no_command_line(agent):
    _, output = run(
        agent, "sh", "-c", "tr '\\0' ' ' < /proc/$$/cmdline", environment={"S": "hunter2"}
    )
    assert b"hunter2" not in output


@pytest.mark.parametrize(
    ("command", "folder"),
    [("/no/such/program", None), ("true", "/no/such/folder"), ("/etc/passwd", None)],
)
def test_a_command_that_cannot_start_says_why(agent, command, folder):
    head, _ = run(agent, command, folder=folder)
    assert head["code"] == 127
    path = folder or command
    assert head["cannot_start"] in (
        f"{path}: No such file or directory",
        f"{path}: Permission denied",
    )
    assert not agent.children


def timed_out(agent, line):
    """Run a shell line that says a pid and does not end; give it as long as it needs to say so."""
    for timeout in (0.3, 2, 8, 32, 128):  # a busy machine may not have started it yet
        head, output = run(agent, "sh", "-c", line, timeout=timeout)
        if output.endswith(b"\n"):
            break
    return head, output


def test_at_the_time_out_the_whole_group_is_killed(agent):
    head, output = timed_out(agent, "sleep 600 & echo $!; sleep 600")
    assert head["timed_out"]
    assert becomes(lambda: not alive(int(output)))
    assert not agent.children


def test_a_process_that_left_the_group_cannot_hold_the_agent_beyond_the_time_out(agent):
    """A reload that starts a daemon in a session of its own keeps our pipe open."""
    head, output = timed_out(agent, "(setsid sh -c 'echo $$; exec sleep 600' &); sleep 600")
    assert head["timed_out"]
    assert alive(int(output))
    os.kill(int(output), signal.SIGKILL)


def test_what_a_command_leaves_running_in_its_group_ends_with_it(agent):
    _, output = run(agent, "sh", "-c", "sleep 30 >/dev/null 2>&1 & echo $!")
    assert becomes(lambda: not alive(int(output.split()[0])))


def test_a_web_process_that_does_not_listen_is_told_by_its_reason(agent):
    answer = agent.do("http", url="http://127.0.0.1:1/health", timeout=0.1)["answer"]
    assert "refused" in answer.lower()
