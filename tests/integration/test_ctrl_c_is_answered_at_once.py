"""Ctrl-C in each phase of a real deploy: it ends soon, and every host's files are as before (fleet A5).

A moment is a request to a host, before it is sent, when it has been, or when it was answered; chaos/operator.py
sends the signal there. The one host that serves, builds and renders has links that a build turns into files.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaos.faults import agents, kill
from chaos.operator import Operators
from chaos.project import BUILD
from demo.fleet import Fleet
from fab_static.phases.run.handing_over import FEW_BYTES
from tests.integration.conftest import Operator, operator_of, write_tiny
from tests.processes import alive, becomes

SOON_SECONDS = (
    120.0  # three, on a machine that has nothing else to do; what holds it would for longer
)
HOSTS = {"all1": ["build", "static", "web"], "web2": ["static", "web"]}


def held(command: str) -> str:
    """Return a command that tells its process id and waits, once, where the file `hold` asks for it."""
    return f"if [ -e hold ]; then rm hold; echo $$ > begun; sleep 300; fi; exec {command}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("ctrl_c")
    project = write_tiny(folder / "project", quick=True)
    with Fleet(folder / "hosts", HOSTS, project=project, settings="tiny.settings", app="tiny") as f:
        operator = operator_of(f, folder / "operator")
        operator.write_inventory(build=BUILD, web={"batch": "1"})
        operator.fab("deploy")
        yield operator


@pytest.fixture(scope="module")
def operators(site: Operator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    operators = Operators(tmp_path_factory.mktemp("operators"), site.environment())
    yield operators
    operators.close()


@contextmanager
def listening(folder: Path) -> Iterator[str]:
    """Answer the process that says at which moment it is."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen()

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(100)
                    connection.sendall(b".")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield str(folder / "socket")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(120)


def state(site: Operator) -> dict[str, object]:
    """Return what must be as before on every host: what is live, and what web processes read."""
    found: dict[str, object] = {}
    for name, host in site.fleet.hosts.items():
        links = [
            host.static / "current",
            host.static / "previous",
            host.code / "resource_versions.yml",
        ]
        links.append(host.code / "staticfiles" / "CACHE" / "manifest.json")
        found[name] = [str(link.readlink()) if link.is_symlink() else "no link" for link in links]
        found[name, "manifests"] = site.manifests(name)
        found[name, "unconfirmed"] = (host.static / "provisional.json").exists()
    return found


def change(site: Operator) -> None:
    css = site.fleet.hosts["all1"].code / "assets" / "site.css"
    css.write_text(f"body {{ --mark: '{os.urandom(4).hex()}' }}\n")
    # so much that it is fetched: what is little comes with the seal
    css.with_name("large.bin").write_bytes(os.urandom(FEW_BYTES))


def lock(site: Operator) -> Path:
    return site.fleet.hosts["all1"].static / "lock"


MOMENTS = [
    ("lock", "all1", 1, "sent"),
    ("lock", "all1", 1, "answered"),
    ("lift", "all1", 1, "answered"),
    ("run", "all1", 1, "sent"),
    ("snapshot", "all1", 1, "sent"),
    ("lower", "all1", 1, "before"),
    ("lower", "all1", 1, "sent"),
    ("lower", "all1", 1, "answered"),
    ("take_seal", "web2", 1, "sent"),
    ("fetch", "all1", 1, "sent"),
    ("store", "web2", 1, "sent"),
    ("take_seal", "web2", 1, "answered"),
    ("flip", "all1", 1, "before"),
    ("flip", "all1", 1, "sent"),
    ("flip", "web2", 1, "answered"),
    ("run", "web2", 1, "sent"),
    ("confirm", "web2", 1, "before"),
]


NAMES = ("press Ctrl-C twice", "press Ctrl-C", "press Ctrl-C twice", "interrupt")


@pytest.mark.parametrize(
    ("moment", "name"),
    [(one, NAMES[at % len(NAMES)]) for at, one in enumerate(MOMENTS)],
    ids=lambda one: one if isinstance(one, str) else " ".join(map(str, one)),
)
def test_before_all_is_live_everything_is_as_it_was(
    site: Operator,
    operators: Operators,
    tmp_path: Path,
    moment: tuple[str, str, int, str],
    name: str,
) -> None:
    verb, host, nth, stage = moment
    before = state(site)
    change(site)
    asked = {"verb": verb, "host": host, "nth": nth, "stage": stage, "name": name}
    with listening(tmp_path) as where:
        environment = {
            **site.environment(),
            "CHAOS_MOMENTS": json.dumps([asked]),
            "CHAOS_SOCKET": where,
        }
        task = operators.start(["staging", "deploy"], site.folder, environment)
        code, output = task.ended(SOON_SECONDS)
    assert code == 1, output
    assert "interrupted; what was live before is live" in output
    assert "Traceback" not in output
    assert not lock(site).exists()
    assert state(site) == before


@pytest.mark.parametrize("moment", [("prune", "web2", 1, "sent"), ("prune", "all1", 1, "answered")])
def test_after_all_is_live_it_stays(
    site: Operator, operators: Operators, tmp_path: Path, moment: tuple[str, str, int, str]
) -> None:
    verb, host, nth, stage = moment
    change(site)
    asked = {"verb": verb, "host": host, "nth": nth, "stage": stage, "name": "press Ctrl-C twice"}
    with listening(tmp_path) as where:
        environment = {
            **site.environment(),
            "CHAOS_MOMENTS": json.dumps([asked]),
            "CHAOS_SOCKET": where,
        }
        code, output = operators.start(["staging", "deploy"], site.folder, environment).ended(
            SOON_SECONDS
        )
    assert code == 4, output
    assert "interrupted after the release went live" in output
    assert not lock(site).exists()
    assert site.json("status")["agreed"]


