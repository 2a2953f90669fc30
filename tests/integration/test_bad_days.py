"""What goes wrong, told in words: what, where, how to mend it; the right exit code; nothing live has changed."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fab_static import api
from fab_static.errors import DeployLockedError
from tests.integration.conftest import HOSTS, Operator, get
from tests.processes import becomes

PHASES = {"phases": ["collectstatic", "compress"]}


def colour(tiny: Operator, text: str) -> None:
    """Change the stylesheet on the build host."""
    (tiny.fleet.hosts["build1"].code / "assets" / "site.css").write_text(
        f"body {{ color: {text} }}\n"
    )


def elsewhere(tiny: Operator, name: str, **extra: object) -> str:
    """Write another environment for the same hosts, in folders of its own there."""
    tiny.write_inventory(name, **{"build": PHASES, **extra})
    path = tiny.folder / "inventories" / f"{name}.yml"
    text = path.read_text().replace("/{host}/static", f"/{{host}}/{name}")
    path.write_text(re.sub(r"probe:\n  origin: .*\n", "", text))  # nginx serves the other folders
    return name


@contextmanager
def altered(
    tiny: Operator, change: Callable[[str], str] = lambda text: text, **extra: object
) -> Iterator[None]:
    """Work with another inventory for a while."""
    path = tiny.folder / "inventories" / "staging.yml"
    good = path.read_text()
    tiny.write_inventory(**{"build": PHASES, **extra})
    path.write_text(change(path.read_text()))
    try:
        yield
    finally:
        path.write_text(good)


@pytest.fixture
def unchanged(tiny: Operator) -> Iterator[Operator]:
    """Whatever the test does, what is live stays live, on every host, to the byte."""
    live = tiny.live()
    manifests = {host: tiny.manifests(host) for host in ("web1", "web2")}
    yield tiny
    assert tiny.live() == live
    assert not (tiny.fleet.hosts["build1"].static / "lock").exists()
    assert tiny.wrong(tiny.urls(str(live))) == []
    assert {host: tiny.manifests(host) for host in ("web1", "web2")} == manifests


# ---- the project


def test_a_path_without_a_project_is_named(unchanged: Operator) -> None:
    with altered(unchanged, lambda text: text.replace("{host}/code", "{host}/nowhere")):
        error = unchanged.fab("deploy", code=1).stderr
    assert "3 hosts failed" in error
    for host in ("build1", "web1", "web2"):
        folder = unchanged.fleet.hosts[host].folder / "nowhere"
        assert f"{host}: there is no folder {folder}" in error
    assert "correct project.path in the inventory" in error


def test_a_missing_manage_py_is_named(unchanged: Operator) -> None:
    code = unchanged.fleet.hosts["build1"].code
    (code / "manage.py").rename(code / "elsewhere.py")
    try:
        error = unchanged.fab("deploy", code=1).stderr
    finally:
        (code / "elsewhere.py").rename(code / "manage.py")
    assert "manage.py" in error
    assert "build1" in error
    assert "project.path" in error


def test_settings_that_do_not_import_show_the_real_cause(unchanged: Operator) -> None:
    settings = unchanged.fleet.hosts["build1"].code / "tiny" / "settings.py"
    good = settings.read_text()
    settings.write_text(good + "\nimport no_such_package\n")
    try:
        error = unchanged.fab("deploy", code=1).stderr
    finally:
        settings.write_text(good)
    assert "no_such_package" in error
    assert "build1" in error


def test_a_python_that_is_not_there_is_named(unchanged: Operator) -> None:
    with altered(unchanged, lambda t: re.sub("python: .*", "python: /no/python", t)):
        error = unchanged.fab("deploy", code=1).stderr
    assert "the project's Python /no/python cannot be started there" in error


def test_a_phase_whose_command_the_project_lacks_is_named(unchanged: Operator) -> None:
    phases = {"phases": ["collectstatic", "resource_static", "compress"]}
    with altered(unchanged, build=phases):
        error = unchanged.fab("deploy", code=1).stderr
    assert "the project has no management command resource_static" in error
    assert "fab_static.django_app" in error


def test_a_static_root_that_holds_the_project_is_not_emptied(unchanged: Operator) -> None:
    code = unchanged.fleet.hosts["build1"].code
    settings = code / "tiny" / "dangerous.py"
    settings.write_text("from tiny.settings import *\nSTATIC_ROOT = BASE_DIR\n")
    try:
        with altered(unchanged, project={"settings": "tiny.dangerous"}):
            error = unchanged.fab("collectstatic", code=1).stderr
    finally:
        settings.unlink()
    assert "STATIC_ROOT holds the project" in error
    assert (code / "manage.py").exists()


# ---- SSH


def test_a_host_that_is_down_is_named(unchanged: Operator) -> None:
    unchanged.fleet.stop("edge2")
    try:
        error = unchanged.fab("deploy", code=1).stderr
        status = unchanged.json("status", code=1)
        shown = unchanged.fab("status", code=1).stdout
    finally:
        unchanged.fleet.start("edge2")
    assert re.search(r"live is \S+ on build1, edge1, web1, web2; edge2 cannot be reached\n", shown)
    assert "the host cannot be reached" in error
    assert "edge2 (127.0.0.4:" in error
    assert "ssh -p" in error
    down = next(host for host in status["hosts"] if host["host"] == "edge2")
    assert (down["reachable"], status["agreed"]) == (False, False)


def test_every_host_that_is_down_is_named(unchanged: Operator) -> None:
    unchanged.fleet.stop("edge2")
    unchanged.fleet.stop("web1")
    try:
        error = unchanged.fab("rollback", code=1).stderr
    finally:
        unchanged.fleet.start("edge2")
        unchanged.fleet.start("web1")
    assert "2 hosts failed" in error
    assert "edge2" in error
    assert "web1" in error


def test_an_unknown_host_key_is_refused_with_the_line_that_makes_it_known(
    unchanged: Operator,
) -> None:
    empty = unchanged.folder / "nobody_known"
    empty.write_text("")
    with altered(unchanged, ssh={"known_hosts": str(empty)}):
        error = unchanged.fab("deploy", code=1).stderr
    port = unchanged.fleet.hosts["edge1"].port
    assert "the host's key is not known" in error
    assert "SHA256:" in error
    assert f"ssh-keyscan -p {port} 127.0.0.3 >> {empty}" in error
    assert f"the line is: [127.0.0.3]:{port} ssh-ed25519 AAAA" in error


def test_a_changed_host_key_is_refused_in_capitals(unchanged: Operator) -> None:
    known = unchanged.folder / "changed_keys"
    lines = unchanged.fleet.known_hosts.read_text().splitlines()
    keys = [line.split(" ", 1)[1] for line in lines]
    names = [line.split(" ", 1)[0] for line in lines]
    known.write_text("".join(f"{n} {k}\n" for n, k in zip(names, keys[1:] + keys[:1], strict=True)))
    with altered(unchanged, ssh={"known_hosts": str(known)}):
        error = unchanged.fab("deploy", code=1).stderr
    assert "the host's key has CHANGED" in error
    assert "find out why before anything else" in error
    assert "ssh-keygen -f" in error


def test_a_key_that_hosts_do_not_accept_is_named(unchanged: Operator) -> None:
    key = unchanged.folder / "stranger"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with altered(unchanged, ssh={"identity": str(key)}):
        error = unchanged.fab("deploy", code=1, SSH_AUTH_SOCK="").stderr
    assert f"does not let {unchanged.fleet.user} in with the keys of {key}" in error
    assert "authorized_keys" in error


def test_a_key_that_is_not_there_is_refused_before_anything_is_contacted(
    unchanged: Operator,
) -> None:
    with altered(unchanged, ssh={"identity": "/no/such/key"}):
        error = unchanged.fab("status", code=2).stderr
    assert "there is no /no/such/key" in error
    assert re.search(r"where: \S*staging\.yml: ssh\.identity \(line \d+\)", error)


def test_a_line_of_known_hosts_that_nobody_can_read_is_told_once(unchanged: Operator) -> None:
    """It ended in a traceback, whatever host it named (fleet B)."""
    known = unchanged.folder / "half_readable"
    known.write_text(f"elsewhere ssh-ed25519 AAAAcut\n{unchanged.fleet.known_hosts.read_text()}")
    with altered(unchanged, ssh={"known_hosts": str(known)}):
        answer = unchanged.fab("status")
    told = answer.stdout + answer.stderr
    assert told.count("nobody can read") == 1
    assert f"{known}, line 1" in told


def test_check_shows_the_way_to_each_host(unchanged: Operator) -> None:
    bastion = unchanged.fleet.hosts["build1"]
    address = f"{unchanged.fleet.user}@{bastion.address}:{bastion.port}"
    with altered(unchanged, ssh={"gateway": address}):
        shown = unchanged._ran([unchanged.name, "check"], "", {}).stdout
    edge1 = unchanged.fleet.hosts["edge1"]
    way = f"{unchanged.fleet.user}@{edge1.address}:{edge1.port} by way of gateway {address}"
    assert f"edge1: ssh_config: {way}" in " ".join(shown.split())


def test_become_does_all_as_that_user_through_sudo(tiny: Operator) -> None:
    name = elsewhere(tiny, "become", ssh={"become": "nobody"})
    for host in tiny.fleet.hosts.values():
        folder = host.folder / "become"
        folder.mkdir()
        shutil.chown(folder, "nobody")
    with reachable_for_everybody(tiny.fleet.folder):
        tiny.fab("prune", name=name)
    files = (tiny.fleet.hosts["build1"].folder / "become").iterdir()
    assert {path.owner() for path in files} == {"nobody"}


@contextmanager
def reachable_for_everybody(folder: Path) -> Iterator[None]:
    """Let other users enter pytest's folders, which are closed to them."""
    closed = [one for one in (folder, *folder.parents) if one.stat().st_mode & 0o001 == 0]
    for one in closed:
        one.chmod(0o711)
    try:
        yield
    finally:
        for one in closed:
            one.chmod(0o700)


