"""A proxy before a real sshd stops reading in the middle of a release: the deploy ends (fleet D2, A5)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.project import BUILD
from demo.fleet import Fleet
from tests.integration.conftest import Operator, operator_of, write_tiny

HOSTS = {"all1": ["build", "static", "web"], "web2": ["static", "web"]}
ENOUGH = 4 << 20  # bytes to the host: only objects are so many


class Proxy:
    """Carries connections to an SSH server; each stands still once it has carried much."""

    def __init__(self, target: tuple[str, int], at: str = "127.0.0.1") -> None:
        self._target = target
        self._server = socket.create_server((at, 0))
        self.port: int = self._server.getsockname()[1]
        self.most: float = float("inf")
        self.stands_still = threading.Event()
        self.pieces: list[int] = []  # the bytes of each that was carried, either way
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(self._target)
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(*pair, near), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, near: socket.socket) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                carried += len(data)
                self.pieces.append(len(data))
                if source is near and carried > self.most:
                    self.stands_still.set()
                    return  # and the socket stays open
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for one in (self._server, *self._open):
            one.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Operator, Proxy]]:
    folder = tmp_path_factory.mktemp("still")
    project = write_tiny(folder / "project", quick=True)
    with Fleet(folder / "hosts", HOSTS, project=project, settings="tiny.settings", app="tiny") as f:
        host = f.hosts["web2"]
        proxy = Proxy((host.address, host.port))
        operator = operator_of(f, folder / "operator")
        known = folder / "known_hosts"
        name = f"[{host.address}]:{host.port} "
        lines = f.known_hosts.read_text().splitlines(keepends=True)
        through = [
            line.replace(name, f"[127.0.0.1]:{proxy.port} ") for line in lines if name in line
        ]
        known.write_text("".join([*lines, *through]))
        operator.write_inventory(
            build=BUILD,
            web={"batch": "1", "check": None},
            probe={"origin": None},
            hosts={"web2": {"address": "127.0.0.1", "port": proxy.port}},
            ssh={"known_hosts": str(known)},
        )
        operator.fab("deploy")
        yield operator, proxy
        proxy.close()


@pytest.mark.parametrize("presses", [1, 2, 0])
def test_a_line_that_stands_still_holds_no_deploy(
    site: tuple[Operator, Proxy], presses: int
) -> None:
    """Only SIGKILL ended it: paramiko kept its lock, and whoever closed waited for that (fleet D2)."""
    operator, proxy = site
    large = operator.fleet.hosts["all1"].code / "assets" / "large.bin"
    large.write_bytes(os.urandom(32 << 20))
    proxy.most = ENOUGH
    proxy.stands_still.clear()
    try:
        deploy = subprocess.Popen(
            [str(Path(sys.executable).parent / "fab"), "staging", "deploy"],
            cwd=operator.folder,
            env=operator.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert proxy.stands_still.wait(120)
            for _ in range(presses):
                time.sleep(0.5)
                deploy.send_signal(signal.SIGINT)
            _, error = deploy.communicate(timeout=60 if presses else 240)
        finally:
            deploy.kill()
    finally:
        proxy.most = float("inf")
        large.unlink()
    assert deploy.returncode == 1, error
    if presses:
        assert "interrupted; what was live before is live" in error
    else:
        assert "the host takes data too slowly: of " in error
        assert "at web2" in error or "web2" in error
    assert not (operator.fleet.hosts["all1"].static / "lock").exists()
    assert operator.json("status")["agreed"]
