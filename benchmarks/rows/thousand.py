"""A thousand hosts, simulated: their agents run in this process, behind a network that is made up.

What is real: everything on the operator's side above the SSH connection, and all that each host's agent does
to its own folder. What is made up: SSH. A connection takes seven round trips (TCP, SSH's version, keys, the
session), an answer comes one round trip after its question, and a dead host says nothing until
connect_timeout. The watchdogs of a flip, a process on each host, are left out: a thousand machines would run them.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost, cpu_seconds
from benchmarks.project import script
from benchmarks.results import Figure, Row, cpu, seconds
from fab_static.api import Quiet
from fab_static.errors import FabStaticError, RemoteError
from fab_static.host.agent import flip, wire
from fab_static.host.agent.claims import claim
from fab_static.host.agent.explaining import explained
from fab_static.host.agent.objects import keep_bytes
from fab_static.host.agent.protocol import FRAME, HELLO
from fab_static.host.agent.store import Host as HostFolder
from fab_static.host.agent.wire import function_of
from fab_static.host.archive import FIRST_LINE, SIZE
from fab_static.phases.activate import activate
from fab_static.phases.distribute import distribute
from fab_static.phases.run.deployment import Deployment
from fab_static.plan import versions
from fab_static.plan.inventory import Environment, Host, Project, Ssh
from fab_static.plan.release import File, Release, digest
from fab_static.plan.wire import verbs
from fab_static.remote import Fleet, RemoteHost
from fab_static.remote.connection import SharedConnection

THOUSAND = "thousand-hosts"
ROWS = (THOUSAND,)
HOSTS, SLOW, DEAD = 1_000, 10, 5
LATENCY_SECONDS, SLOW_SECONDS = 0.03, 1.0
CONNECTING = 7  # round trips
FILES, CHANGED, FILE_BYTES = 200, 10, 4_000
LINKED = ("objects", "releases", "pool")  # folders of files that nobody writes to


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the row."""
    world = World(folder, 50 if small else HOSTS)
    tell(f"{len(world.environment.hosts)} hosts hold the first release")
    whole, lost = [], []
    for number in range(times):
        started, used = time.perf_counter(), cpu_seconds()
        named = world.deploy_to_all(number)
        lost.append(time.perf_counter() - started)
        world.deploy_to_the_living()
        whole.append(Cost(time.perf_counter() - started, cpu_seconds() - used))
        assert named == set(world.dead), f"dead: {sorted(world.dead)}, named: {sorted(named)}"
        tell(f"{number + 1}/{times}: {whole[-1]}, of it {lost[-1]:.1f} s to name the dead")
    yield Row(
        THOUSAND,
        f"`distribute` and `activate`, {len(world.environment.hosts):,} simulated hosts, parallel 64",
        seconds(whole),
        60.0,
        cpu=(cpu(whole), None),
        note=f"{FILES} files, {CHANGED} changed; {LATENCY_SECONDS * 1000:.0f} ms latency, {len(world.slow)} slow hosts, "
        f"{len(world.dead)} dead ones, every one named in the first {Figure.of(lost)}; then they are taken out, and "
        "the others go live. The agents' own work, all on this machine, is in it.",
    )