def test_a_user_to_become_that_is_not_there_is_named(unchanged: Operator) -> None:
    """NOPASSWD for a user who is not there cures nothing (fleet C8)."""
    with altered(unchanged, ssh={"become": "no-such-user"}):
        error = unchanged.fab("deploy", code=1).stderr
    assert "there is no user no-such-user: sudo: unknown user no-such-user" in error
    assert f"name another one: ssh: {{become: {unchanged.fleet.user}}}" in error


def test_a_bastion_carries_the_connections_and_its_key_is_checked_too(unchanged: Operator) -> None:
    bastion = unchanged.fleet.hosts["build1"]
    address = f"{unchanged.fleet.user}@{bastion.address}:{bastion.port}"
    live = unchanged.live()
    with altered(unchanged, ssh={"gateway": address}):
        assert unchanged.live() == live
    without = unchanged.folder / "without_the_bastion"
    lines = unchanged.fleet.known_hosts.read_text().splitlines(keepends=True)
    without.write_text("".join(line for line in lines if f"]:{bastion.port} " not in line))
    with altered(unchanged, ssh={"gateway": address, "known_hosts": str(without)}):
        error = unchanged.fab("rollback", code=1).stderr
    assert f"gateway {address}" in error
    assert "the host's key is not known" in error


# ---- the hosts


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_fails_before_anything_changes_and_names_the_host(
    unchanged: Operator,
) -> None:
    big = unchanged.fleet.hosts["build1"].code / "assets" / "big.bin"
    name = elsewhere(unchanged, "full")
    with small_disk(unchanged.fleet.hosts["edge2"].folder / "full", "512k"):
        big.write_bytes(os.urandom(2_000_000))
        try:
            error = unchanged.fab("deploy", name=name, code=1).stderr
        finally:
            big.unlink()
        assert "the disk is full" in error
        assert "edge2" in error
        assert "free some space there" in error
        assert not (unchanged.fleet.hosts["edge1"].folder / "full" / "current").exists()


