"""Fresh machines: a Debian root for each, with a network and processes of its own, and what a stranger does there.

A machine is a layer over one root that debootstrap made. It has an address on a bridge that only this process and its
children see: `make fresh` starts pytest in network and mount namespaces of its own. All ends with the first process
of each machine.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

BRIDGE, OPERATOR = "fresh0", "10.0.0.1/24"
# no systemd runs in a folder: its one word that the docs use
SYSTEMCTL = '#!/bin/sh\n[ "$*" = "reload nginx" ] && exec nginx -s reload\nexit 1\n'


def run(*words: str, text: str = "", code: int = 0, **more: object) -> str:
    """Run a command of the operator's machine; return what it said."""
    ran = subprocess.run(words, input=text, capture_output=True, text=True, **more)  # type: ignore[call-overload]
    said = str(ran.stdout + ran.stderr)
    assert ran.returncode == code, f"{words}: exit {ran.returncode}\n{said}"
    return said


def network() -> None:
    """Make the bridge between the machines; the operator is on it, too."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "addr", "add", OPERATOR, "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")


class Machine:
    """One host that was just installed."""

    def __init__(self, name: str, address: str, lower: Path, folder: Path) -> None:
        self.name, self.address = name, address
        self.root = folder / name / "root"
        for part in ("root", "upper", "work"):
            (folder / name / part).mkdir(parents=True)
        layers = f"lowerdir={lower},upperdir={folder / name}/upper,workdir={folder / name}/work"
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        words = ["unshare", "--net", "--pid", "--fork", "--kill-child", "sleep", "infinity"]
        self._holder = subprocess.Popen(words)
        self._join_network()
        self.do("mount -t proc proc /proc; ip link set lo up")

    def _first(self) -> str:
        """Return the process that the machine lives as long as: the child of who made its namespaces."""
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        while not (found := children.read_text().split()):
            assert self._holder.poll() is None, "unshare ended"
        return found[0]

    def _join_network(self) -> None:
        self._inside = ("nsenter", "--target", self._first(), "--net", "--pid")
        here, there = f"to-{self.name}"[:15], "eth0"
        run("ip", "link", "add", here, "type", "veth", "peer", "name", f"{here[:13]}-p")
        run("ip", "link", "set", f"{here[:13]}-p", "name", there, "netns", self._inside[2])
        run("ip", "link", "set", here, "master", BRIDGE, "up")
        run(*self._inside, "ip", "addr", "add", f"{self.address}/24", "dev", there)
        run(*self._inside, "ip", "link", "set", there, "up")

    def do(self, command: str, *, text: str = "", user: str = "root") -> str:
        """Run a shell line there."""
        shell = ["chroot", f"--userspec={user}", str(self.root), "/usr/bin/env", "-i"]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return run(*self._inside, *shell, path, "HOME=/root", "bash", "-ec", command, text=text)

    def begin(self, command: Sequence[str], user: str = "root") -> None:
        """Start what runs as long as the machine does."""
        shell = ["chroot", f"--userspec={user}", str(self.root)]
        subprocess.Popen([*self._inside, *shell, *command], stdout=subprocess.DEVNULL)

    def end(self) -> None:
        """End all that runs there."""
        self._holder.kill()
        self._holder.wait()