class World:
    """The hosts' folders, and the network before them."""

    def __init__(self, folder: Path, count: int) -> None:
        flip.start_watchdog = lambda *_: None  # type: ignore[assignment]
        self.folder = folder
        names = [f"edge{number:04}" for number in range(1, count)]
        draw = random.Random(count)
        self.slow = set(draw.sample(names, max(1, count * SLOW // HOSTS)))
        self.dead = set(draw.sample(sorted(set(names) - self.slow), max(1, count * DEAD // HOSTS)))
        self.environment = self._environment(names)
        self._contents = {
            f"js/{number}.js": script(str(number), FILE_BYTES) for number in range(FILES)
        }
        self._releases = 0
        self._release = self._seal()
        self._first(self._release)

    def deploy_to_all(self, number: int) -> set[str]:
        """Change some files, seal, and try to deploy; return the hosts that the error names."""
        for path in random.Random(number).sample(sorted(self._contents), CHANGED):
            self._contents[path] = script(f"{path} {number}", FILE_BYTES)
        self._release = self._seal()
        fleet = self._fleet(self.environment)
        try:
            fleet.on(fleet.hosts, lambda host: host.ask(verbs.PING))  # as every task begins
        except FabStaticError as error:
            return set(error.where.split(", "))
        finally:
            fleet.close()
        return set()

    def deploy_to_the_living(self) -> None:
        """Do it, without the dead: what the operator's second command does."""
        living = [host.name for host in self.environment.hosts[1:] if host.name not in self.dead]
        fleet = self._fleet(self._environment(living))
        deploy = Deployment(fleet.environment, fleet, Quiet(), "benchmark")
        deploy.on(deploy.hosts(), lambda host: host.ask(verbs.PING))
        deploy.look()
        deploy.release = self._release
        distribute(deploy)
        activate(deploy)
        assert deploy.live == self._release.id
        fleet.close()

    # ---- inside

    def _environment(self, names: list[str]) -> Environment:
        return Environment(
            name="bench",
            app="bench",
            deploy_to=f"{self.folder}/{{host}}",
            hosts=(
                Host("build1", "build1", ("build",)),
                *(Host(name, name, ("static",)) for name in names),
            ),
            project=Project(path="/nowhere"),
            ssh=Ssh(parallel=64, connect_timeout=10),
        )

    def _fleet(self, environment: Environment) -> Fleet:
        fleet = Fleet(environment)
        fleet.hosts = tuple(
            RemoteHost(host, environment, Connection(host, environment, self))
            for host in environment.hosts
        )
        return fleet

    def _seal(self) -> Release:
        """Make a release of the contents on the build host."""
        build = HostFolder(str(self.folder / "build1"), "bench", "bench")
        claim(build)
        files = {}
        for path, data in self._contents.items():
            files[path] = File(*keep_bytes(build, data), versions.of(data))
        self._releases += 1
        release = Release(
            id=f"20261122T{self._releases:06}Z-{digest(files, None, {})[:8]}",
            app="bench",
            environment="bench",
            revision=None,
            created_at="",
            created_by="",
            settings={},
            phases=(),
            files=files,
            versions={path: file.version for path, file in files.items()},
            named=(),
            offline_manifest=None,
            versions_sha256=None,
        )
        worker = Agent(deque())
        worker.host = build
        function_of("build_release")(worker, {"roles": ["build"]}, release.to_json().encode())
        return release

    def _first(self, release: Release) -> None:
        """Make a release live on every host: on one by its agent, on the others by links to its files."""
        fleet = self._fleet(self._environment([self.environment.hosts[1].name]))
        deploy = Deployment(fleet.environment, fleet, Quiet(), "benchmark")
        deploy.look()
        deploy.release = release
        dead, self.dead = self.dead, set()
        distribute(deploy)
        activate(deploy)
        fleet.close()
        self.dead = dead
        model = self.folder / self.environment.hosts[1].name
        for host in self.environment.hosts[2:]:
            target = self.folder / host.name
            target.mkdir()
            for each in model.iterdir():
                if each.name in LINKED:
                    shutil.copytree(each, target / each.name, copy_function=os.link, symlinks=True)
                elif each.is_symlink():
                    (target / each.name).symlink_to(each.readlink())
                elif each.is_file():
                    shutil.copy2(each, target / each.name)


class Agent(wire.Agent):
    """A host's agent, without a process: it is handed frames, and keeps what it answers."""

    def __init__(self, frames: deque[tuple[dict[str, Any], bytes]]) -> None:
        super().__init__(-1, -1)
        self.waiting = frames
        self.answers = bytearray()

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        """Keep an answer."""
        text = json.dumps(head).encode("ascii")
        self.answers += FRAME.pack(len(text), len(body)) + text + body

    def next_frame(self) -> tuple[dict[str, Any], bytes]:
        """Return the next frame that was sent to it."""
        return self.waiting.popleft()

    def work(self) -> None:
        """Answer one request."""
        head, body = self.next_frame()
        try:
            answer, data = self._answer(head, body)
            self.send({**answer, "ok": True}, data)
        except Exception as error:
            self.send({"error": explained(error)})


class Channel:
    """The way to an agent: what is sent is worked on once an answer is waited for, a round trip later."""

    def __init__(self, latency_seconds: float) -> None:
        self._latency_seconds = latency_seconds
        self._received = bytearray()
        self._sent_at = time.monotonic()
        self._frames: deque[tuple[dict[str, Any], bytes]] = deque()
        self._agent = Agent(self._frames)
        self._skip = len(FIRST_LINE + SIZE % 0)  # they come first
        self._agent.answers += HELLO
        self._agent.send({"agent": 1, "python": "3", "user": "deploy", "machine": "simulated"})

    def send(self, data: bytes) -> None:
        """Take bytes in."""
        self._sent_at = time.monotonic()
        self._received += data
        if self._skip:
            skipped = min(self._skip, len(self._received))
            del self._received[:skipped]
            self._skip -= skipped
        while len(self._received) >= FRAME.size:
            head, body = FRAME.unpack_from(self._received)
            end = FRAME.size + head + body
            if len(self._received) < end:
                break
            words = json.loads(self._received[FRAME.size : FRAME.size + head])
            if not words.keys() & {"alive", "here"}:
                self._frames.append((words, bytes(self._received[FRAME.size + head : end])))
            del self._received[:end]

    def is_ready(self) -> bool:
        """Tell that a little can be sent."""
        return True

    def has_ended(self) -> bool:
        """Tell that the agent goes on."""
        return False

    def receive(self, most: int, timeout_seconds: float) -> bytes:
        """Return what the agent answered, once it can have come."""
        del timeout_seconds
        if not self._agent.answers:
            time.sleep(max(0.0, self._sent_at + self._latency_seconds - time.monotonic()))
            self._agent.work()
        data = bytes(self._agent.answers[:most])
        del self._agent.answers[:most]
        return data

    def last_words(self) -> tuple[int | None, str]:
        """Return nothing: it ended well."""
        return 0, ""

    def close(self) -> None:
        """End it."""


class Connection(SharedConnection):
    """A connection to a simulated host."""

    def __init__(self, host: Host, environment: Environment, world: World) -> None:
        super().__init__(host, environment)
        self._world = world

    def channel(self, command: str) -> Channel:  # type: ignore[override]
        """Reach the host's agent, or wait in vain.

        Raises:
            RemoteError: the host is dead.
        """
        del command
        name = self.host.name
        if name in self._world.dead:
            patience = self.environment.ssh.connect_timeout
            time.sleep(patience)
            raise RemoteError(
                f"the host did not answer within {patience:g} seconds",
                where=name,
                mend="see whether it runs and no firewall is between",
            )
        latency = SLOW_SECONDS if name in self._world.slow else LATENCY_SECONDS
        time.sleep(CONNECTING * latency)
        return Channel(latency)