# ---- whatever waits is not waited for


def start(site: Operator) -> subprocess.Popen[str]:
    change(site)
    return subprocess.Popen(
        [str(Path(sys.executable).parent / "fab"), "staging", "deploy"],
        cwd=site.folder,
        env=site.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def end(deploy: subprocess.Popen[str], *numbers: signal.Signals) -> str:
    """Send the signals; return what was said on standard error.

    Raises:
        TimeoutExpired: it did not end, but waited for what holds it.
    """
    for number in numbers:
        deploy.send_signal(number)
    return deploy.communicate(timeout=SOON_SECONDS)[1]


@pytest.mark.parametrize("phase", ["collectstatic", "resource_static", "compress"])
@pytest.mark.parametrize(
    "numbers",
    [[signal.SIGINT], [signal.SIGINT] * 3, [signal.SIGTERM, signal.SIGHUP], [signal.SIGHUP]],
    ids=str,
)
def test_a_build_that_sleeps_is_ended(
    site: Operator, phase: str, numbers: list[signal.Signals]
) -> None:
    """It was waited for, 22 of 25 seconds; and a second Ctrl-C left the versions a plain file."""
    code = site.fleet.hosts["all1"].code
    real = {"resource_static": f"{sys.executable} -I -S versions.py"}.get(
        phase,
        f"{sys.executable} manage.py {phase}" + (" --noinput" if phase == "collectstatic" else ""),
    )
    build = {**BUILD, "commands": {**BUILD["commands"], phase: held(real)}}
    site.write_inventory(build=build, web={"batch": "1"})
    try:
        before = state(site)
        (code / "hold").touch()
        deploy = start(site)
        assert becomes(lambda: (code / "begun").exists() and (code / "begun").read_text() != "")
        assert not (code / "resource_versions.yml").is_symlink()  # lifted
        error = end(deploy, *numbers)
    finally:
        site.write_inventory(build=BUILD, web={"batch": "1"})
    assert deploy.returncode == 1
    assert "interrupted; what was live before is live" in error
    assert becomes(lambda: not alive(int((code / "begun").read_text())))
    (code / "begun").unlink()
    assert not lock(site).exists()
    assert state(site) == before


def test_a_reload_that_sleeps_is_ended_and_every_flip_put_back(site: Operator) -> None:
    code = site.fleet.hosts["web2"].code
    reload = f"cd {site.fleet.folder}/{{host}}/code; " + held(
        f"sh -c {json.dumps(site.fleet.reload_command)}"
    )
    site.write_inventory(build=BUILD, web={"batch": "1", "reload": reload})
    try:
        before = state(site)
        (code / "hold").touch()
        deploy = start(site)
        assert becomes(lambda: (code / "begun").exists())
        assert state(site) != before
        error = end(deploy, signal.SIGINT, signal.SIGINT)
    finally:
        site.write_inventory(build=BUILD, web={"batch": "1"})
    (code / "begun").unlink()
    assert deploy.returncode == 1, error
    assert not lock(site).exists()
    assert state(site) == before


def test_a_host_that_takes_no_data_is_not_waited_for(site: Operator) -> None:
    """A process did not end after Ctrl-C in `distribute`: its threads were joined at exit."""
    code = site.fleet.hosts["all1"].code
    large, gate, stopped = code / "assets" / "large.bin", code / "gate", []
    large.write_bytes(os.urandom(32 << 20))
    before = state(site)
    waits = "touch begun; until [ -e gate ]; do sleep 0.05; done; "
    real = f"exec {sys.executable} manage.py compress"
    build = {**BUILD, "commands": {**BUILD["commands"], "compress": waits + real}}
    site.write_inventory(build=build, web={"batch": "1"})
    try:
        deploy = start(site)
        assert becomes((code / "begun").exists)
        stopped += agents(site.fleet.hosts["web2"])
        assert stopped
        for pid in stopped:
            kill(pid, signal.SIGSTOP)
        gate.touch()
        owner = lock(site) / "owner.json"
        assert becomes(lambda: '"phase": "distribute"' in owner.read_text())
        error = end(deploy, signal.SIGINT, signal.SIGINT)
    finally:
        for pid in stopped:
            kill(pid, signal.SIGCONT)
        site.write_inventory(build=BUILD, web={"batch": "1"})
        for path in (large, gate, code / "begun"):
            path.unlink(missing_ok=True)
    assert deploy.returncode == 1, error
    assert not lock(site).exists()
    assert state(site) == before


def test_a_page_that_never_answers_is_not_waited_for(site: Operator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        page = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        site.write_inventory(build=BUILD, web={"batch": "1"}, probe={"pages": [page]})
        try:
            deploy = start(site)
            silent.settimeout(SOON_SECONDS)
            connection, _ = silent.accept()
            with connection:
                error = end(deploy, signal.SIGINT, signal.SIGINT)
        finally:
            site.write_inventory(build=BUILD, web={"batch": "1"})
    assert deploy.returncode == 4, error
    assert not lock(site).exists()
