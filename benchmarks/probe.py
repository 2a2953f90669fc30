"""How long the probe takes to ask for a thousand changed files, from one static host and through the CDN.

    python -m benchmarks.probe [--files 1000] [--seconds 0.02]

Each file is asked for as it is; half of them, scripts, compressed too. The servers answer after 20 ms, from a
process of their own. Prints a row of a Markdown table; ends with 1 where 1,000 URLs take more than 10 s.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import socket
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache, partial
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from benchmarks.s3_stub import Connection
from fab_static.phases.probe import probe
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.inventory import Cdn, Host, Probe
from fab_static.plan.nginx import IMMUTABLE, UNVERSIONED
from fab_static.plan.release import File, Release

BYTES = 20_000
MOST_SECONDS = 10.0  # for each 1,000 URLs


@cache
def body_of(path: str) -> bytes:
    """Return a file's bytes, the same in both processes."""
    return hashlib.sha256(path.encode()).hexdigest().encode() * (BYTES // 64)


def version_of(path: str) -> str:
    """Return a file's version."""
    return hashlib.sha1(body_of(path)).hexdigest()[:7]


def release(name: str, paths: list[str]) -> Release:
    """Return a release of these files, the scripts versioned."""
    bodies = {path: body_of(path) for path in paths}
    files = {
        path: File(hashlib.sha256(body).hexdigest(), len(body), version_of(path))
        for path, body in bodies.items()
    }
    return Release(
        id=name,
        app="shop",
        environment="b",
        revision=None,
        created_at="",
        created_by="",
        settings={"STATIC_URL": "/static/"},
        phases=(),
        files=files,
        versions={path: file.version for path, file in files.items() if path.endswith(".js")},
        named=(),
        offline_manifest=None,
        versions_sha256=None,
    )


class StaticHost(Connection):
    """Answers as a static host does that holds every file whose name has a number."""

    def _answer(self, method: bytes, target: bytes, body: bytes) -> bytes:
        del method, body
        url = urlsplit(target.decode())
        path = url.path.removeprefix("/static/")
        version = parse_qs(url.query).get("version", [None])[0]
        if "file-" not in path or version not in (None, version_of(path)):
            return b"HTTP/1.1 404 Not Found\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n"
        kind = "text/javascript" if path.endswith(".js") else "image/png"
        said, encoding = body_of(path), ""
        if b"Accept-Encoding: gzip" in self._head:
            said, encoding = _compressed(path), "Content-Encoding: gzip\r\n"
        control = IMMUTABLE if version else UNVERSIONED
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: {control}\r\n{encoding}"
            f"Content-Length: {len(said)}\r\n\r\n"
        )
        return head.encode() + said


@cache
def _compressed(path: str) -> bytes:
    return gzip.compress(body_of(path), 1)


async def serve(port: int, seconds: float) -> None:
    """Serve until the process ends."""
    made = partial(StaticHost, seconds, {})
    server = await asyncio.get_running_loop().create_server(made, "0.0.0.0", port, backlog=512)
    await server.serve_forever()


def probed(url: str, paths: list[str]) -> tuple[float, int]:
    """Return the seconds that a probe takes, and how many URLs it asked for."""
    new = release("20261122T170102Z-0000000b", paths)
    other = dict.fromkeys(paths, File("0" * 64, 1, "0000000"))
    old = replace(new, id="20261121T170102Z-0000000a", files=other)
    said: list[str] = []
    build = "build1"
    deploy: Any = SimpleNamespace(
        environment=SimpleNamespace(
            name="b", probe=Probe(origin=url), cdn=Cdn("E1", domain=url.replace("127.0.0.1", "127.0.0.2")), origin=None
        ),
        show=SimpleNamespace(say=said.append, warn=said.append),
        build=build,
        states={build: {"previous": old.id, "releases": [old.id]}},
        live=None,
        release=None,
        journal=SimpleNamespace(to_invalidate={}),
        hosts=lambda *_: (SimpleNamespace(name="edge1", host=Host("edge1", "127.0.0.1", ("static",))),),
        current_release=lambda: new,
        seals=SimpleNamespace(read=lambda *_: old),
    )  # fmt: skip
    started = time.perf_counter()
    probe(cast(Deployment, deploy))
    return time.perf_counter() - started, int(deploy.probed["asked"])


def main() -> None:
    """Measure, and print."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--files", type=int, default=1000)
    words.add_argument("--seconds", type=float, default=0.02)
    words.add_argument("--serve", type=int)
    chosen = words.parse_args()
    if chosen.serve:
        asyncio.run(serve(chosen.serve, chosen.seconds))
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    argv = [sys.executable, "-m", "benchmarks.probe", "--serve", str(port)]
    server = subprocess.Popen([*argv, "--seconds", str(chosen.seconds)])
    try:
        _wait_for(port)
        paths = [f"img/file-{n}.{'js' if n % 2 else 'png'}" for n in range(chosen.files)]
        seconds, asked = probed(f"http://127.0.0.1:{port}", paths)
    finally:
        server.terminate()
        server.wait()
    print("| changed files | answers, origin and CDN | s | s for 1,000 URLs |\n|---|---|---|---|")
    print(f"| {len(paths):,} | {asked:,} | {seconds:.1f} | {1000 * seconds / asked:.1f} |")
    sys.exit(1000 * seconds / asked > MOST_SECONDS)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    main()
