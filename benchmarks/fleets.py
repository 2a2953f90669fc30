"""Loopback fleets to measure on, and who deploys to them: real sshd and nginx, each host with its own folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks import ROOT
from chaos import project as tiny
from demo.fleet import Fleet, Host, Role

FAB = str(Path(sys.executable).with_name("fab"))
OF_FIVE: dict[str, list[Role]] = {
    "build1": ["build", "web"],  # an inventory must have a web host
    **{f"edge{number}": ["static"] for number in range(1, 5)},
}
OF_EIGHT: dict[str, list[Role]] = {
    "build1": ["build"],
    **{f"edge{number}": ["static"] for number in range(1, 4)},
    **{f"web{number}": ["web"] for number in range(1, 5)},
}
PIECE = 256 * 1024


@dataclass
class Operator:
    """A person with a fabfile and an inventory, `bench`, in a folder of their own."""

    fleet: Fleet
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)  # of `fab`'s environment, besides

    @property
    def inventory(self) -> Path:
        """Where the inventory is."""
        return self.folder / "inventories" / "bench.yml"

    @property
    def environment(self) -> dict[str, str]:
        """What `fab` needs: an archive of its own, and no home that others write to."""
        state = {"XDG_STATE_HOME": str(self.folder / "state")}
        return {**os.environ, **self.fleet.environment(), **state, **self.variables}

    def describe(self, **inventory: Any) -> None:
        """Write the inventory."""
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "fabfile.py", self.folder)
        described = self.fleet.inventory(**inventory)
        kept = {key: value for key, value in described.items() if value is not None}
        self.inventory.parent.mkdir(exist_ok=True)
        self.inventory.write_text(yaml.safe_dump(kept, sort_keys=False), "utf-8")

    def fab(self, *words: str) -> str:
        """Run `fab bench …`; return what it prints."""
        return run([FAB, "bench", *words], cwd=self.folder, env=self.environment)

    def phase_seconds(self, name: str) -> float:
        """Return how long a phase of the last run took, without what came before it: starting, connecting, the lock."""
        runs = (self.folder / "state").rglob(f"*-{name}*.json")
        told = json.loads(max(runs, key=lambda path: path.stat().st_mtime_ns).read_text("utf-8"))
        took = [each["seconds"] for each in told["timeline"] if each["phase"] == name]
        return float(max(took))

    def live(self) -> str:
        """Return the release that is live on the build host."""
        return (self.fleet.hosts["build1"].static / "current").readlink().name


def run(command: Sequence[str | Path], **options: Any) -> str:
    """Run a command to its end; return what it prints.

    Raises:
        RuntimeError: it failed; with all that it said.
    """
    done = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options
    )
    if done.returncode:
        words = " ".join(map(str, command))
        raise RuntimeError(f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def at_once(commands: Mapping[str, Sequence[str | Path]]) -> None:
    """Run commands at once, and wait for all.

    Raises:
        RuntimeError: one failed.
    """
    running = {
        name: subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for name, command in commands.items()
    }
    for name, process in running.items():
        said, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{name} ended with {process.returncode}:\n{said.decode()}")


def plain(folder: Path, hosts: Mapping[str, Sequence[Role]], **options: Any) -> Fleet:
    """Return a fleet whose logins cost what a server's do: no files of this user's, no Python by way of shims."""
    os.environ["PATH"] = f"{sys.base_prefix}/bin{os.pathsep}{os.environ['PATH']}"
    return Fleet(folder, hosts, **options)


@contextmanager
def bare(folder: Path, hosts: Mapping[str, Sequence[Role]], **inventory: Any) -> Iterator[Operator]:
    """Run a fleet whose project is files and next to no code: what costs is ours, not Django's.

    Its web hosts run no web processes, and nothing is probed: what it is compared with does not either. Files
    belong into `assets` of the build host's checkout.
    """
    with plain(folder / "hosts", hosts, settings="tiny.settings", app="bench") as fleet:
        for host in fleet.hosts.values():
            if set(host.roles) & {"build", "web"}:
                tiny.write(host.code, quick=True)
        operator = Operator(fleet, folder / "operator")
        build = {**tiny.BUILD, "precompress": []}  # what is compared ships no copies either
        operator.describe(build=build, probe=None, **inventory)
        yield operator


def ssh(fleet: Fleet, host: Host) -> str:
    """Return the ssh command, without the address, that reaches a host."""
    return (
        f"ssh -p {host.port} -i {fleet.identity} -o UserKnownHostsFile={fleet.known_hosts} "
        "-o BatchMode=yes -o LogLevel=ERROR"
    )


def end_with_us() -> None:
    """Have SIGTERM unwind us, so that fleets end too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


# ---- bytes on the wire


class Meter:
    """Stands before a host's SSH server, and counts the bytes that come in."""

    def __init__(self, host: Host) -> None:
        self.received = 0
        self._to = (host.address, host.port)
        self._listener = socket.create_server((host.address, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._to)
                for one, other, counted in ((near, far, True), (far, near, False)):
                    arguments = (one, other, counted)
                    threading.Thread(target=self._pass_on, args=arguments, daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while piece := one.recv(PIECE):
                if counted:
                    self.received += len(piece)
                other.sendall(piece)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


@contextmanager
def led(operator: Operator, ports: Mapping[str, int]) -> Iterator[None]:
    """Lead the operator's connections to hosts to other ports, while the block runs: host -> port."""
    fleet = operator.fleet
    before = operator.inventory.read_text("utf-8")
    keys = more = fleet.known_hosts.read_text("ascii")
    inventory = yaml.safe_load(before)
    for name, port in ports.items():
        host = fleet.hosts[name]
        inventory["hosts"][name]["port"] = port
        own = next(line for line in keys.splitlines() if f"[{host.address}]:{host.port} " in line)
        more += own.replace(f":{host.port} ", f":{port} ") + "\n"
    operator.inventory.write_text(yaml.safe_dump(inventory, sort_keys=False), "utf-8")
    fleet.known_hosts.write_text(more, "ascii")
    try:
        yield
    finally:
        operator.inventory.write_text(before, "utf-8")
        fleet.known_hosts.write_text(keys, "ascii")


@contextmanager
def metered(operator: Operator, names: Sequence[str]) -> Iterator[dict[str, Meter]]:
    """Lead the operator's connections to these hosts through meters, while the block runs."""
    meters = {name: Meter(operator.fleet.hosts[name]) for name in names}
    try:
        with led(operator, {name: meter.port for name, meter in meters.items()}):
            yield meters
    finally:
        for meter in meters.values():
            meter.close()
