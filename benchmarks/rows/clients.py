"""The two SSH clients against each other: connecting sixteen hosts, and carrying many bytes to one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.fleets import plain
from benchmarks.results import Figure, Row
from demo.fleet import Fleet, Role
from fab_static.plan import inventory
from fab_static.plan.inventory import Host
from fab_static.remote.client import Connection
from fab_static.remote.clients import client_of

CONNECT, SEND, RECEIVE = ROWS = ("client-connect", "client-send", "client-receive")
CLIENTS = ("fabric", "openssh")
HOSTS: dict[str, list[Role]] = {
    "build1": ["build", "web"],
    **{f"edge{number}": ["static"] for number in range(15)},
}
BYTES = 256 * 1024 * 1024
PIECE = 256 * 1024
DONE = b"done\n"


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the rows."""
    with plain(folder / "hosts", HOSTS, app="bench") as fleet:
        files = {client: _inventory(fleet, folder, client) for client in CLIENTS}
        for row in ROWS:
            took: dict[str, list[float]] = {client: [] for client in CLIENTS}
            for _ in range(times):
                for client, file in files.items():
                    took[client].append(_in_a_process(row, file, BYTES // 64 if small else BYTES))
            tell(f"{row}: {took}")
            yield _row(row, *(took[client] for client in CLIENTS))


def _row(row: str, fabric: list[float], openssh: list[float]) -> Row:
    unit = "CPU s" if row == CONNECT else "s"
    ours, theirs = Figure.of(fabric, unit), Figure.of(openssh, unit)
    megabytes = BYTES / 1e6
    what = {
        CONNECT: "connecting 16 hosts by Fabric's client, CPU of the operator's machine",
        SEND: f"{megabytes:,.0f} MB to one host by Fabric's client",
        RECEIVE: f"{megabytes:,.0f} MB from one host by Fabric's client",
    }[row]
    speeds = f"{megabytes / ours.median:.0f} MB/s against {megabytes / theirs.median:.0f}."
    note = "`ssh` starts two processes a host." if row == CONNECT else speeds
    return Row(row, what, ours, None, theirs, "by `ssh.client: openssh`", note=note)


def _inventory(fleet: Fleet, folder: Path, client: str) -> Path:
    return fleet.write_inventory(folder / f"{client}.yml", ssh={"client": client})


def _in_a_process(row: str, file: Path, size: int) -> float:
    """Measure in a process of its own, so that its CPU is that of one client alone."""
    ran = subprocess.run(
        [sys.executable, "-m", __name__, row, file, str(size)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(ran.stdout)


def _measured(row: str, file: Path, size: int) -> float:
    environment = inventory.parse(file.read_text("utf-8"), name="bench", source=str(file))
    connection_to = client_of(environment)
    hosts = environment.hosts if row == CONNECT else environment.hosts[:1]
    connections = [connection_to(host) for host in hosts]
    began = _cpu()
    try:
        for connection in connections:
            channel = connection.channel("true")
            channel.last_words()
            channel.close()
        if row != CONNECT:
            return _carried(connection_to, hosts[0], row, size)
    finally:
        for connection in connections:
            connection.close()
    return _cpu() - began


def _carried(connection_to: Callable[[Host], Connection], host: Host, row: str, size: int) -> float:
    """Return the seconds that so many bytes take on a connection that is open."""
    connection = connection_to(host)
    reading = f"head -c {size} > /dev/null; echo {DONE.decode().strip()}"
    channel = connection.channel(reading if row == SEND else f"head -c {size} /dev/zero")
    try:
        piece, left, came = bytes(PIECE), size, 0
        began = time.perf_counter()
        while row == SEND and left:
            channel.send(piece[:left])
            left -= min(left, PIECE)
        while came < (len(DONE) if row == SEND else size):
            came += len(channel.receive(PIECE, 60))
        return time.perf_counter() - began
    finally:
        channel.close()
        connection.close()


def _cpu() -> float:
    """Return the CPU seconds of this process, and of those that it has waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    print(_measured(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