def test_a_folder_of_another_app_is_refused(unchanged: Operator) -> None:
    unchanged.write_inventory("other", build=PHASES)
    error = unchanged.fab("deploy", name="other", code=1).stderr
    assert "the folder belongs to tiny staging, not to tiny other" in error
    assert "a deploy_to of its own" in error


# ---- releases and options


def test_a_release_that_does_not_exist_is_bad_input(unchanged: Operator) -> None:
    error = unchanged.fab("rollback", "--to", "20200101T000000Z-00000000", code=2).stderr
    assert "there is no release 20200101T000000Z-00000000" in error
    assert "fab staging releases" in error


def test_a_name_that_is_no_release_is_refused_before_anything_is_contacted(
    tiny: Operator,
) -> None:
    for host in HOSTS:
        tiny.fleet.stop(host)
    try:
        error = tiny.fab("rollback", "--to", "../../etc", code=2).stderr
    finally:
        for host in HOSTS:
            tiny.fleet.start(host)
    assert '"../../etc" is not a release; ids look like 20261122T170102Z-3f9c1a7b' in error


def test_a_missing_secret_is_bad_input_and_nothing_is_contacted(tiny: Operator) -> None:
    with altered(tiny, project={"secrets": ["SHOP_TOKEN"]}):
        error = tiny.fab("deploy", code=2).stderr
    assert "SHOP_TOKEN not set in your environment" in error


