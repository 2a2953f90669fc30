"""A fleet reached through the operator's own `ssh`: whatever happens, it goes as with Fabric's client, and nothing stays."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.faults import agents, kill
from demo.fleet import Fleet
from fab_static import remote
from fab_static.plan import inventory
from fab_static.plan.wire import verbs
from tests.integration.conftest import HOSTS, Operator, get, operator_of, write_tiny
from tests.processes import alive, becomes

SSH = {"client": "openssh"}
BUILD = {"phases": ["collectstatic", "compress"]}
MARK = "FAB_STATIC_TEST_RUN"  # in the environment of all that a run starts on this machine


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("openssh")
    project = write_tiny(folder / "project")
    with Fleet(folder / "hosts", HOSTS, project=project, settings="tiny.settings", app="tiny") as f:
        operator = operator_of(f, folder / "operator")
        operator.write_inventory(build=BUILD, ssh=SSH)
        operator.fab("deploy")
        yield operator


@pytest.fixture
def unchanged(site: Operator) -> Iterator[Operator]:
    """What is live stays live, on every host, and the inventory is put back."""
    live = site.live()
    yield site
    site.write_inventory(build=BUILD, ssh=SSH)
    assert site.live() == live
    assert not (site.fleet.hosts["build1"].static / "lock").exists()
    assert site.wrong(site.urls(str(live))) == []


class Run:
    """One run of fab whose processes, and whose files below TMPDIR, can be told from all others."""

    def __init__(self, operator: Operator, *words: str, **extra: str) -> None:
        self._mark = uuid.uuid4().hex
        self.folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
        extra = {MARK: self._mark, "TMPDIR": str(self.folder), **extra}
        self.process = operator.start(*words, **extra)

    def processes(self) -> list[str]:
        """Return the commands of what runs on this machine for it, itself left out; hosts' own have no such mark."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                is_of_run = f"{MARK}={self._mark}".encode() in (entry / "environ").read_bytes()
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, UnicodeDecodeError):
                continue
            if is_of_run and alive(int(entry.name)) and int(entry.name) != self.process.pid:
                found.append(words)
        return found

    def masters(self) -> list[str]:
        return [words for words in self.processes() if words.startswith("ssh -M ")]

    def leaves_nothing(self) -> bool:
        return becomes(lambda: not self.processes() and not list(self.folder.glob("fab-*")))

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.folder)


@pytest.fixture
def runs(site: Operator) -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        run.end()


def waiting_in_build(site: Operator, runs: list[Run]) -> Run:
    """Start a deploy that waits in collectstatic for ever."""
    begun = site.folder / "begun"
    begun.unlink(missing_ok=True)
    collect = f"touch {begun}; sleep 300"
    site.write_inventory(build={**BUILD, "commands": {"collectstatic": collect}}, ssh=SSH)
    run = Run(site, "deploy")
    runs.append(run)
    assert becomes(begun.exists)
    return run


def test_a_deploy_and_a_rollback_and_nothing_is_left_of_ssh(
    site: Operator, runs: list[Run]
) -> None:
    first = str(site.live())
    css = site.fleet.hosts["build1"].code / "assets" / "site.css"
    css.write_text("body { color: teal }\n")
    for words in (("deploy",), ("status",), ("rollback",)):
        run = Run(site, *words)
        runs.append(run)
        said, error = run.process.communicate(timeout=120)
        assert run.process.returncode == 0, said + error
        assert run.leaves_nothing(), run.processes()
    assert site.live() == first
    assert site.wrong(site.urls(first)) == []
    assert get(site.fleet.site("web1") + "/").status == 200


def test_each_host_is_one_connection_of_strict_ssh(unchanged: Operator, runs: list[Run]) -> None:
    run = waiting_in_build(unchanged, runs)
    masters = run.masters()
    assert len(masters) == len(HOSTS)
    for words in masters:
        assert "BatchMode=yes" in words
        assert "StrictHostKeyChecking=yes" in words
    room = next(run.folder.glob("fab-*"))
    assert room.stat().st_mode & 0o777 == 0o700
    run.process.send_signal(signal.SIGINT)
    run.process.wait(120)


def test_ctrl_c_puts_all_back_and_leaves_no_ssh(unchanged: Operator, runs: list[Run]) -> None:
    run = waiting_in_build(unchanged, runs)
    os.kill(run.process.pid, signal.SIGINT)
    _, error = run.process.communicate(timeout=120)
    assert run.process.returncode == 1
    assert "interrupted; what was live before is live" in error
    assert run.leaves_nothing(), run.processes()


def test_kill_9_of_the_operator_leaves_no_ssh_and_no_folder(
    site: Operator, runs: list[Run]
) -> None:
    run = waiting_in_build(site, runs)
    assert run.masters()
    run.process.kill()
    run.process.wait()
    assert run.leaves_nothing(), run.processes()
    site.write_inventory(build=BUILD, ssh=SSH)
    assert "was left behind by a deploy that died" in site.fab("deploy").stdout


def test_a_host_that_is_down_is_named(unchanged: Operator) -> None:
    unchanged.fleet.stop("edge2")
    try:
        error = unchanged.fab("deploy", code=1).stderr
    finally:
        unchanged.fleet.start("edge2")
    assert "the host cannot be reached: connection refused" in error
    assert re.search(r"edge2 \(127\.0\.0\.4:\d+\)", error)
    assert "ssh -p" in error


