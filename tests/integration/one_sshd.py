"""One SSH server for many hosts, and one for their gateway: real ones, with the limits that the test names.

Each host is an address on loopback and a folder. Nothing is served over HTTP.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from chaos.project import write as write_tiny
from demo.fleet import _merged, _speaks_ssh
from fab_static import api
from fab_static.plan import inventory
from tests.integration.conftest import Told
from tests.processes import alive, becomes

PORT = 2209
# on loopback, of this process alone: tests run side by side
NET = f"127.{64 + os.getpid() // 256 % 128}.{os.getpid() % 256}"
GATEWAY = f"{NET}.200"
BEHIND = {"gateway": f"{GATEWAY}:{PORT}"}  # `ssh` of an inventory
CONFIG = """\
PidFile {folder}/{name}.pid
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
LogLevel VERBOSE
StrictModes no
UseDNS no
UsePAM no
"""


class Sshd:
    """One server, and what it has said."""

    def __init__(self, folder: Path, name: str, addresses: list[str], more: str) -> None:
        sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        assert sshd, "sshd is not installed: apt install openssh-server"
        self._log = folder / f"{name}.log"
        config = folder / name
        listens = "".join(f"ListenAddress {address}:{PORT}\n" for address in addresses)
        config.write_text(CONFIG.format(folder=folder, name=name) + listens + more)
        self.process = subprocess.Popen([sshd, "-D", "-E", self._log, "-f", config])
        assert becomes(lambda: _speaks_ssh(addresses[-1], PORT)), self._log.read_text()
        self._logins_before = self.count("Accepted publickey")

    def count(self, words: str) -> int:
        """Return how often the server has said this."""
        return len(re.findall(words, self._log.read_text()))

    def cut(self) -> None:
        """End all connections, as a server's reboot does; the server itself goes on."""
        for session in children(self.process.pid):
            # one may end by itself: its gateway was cut before it
            with contextlib.suppress(ProcessLookupError):
                os.kill(session, signal.SIGKILL)
            assert becomes(lambda pid=session: not alive(pid))

    @property
    def logins(self) -> int:
        """How many logins there were."""
        return self.count("Accepted publickey") - self._logins_before


def children(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    tasks = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in tasks.split()]


class Hosts:
    """So many hosts: their server, their gateway's, and sessions of an operator."""

    def __init__(
        self, folder: Path, number: int, more: str = "", gateway: str = "", addresses: int = 1
    ) -> None:
        self.folder = folder
        self.project = write_tiny(folder / "code", quick=True)
        for name in ("host_key", "client_key"):
            words = ["-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(["ssh-keygen", *words], check=True)
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        # in turns: an sshd listens at 16 addresses at most
        self.addresses = [f"{NET}.{n % addresses + 1}" for n in range(number)]
        self.sshd = Sshd(folder, "hosts", sorted(set(self.addresses)), more)
        self.gateway = Sshd(folder, "gateway", [GATEWAY], gateway)
        key = " ".join((folder / "host_key.pub").read_text().split()[:2])
        (folder / "known_hosts").write_text(f"[{NET}.*]:{PORT} {key}\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self.sshd, self.gateway):
            one.process.terminate()
            one.process.wait(120)

    @contextlib.contextmanager
    def session(self, **extra: Any) -> Iterator[tuple[api.Session, Told]]:
        """Open a session with all hosts: the first one builds and renders."""
        told = Told()
        hosts = {
            f"host{number}": {
                "address": address,
                "port": PORT,
                "roles": ["static"] if number else ["build", "static", "web"],
            }
            for number, address in enumerate(self.addresses)
        }
        text = {
            "app": "tiny",
            "deploy_to": f"{self.folder}/{{host}}",
            "hosts": hosts,
            "ssh": {
                "user": pwd.getpwuid(os.geteuid()).pw_name,
                "identity": str(self.folder / "client_key"),
                "known_hosts": str(self.folder / "known_hosts"),
            },
            "project": {
                "path": str(self.project),
                "python": sys.executable,
                "settings": "tiny.settings",
            },
            "build": {"phases": ["collectstatic", "compress"]},
        }
        environment = inventory.parse(
            json.dumps(_merged(text, extra)), name="staging", source="staging.yml"
        )
        with api.Session(environment, inventories=self.folder, show=told) as session:
            yield session, told