def test_a_rollback_before_any_deploy_says_so(tiny: Operator) -> None:
    name = elsewhere(tiny, "fresh")
    error = tiny.fab("rollback", name=name, code=1).stderr
    assert "nothing is live yet, so there is nothing to roll back" in error


def test_a_task_without_an_environment_says_which_exist(tiny: Operator) -> None:
    error = tiny.fab(code=2, name="status").stderr
    assert "no environment was named; there are:" in error
    assert "staging" in error


# ---- during the flip


def test_a_reload_that_fails_puts_every_host_back(unchanged: Operator) -> None:
    colour(unchanged, "red")
    refuse = unchanged.fleet.hosts["web2"].folder / "refuse"
    refuse.write_text("")
    reload = (
        f"test ! -e {unchanged.fleet.folder}/{{host}}/refuse || exit 7; "
        + unchanged.fleet.reload_command
    )
    try:
        with altered(unchanged, web={"reload": reload, "batch": "1"}):
            failed = unchanged.fab("deploy", code=1)
    finally:
        refuse.unlink()
    assert "the reload failed with exit code 7" in failed.stderr
    assert "web2" in failed.stderr
    assert "putting 4 hosts back to what was live" in failed.stdout


def test_a_check_that_never_answers_puts_every_host_back(unchanged: Operator) -> None:
    colour(unchanged, "green")
    web = {"check": "http://{address}:1/health", "batch": "1"}
    with altered(unchanged, web=web, ssh={"command_timeout": 20}):
        error = unchanged.fab("deploy", code=1).stderr
    assert "after the reload http://127.0.0.5:1/health answered" in error


# ---- the operator


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r} was never said: {process.stderr and process.stderr.read()}")


def wait_until_it_builds(tiny: Operator, process: subprocess.Popen[str], name: str) -> None:
    """Wait until the deploy says that it collects, and its lock says so too."""
    wait_for(process, "collectstatic")
    owner = tiny.fleet.hosts["build1"].folder / name / "lock" / "owner.json"
    assert becomes(
        lambda: '"phase": "collectstatic"' in owner.read_text() or process.poll() is not None
    )
    assert process.poll() is None


def slow(tiny: Operator, name: str, command: str = "", **project: object) -> str:
    """Write an environment whose collectstatic waits until the test opens the gate."""
    gate = tiny.folder / "gate"
    gate.unlink(missing_ok=True)
    wait = f"{command} while [ ! -e {gate} ]; do sleep 0.05; done; "
    collect = f"exec {sys.executable} manage.py collectstatic --noinput"
    return elsewhere(
        tiny,
        name,
        build={**PHASES, "commands": {"collectstatic": wait + collect}},
        project=project,
    )


def test_of_two_deploys_at_once_one_goes_on_and_the_other_exits_3(tiny: Operator) -> None:
    name = slow(tiny, "twice")
    first = tiny.start("deploy", name=name)
    wait_until_it_builds(tiny, first, name)
    error = tiny.fab("deploy", name=name, code=3).stderr
    assert re.search(
        r"deploys tiny to twice since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, now at collectstatic",
        error,
    )
    assert 'fab twice unlock --steal --because "…"' in error
    lock = tiny.json("status", name=name)["lock"]
    assert lock["phase"] == "collectstatic"
    assert "@" in lock["owner"]
    (tiny.folder / "gate").touch()
    assert first.wait(120) == 0
    assert tiny.json("status", name=name)["lock"] is None


def test_a_deploy_waits_for_another_when_told_to(tiny: Operator) -> None:
    name = slow(tiny, "patient")
    first = tiny.start("deploy", name=name)
    wait_until_it_builds(tiny, first, name)
    second = tiny.start("deploy", "--wait", "60", name=name)
    (tiny.folder / "gate").touch()
    assert first.wait(120) == 0
    assert second.wait(120) == 0


def test_after_kill_9_of_the_operator_the_next_deploy_goes_on_at_once(tiny: Operator) -> None:
    name = slow(tiny, "killed")
    first = tiny.start("deploy", name=name)
    wait_until_it_builds(tiny, first, name)
    first.kill()
    first.wait()
    (tiny.folder / "gate").touch()
    output = tiny.fab("deploy", name=name).stdout
    assert "was left behind by a deploy that died; going on" in output
    assert tiny.json("status", name=name)["agreed"]