def test_a_host_that_dies_in_the_middle_of_a_flip_is_named_and_the_others_go_back(
    unchanged: Operator, runs: list[Run]
) -> None:
    before = str(unchanged.live())
    begun = unchanged.folder / "reloads"
    reload = f"case $(pwd) in *) test {{host}} != web2 || {{ touch {begun}; sleep 300; }};; esac; {unchanged.fleet.reload_command}"
    css = unchanged.fleet.hosts["build1"].code / "assets" / "site.css"
    css.write_text("body { color: olive }\n")
    unchanged.write_inventory(
        build=BUILD, ssh=SSH, web={"reload": reload, "batch": "1", "confirm_timeout": 5}
    )
    run = Run(unchanged, "deploy")
    runs.append(run)
    assert becomes(begun.exists)
    unchanged.fleet.stop("web2")
    said, error = run.process.communicate(timeout=120)
    unchanged.fleet.start("web2")
    assert run.process.returncode in (1, 5), said + error
    assert "web2" in error
    assert run.leaves_nothing(), run.processes()
    unchanged.write_inventory(build=BUILD, ssh=SSH)
    if run.process.returncode == 5:
        unchanged.fab("rollback", "--to", before)
    css.write_text("body { color: teal }\n")


def test_a_host_that_says_nothing_any_more_is_given_up(unchanged: Operator) -> None:
    """Its agent stands still, as on a host whose disk does."""
    ssh = {**SSH, "command_timeout": 3}
    stop = {**BUILD, "commands": {"collectstatic": "kill -STOP $PPID; sleep 20"}}
    unchanged.write_inventory(build=stop, ssh=ssh)
    stopped: list[int] = []
    try:
        error = unchanged.fab("deploy", code=1).stderr
    finally:
        stopped += agents(unchanged.fleet.hosts["build1"])
        for pid in stopped:
            kill(pid, signal.SIGCONT)
    assert re.search(r"said nothing for \d+ seconds|was not done after", error)
    assert "build1" in error


def test_a_connection_that_was_cut_while_idle_is_opened_anew(site: Operator) -> None:
    """ChannelTimeout, NAT boxes and firewalls do so."""
    inventory_file = site.folder / "inventories" / "staging.yml"
    environment = inventory.parse(inventory_file.read_text(), name="staging", source="staging.yml")
    fleet = remote.Fleet(environment)
    try:
        connected = [host.ask(verbs.STATE) for host in fleet.hosts]
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and is_our_master(int(entry.name)):
                os.kill(int(entry.name), signal.SIGKILL)
        assert len([host.ask(verbs.STATE) for host in fleet.hosts]) == len(connected)
    finally:
        fleet.close()


def is_our_master(pid: int) -> bool:
    """Tell whether a process is an ssh that this process started."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    is_child = int(stat.rpartition(")")[2].split()[1]) == os.getpid()
    return is_child and words.startswith(b"ssh\0-M\0")


def test_a_server_that_takes_the_connection_and_says_nothing_is_given_up(
    unchanged: Operator,
) -> None:
    with socket.create_server(("127.0.0.4", 0)) as silent:
        hosts = {"edge2": {"port": silent.getsockname()[1]}}
        unchanged.write_inventory(build=BUILD, hosts=hosts, ssh={**SSH, "connect_timeout": 1})
        error = unchanged.fab("deploy", code=1).stderr
    assert "the host did not answer within 1 second" in error


def test_many_hosts_are_one_connection_to_their_gateway(unchanged: Operator) -> None:
    bastion = unchanged.fleet.hosts["build1"]
    address = f"{unchanged.fleet.user}@{bastion.address}:{bastion.port}"
    unchanged.write_inventory(build=BUILD, ssh={**SSH, "gateway": address})
    run = waiting_through(unchanged, address)
    try:
        assert sum(f"-p {bastion.port} " in words for words in run.masters()) == 1
        assert len(run.masters()) == len(HOSTS)  # build1 is the gateway, and a host, by one
    finally:
        run.process.send_signal(signal.SIGINT)
        run.process.wait(120)
        run.end()


def waiting_through(site: Operator, gateway: str) -> Run:
    """Start a deploy through a gateway that waits in collectstatic for ever."""
    begun = site.folder / "begun"
    begun.unlink(missing_ok=True)
    commands = {"collectstatic": f"touch {begun}; sleep 300"}
    site.write_inventory(build={**BUILD, "commands": commands}, ssh={**SSH, "gateway": gateway})
    run = Run(site, "deploy")
    assert becomes(begun.exists)
    return run


def test_a_gateway_whose_key_is_not_known_is_refused(unchanged: Operator) -> None:
    bastion = unchanged.fleet.hosts["build1"]
    address = f"{unchanged.fleet.user}@{bastion.address}:{bastion.port}"
    without = unchanged.folder / "without_the_bastion"
    lines = unchanged.fleet.known_hosts.read_text().splitlines(keepends=True)
    without.write_text("".join(line for line in lines if f"]:{bastion.port} " not in line))
    ssh = {**SSH, "gateway": address, "known_hosts": str(without)}
    unchanged.write_inventory(build=BUILD, ssh=ssh)
    error = unchanged.fab("rollback", code=1).stderr
    assert f"gateway {address}" in error
    assert "the host's key is not known" in error
    assert f"[{bastion.address}]:{bastion.port} ssh-ed25519 AAAA" in error


def test_a_machine_without_ssh_is_told_so_before_anything_is_contacted(
    unchanged: Operator,
) -> None:
    error = unchanged.fab("deploy", code=2, PATH="/nowhere").stderr
    assert "the client is openssh, and this machine has no `ssh`" in error
    assert "apt-get install openssh-client" in error


def test_check_says_which_ssh_carries_the_deploy(unchanged: Operator) -> None:
    said = unchanged.fab("check").stdout
    version = subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr
    found = re.search(r"through OpenSSH (\d+\.\d+)", said)
    assert found, said
    assert f"OpenSSH_{found[1]}" in version
