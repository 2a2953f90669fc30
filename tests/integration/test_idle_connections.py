"""What closes connections that look idle cuts nothing: not while a build is long, not between two requests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.one_sshd import BEHIND, Hosts

# of OpenSSH 9.2: a channel on which nothing is said for so many seconds is closed; a busy machine takes some of them
# before an agent that starts says its first word
IDLE = "ChannelTimeout session:command=12 session:shell=12 direct-tcpip=12\n"
LONG = {"name": "long", "run": "sleep 18; echo done > long.txt", "writes": ["long.txt"]}
# ends every agent below an sshd but the one that runs this
END_IDLE = """\
import os, signal, sys
from contextlib import suppress
from pathlib import Path

def parents(pid):
    while pid > 1:
        yield pid
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

ours, sshd = set(parents(os.getpid())), int(sys.argv[1])
for entry in Path("/proc").iterdir():
    with suppress(OSError):
        if entry.name.isdigit() and int(entry.name) not in ours:
            is_python = b"python" in (entry / "cmdline").read_bytes().split(b"\\0")[0]
            if is_python and sshd in set(parents(int(entry.name))):
                os.kill(int(entry.name), signal.SIGKILL)
                print("ended an agent", file=open("ended.txt", "a"))
"""


@pytest.mark.parametrize("ssh", [{}, BEHIND], ids=["direct", "gateway"])
def test_a_long_phase_cuts_no_channel_that_waits_for_it(
    tmp_path: Path, ssh: dict[str, str]
) -> None:
    """A build of 16 seconds ended in "the connection was cut" (fleet C17)."""
    with Hosts(tmp_path, 3, more=IDLE, gateway=IDLE) as hosts:
        phases = [LONG, "collectstatic", "compress"]
        with hosts.session(ssh=ssh, build={"phases": phases}) as (session, told):
            session.deploy()
            assert session.status()["agreed"]
        assert hosts.sshd.logins == 3
        # an agent on each host, and the lock's: none of them twice; small objects come from the one that is there
        assert hosts.sshd.count("Starting session") == 4
        assert not told.warned


def test_agents_that_end_while_they_wait_are_opened_anew_and_the_lock_is_kept(
    tmp_path: Path,
) -> None:
    with Hosts(tmp_path, 3) as hosts:
        (hosts.project / "end_idle.py").write_text(END_IDLE)
        command = f"{sys.executable} end_idle.py {hosts.sshd.process.pid}"
        # long enough for a beat of the lock
        run = f"{command} && sleep 6 && echo done > long.txt"
        phases = [{**LONG, "run": run}, "collectstatic", "compress"]
        with hosts.session(build={"phases": phases}) as (session, _):
            session.deploy()
            assert session.status()["agreed"]
        # those of two hosts, and the lock's
        assert (hosts.project / "ended.txt").read_text().count("ended an agent") >= 3
        assert hosts.sshd.logins == 3


def test_a_session_whose_connections_were_cut_goes_on(tmp_path: Path) -> None:
    """A firewall forgot them, between a deploy and the next one."""
    with Hosts(tmp_path, 3) as hosts, hosts.session(ssh=BEHIND) as (session, _):
        session.deploy()
        hosts.gateway.cut()
        hosts.sshd.cut()
        assert session.status()[
            "agreed"
        ]  # it only looks: whoever has not seen the cut yet asks again
        session.deploy()
        assert session.status()["agreed"]