def test_ctrl_c_ends_what_runs_on_hosts_and_releases_the_lock(tiny: Operator) -> None:
    name = slow(tiny, "interrupted")
    first = tiny.start("deploy", name=name)
    wait_until_it_builds(tiny, first, name)
    first.send_signal(signal.SIGINT)
    _, error = first.communicate(timeout=120)
    assert first.returncode == 1
    assert "interrupted; what was live before is live" in error
    assert tiny.json("status", name=name)["lock"] is None
    gate = str(tiny.folder / "gate")
    running = subprocess.run(
        ["pgrep", "-f", f"while . ! -e {gate}"], capture_output=True, text=True
    )
    assert running.stdout == ""


def test_a_stolen_lock_stops_the_deploy_before_it_changes_anything_more(tiny: Operator) -> None:
    name = slow(tiny, "stolen")
    first = tiny.start("deploy", name=name)
    wait_until_it_builds(tiny, first, name)
    tiny.fab("unlock", "--steal", name=name, code=2)
    output = tiny.fab("unlock", "--steal", "--because", "a test", name=name).stdout
    assert "the lock was taken from" in output
    log = tiny.fleet.hosts["build1"].folder / "stolen" / "log.jsonl"
    assert '"because": "a test"' in log.read_text()
    # the build that runs goes on, and is invisible; the next phase does not begin
    (tiny.folder / "gate").touch()
    _, error = first.communicate(timeout=120)
    assert first.returncode == 3
    assert "this deploy does not hold the lock any more" in error
    assert tiny.json("status", name=name)["live"] is None


def test_a_lock_stolen_while_somebody_is_asked_lets_nothing_go_live(tiny: Operator) -> None:
    """Who answers after an hour may not know that another has deployed since (G6)."""
    name = elsewhere(tiny, "asked")

    def stolen_meanwhile(_: object) -> bool:
        tiny.fab("unlock", "--steal", "--because", "a test", name=name)
        return True

    with (
        api.Session(name, inventories=tiny.folder / "inventories") as session,
        pytest.raises(DeployLockedError, match="does not hold the lock any more"),
    ):
        session.deploy(confirm=stolen_meanwhile)
    status = tiny.json("status", name=name)
    assert {host["live"] for host in status["hosts"]} == {None}


def test_secrets_reach_the_project_and_nothing_else(tiny: Operator) -> None:
    token = "s3cr3t-value-of-the-test"
    name = slow(tiny, "withsecret", "echo token=$SHOP_TOKEN;", secrets=["SHOP_TOKEN"])
    deploy = tiny.start("deploy", "--verbose", name=name, SHOP_TOKEN=token)
    wait_for(deploy, "token=[SHOP_TOKEN]")
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert token.encode() not in command_line.read_bytes(), command_line
        except (FileNotFoundError, ProcessLookupError):
            continue
    (tiny.folder / "gate").touch()
    output, error = deploy.communicate(timeout=120)
    assert deploy.returncode == 0, error
    assert token not in output + error
    for host in tiny.fleet.hosts.values():
        for path in (host.folder / "withsecret").rglob("*"):
            if path.is_file():
                assert token.encode() not in path.read_bytes(), path


def test_a_stale_copy_beside_a_file_is_warned_of(tiny: Operator) -> None:
    """A library brought its .gz, and a phase rewrote the file: nginx sends the old bytes for the plain URL."""
    stale = tiny.fleet.hosts["build1"].code / "assets" / "site.css.gz"
    stale.write_bytes(gzip.compress(b"old"))
    said = tiny.fab("deploy").stdout
    stale.unlink()
    assert "site.css.gz holds other bytes than site.css, and nginx sends it in its place" in said
    tiny.fab("deploy")


def test_a_declined_confirmation_leaves_all_as_it_was(tiny: Operator) -> None:
    live = tiny.live()
    colour(tiny, "#123456")
    with altered(tiny, confirm=True):
        declined = tiny.fab("deploy", stdin="n\n", code=1)
        assert "site.css" in declined.stdout
        assert f"not confirmed; {live} stays live" in declined.stderr
        tiny.fab("activate", code=1)  # no terminal, nobody who answers
        assert tiny.live() == live
        tiny.fab("activate", stdin="y\n")
        assert tiny.live() != live
        tiny.fab("rollback", "--yes")
    assert tiny.live() == live


def test_the_page_is_served_whole_by_the_web_process(tiny: Operator) -> None:
    page = get(tiny.fleet.site("web1") + "/").body.decode()
    stylesheet = re.search(r'href="(/static/CACHE/css/[^"]+)"', page)
    assert stylesheet
    assert get(tiny.fleet.site("web1") + stylesheet[1]).status == 200
