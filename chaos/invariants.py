"""Looks at what is left on the hosts' disks, with eyes of its own: not with the program under test."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.request
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from chaos.aws import CloudFront
from chaos.readers import Reader, Readers, current, seal_on, urls_of
from demo.fleet import Fleet, Host

READ_SECONDS = 20.0  # a reload is not waited for by who asks for it


def lives(fleet: Fleet) -> dict[str, str | None]:
    """Return what is live on each host."""
    return {name: current(host) for name, host in fleet.hosts.items()}


def provisional(fleet: Fleet) -> list[str]:
    """Return the hosts whose flip nobody has confirmed.

    An agent that died before it moved `current` leaves a note of a flip that never was; that is none.
    """
    found = []
    for name, host in fleet.hosts.items():
        try:
            flip = json.loads((host.static / "provisional.json").read_bytes())
        except OSError:  # none there, or a host without power
            continue
        if flip["release"] == current(host):
            found.append(name)
    return found


def complete(fleet: Fleet, excused: set[tuple[str, str]]) -> Iterator[str]:
    """Yield what is wrong with what is live (G3): sealed, all files there, whole; manifests of one release."""
    for name, host in fleet.hosts.items():
        release = current(host)
        seal = seal_on(host, str(release))
        if seal is None:
            yield f"G3: {name}: current names {release}, which is not sealed there"
            continue
        broken = {path for path, sha256 in wanted(host, seal) if digest(path) != sha256}
        touched = {sha256 for where, sha256 in excused if where == name}
        wrong = [
            path for path, sha256 in wanted(host, seal) if path in broken and sha256 not in touched
        ]
        if wrong:
            some = ", ".join(str(path.relative_to(host.static)) for path in wrong[:3])
            yield f"G3: {name}: {len(wrong)} files of {release} are not as sealed: {some}"
        if "web" in host.roles:
            yield from manifests(host, seal)


def wanted(host: Host, seal: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield every file that a release has on a host with these roles, and its SHA-256."""
    folder = host.static / "releases" / seal["id"]
    files = seal["files"]
    if seal["versions"]:
        yield folder / "resource_versions.yml", seal["versions"]["sha256"]
    if "static" in host.roles:
        for path, file in files.items():
            yield folder / "static" / path, file["sha256"]
        for path, version in seal["versioned"].items():
            yield host.static / "pool" / version / path, files[path]["sha256"]
        for path in seal["named"]:
            yield host.static / "pool" / "named" / path, files[path]["sha256"]
    else:
        manifest = seal["offline_manifest"]
        yield folder / "static" / manifest["path"], manifest["sha256"]


def manifests(host: Host, seal: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the manifests that web processes read.

    The versions are the release's own; the offline manifest holds all of the release's, and may hold
    more while a flip is provisional.
    """
    versions = host.code / "resource_versions.yml"
    if digest(versions) != seal["versions"]["sha256"]:
        yield f"G3: {host.name}: the resource versions are not those of {seal['id']}"
    own = host.static / "releases" / seal["id"] / "static" / seal["offline_manifest"]["path"]
    try:
        there = json.loads((host.code / "staticfiles" / "CACHE" / "manifest.json").read_bytes())
        lacking = set(json.loads(own.read_bytes()).items()) - set(there.items())
    except (OSError, ValueError) as error:
        yield f"G3: {host.name}: the offline manifest cannot be read: {error}"
        return
    if lacking:
        yield f"G3: {host.name}: the offline manifest lacks {len(lacking)} blocks of {seal['id']}"


def settled(fleet: Fleet) -> Iterator[str]:
    """Yield what is wrong after a deploy that ended well: one release, one lock, one manifest."""
    if provisional(fleet):
        yield f"a flip is provisional on {', '.join(provisional(fleet))}"
    # `previous` is each host's own: it differs where a mixed fleet was brought together
    if len(set(lives(fleet).values())) != 1:
        yield f"hosts disagree: {lives(fleet)}"
    for host in fleet.with_role("web"):
        if seal := seal_on(host, str(current(host))):
            manifest = host.code / "staticfiles" / "CACHE" / "manifest.json"
            if digest(manifest) != seal["offline_manifest"]["sha256"]:
                yield f"{host.name}: the offline manifest is not the release's own"
    build = fleet.hosts["build1"]
    if (build.static / "lock").exists():
        yield "G6: the lock is still held"
    journal = json.loads((build.static / "journal.json").read_text())
    if journal.get("to_invalidate"):
        yield f"G7: never invalidated: {journal['to_invalidate']}"
    seal = seal_on(build, str(current(build)))
    before = next(filter(None, (seal_on(h, str(current(h, "previous"))) for h in [build])), None)
    for host in fleet.with_role("static"):
        reader = Reader(host.address, fleet.http_port)
        for one in filter(None, (seal, before)):
            for url, sha256 in urls_of(one).items():
                said = reader.sha256(url)
                if said != sha256:
                    yield f"G1: {host.name} {url} of {one['id']}: {said}"


def stale(readers: Readers, aws: CloudFront) -> Iterator[str]:
    """Yield the unversioned URLs of which a CDN may keep other bytes than are live now (G7).

    A cache between could have taken whatever a reader has seen; so after the last time that bytes were
    seen which are not the live ones, it must have been told to forget them.
    """
    for path, seen in readers.seen.items():
        final = max(seen, key=lambda sha256: seen[sha256])
        for sha256, when in seen.items():
            told = any(at > when and fnmatch(path, asked) for at, asked in aws.forgotten)
            if sha256 != final and not told:
                yield f"G7: {path} was seen with other bytes ({sha256[:8]}), and never invalidated"


def running(fleet: Fleet) -> Iterator[str]:
    """Yield what is wrong with what web processes have read, once they have had time to read it (G3).

    They read both manifests when they start, and keep them: whatever stands on the disk, pages are
    rendered by these.
    """
    for host in fleet.with_role("web"):
        deadline = time.monotonic() + READ_SECONDS
        while wrong := _read_wrongly(fleet, host):
            if time.monotonic() > deadline:
                yield f"G3: {host.name}: {wrong}"
                break
            time.sleep(0.05)  # between two questions; the deadline bounds it


def _read_wrongly(fleet: Fleet, host: Host) -> str | None:
    seal = seal_on(host, str(current(host)))
    try:
        with urllib.request.urlopen(
            f"http://{host.address}:{fleet.app_port}/", timeout=5
        ) as answer:
            read = json.load(answer)
    except OSError as error:
        return f"its web processes do not answer: {error}"
    if seal is None:
        return "nothing is sealed there"
    if read["resource_versions.yml"] != seal["versions"]["sha256"]:
        return "its web processes read the resource versions of another release"
    own = host.static / "releases" / seal["id"] / "static" / seal["offline_manifest"]["path"]
    if lacking := set(json.loads(own.read_bytes())) - set(read["keys"]):
        return f"its web processes lack {len(lacking)} blocks of the offline manifest"
    return None


def digest(path: Path) -> str | None:
    """Return the SHA-256 of a file, or None if there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
