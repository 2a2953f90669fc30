"""G1 under load: thousands of requests on two nginx hosts, while releases come and go."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaos import project
from chaos.readers import current, urls_of
from demo.fleet import Fleet
from tests.integration.conftest import HOSTS, Operator, operator_of

CLIENTS = 24  # keep-alive connections to each host
REQUESTS_PER_SECOND = 1500  # of all clients in sum, where the machine allows it
LOOK_SECONDS = 0.05


class Load:
    """Clients that ask both static hosts for what pages of the live release, and the one before, print."""

    def __init__(self, fleet: Fleet) -> None:
        self.wrong: list[str] = []
        self.answers = 0
        self.releases: set[str] = set()
        self._fleet = fleet
        self._urls: list[tuple[str, str]] = []
        self._stop = threading.Event()
        self._ready = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        thread.start()
        assert self._ready.wait(120)
        started = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - started
            self._stop.set()
            thread.join(120)
        assert not thread.is_alive()
        sys.stdout.write(f"{self.answers} answers in {seconds:.0f} s\n")  # pytest -rP shows it

    async def _run(self) -> None:
        self._look()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_looking())
            for host in self._fleet.with_role("static"):
                for number in range(CLIENTS):
                    tasks.create_task(self._client(host.address, number))
            self._ready.set()

    async def _keep_looking(self) -> None:
        while not self._stop.is_set():
            self._look()
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self) -> None:
        """See what is live on any host, and what was before it: these URLs are asked."""
        hosts = self._fleet.hosts.values()
        links = ("current", "previous")
        found = {name for host in hosts for link in links if (name := current(host, link))}
        if found != self.releases:
            edge = self._fleet.hosts["edge1"].static / "releases"
            seals = [json.loads((edge / name / "release.json").read_text()) for name in found]
            self._urls = [pair for seal in seals for pair in urls_of(seal).items()]
            self.releases = found

    async def _client(self, address: str, number: int) -> None:
        chance = random.Random(number)
        pause = 2 * CLIENTS / REQUESTS_PER_SECOND
        due = time.monotonic() + pause * chance.random()
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self._stop.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due + pause, time.monotonic() - 1)  # late clients catch up, but not for ever
            url, sha256 = chance.choice(self._urls)
            try:
                if streams is None:
                    streams = await asyncio.open_connection(address, self._fleet.http_port)
                said, is_kept = await asyncio.wait_for(asked(*streams, address, url), 120)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                said, is_kept = repr(error), False
            self.answers += 1
            if said != sha256:
                self.wrong.append(f"{address} {url}: {said}")
            if not is_kept and streams:
                streams[1].close()
                streams = None


async def asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, url: str
) -> tuple[str, bool]:
    """Return the SHA-256 of an answer's bytes, or its status; and whether the connection stays."""
    writer.write(f"GET {url} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    is_kept = headers.get("connection", "keep-alive") == "keep-alive"
    code = status.split()[1]
    return hashlib.sha256(body).hexdigest() if code == "200" else code, is_kept


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("loaded")
    source = project.write(folder / "project", quick=True)
    with Fleet(folder / "hosts", HOSTS, project=source, nginx="nginx", app="tiny") as fleet:
        operator = operator_of(fleet, folder / "operator")
        operator.write_inventory(build=project.BUILD)
        operator.fab("deploy")
        yield operator


def code(operator: Operator) -> Path:
    return operator.fleet.hosts["build1"].code


def test_three_deploys_and_a_rollback_under_load_answer_nothing_but_the_recorded_bytes(
    loaded: Operator,
) -> None:
    """A visitor whose page asks for a file that is gone, or gets another's bytes, sees a broken page."""
    load = Load(loaded.fleet)
    lives = [loaded.live()]
    with load.running():
        for mark in ("one", "two", "three"):
            project.change(code(loaded), "both", mark)
            loaded.fab("deploy")
            lives.append(loaded.live())
        loaded.fab("rollback")
        assert loaded.live() == lives[2]
    assert len(set(lives)) == 4
    assert load.releases == {lives[2], lives[3]}
    assert load.answers > 0
    assert load.wrong == []
