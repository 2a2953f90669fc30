"""What the releases of a host hold, by release.json."""

from __future__ import annotations

import json
import os
import stat
from binascii import b2a_base64

from fab_static.host.agent.digests import begun_sha256
from fab_static.host.agent.names import (
    ENCODED,
    ENDING,
    OBJECT,
    RELEASE,
    VERSION,
    checked,
    checked_path,
    in_folder,
    places_of,
)
from fab_static.host.agent.plain import parsed, read_plain
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent


MOST = 1 << 40  # bytes that a file may claim to have: no static file has a TiB
ZSTD = ".zst"  # stock nginx does not look for it beside a file


def seal_of(host: Host, release: str) -> dict[str, Any]:
    """Return what release.json holds."""
    return read_seal(host, release)[0]


def read_seal(host: Host, release: str, sha256: str | None = None) -> tuple[dict[str, Any], bytes]:
    """Return what release.json holds, and its bytes: of this SHA-256, where the operator names one."""
    checked(RELEASE, release, "release")
    path = host.path("releases", release, "release.json")
    try:
        data = read_plain(path)[0]
    except FileNotFoundError:
        raise RefusedError(
            f"there is no release {release}",
            host.path("releases"),
            "choose one that `releases` lists",
            "release",
        ) from None
    if host.taken and host.taken[1] == data:  # it came just now, and was checked
        seal = host.taken[2]
        is_right = seal["id"] == release
    else:
        seal = parsed(path, data)
        is_right = is_seal(seal, release)
    if not is_right or sha256 not in (None, begun_sha256(data).hexdigest()):
        raise RefusedError(
            f"release.json of {release} is not what was sealed",
            path,
            f"ship it again from a host that has it: rollback --to {release} --repair",
            "release",
        )
    return seal, data


def seals(host: Host, releases: Iterable[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the seals of releases, all that are here unless some are named.

    One that cannot be read is passed over: `odd` says why.
    """
    for release in host.releases() if releases is None else releases:
        try:
            yield seal_of(host, release)
        except RefusedError as error:
            host.odd[f"releases/{release}"] = error.what
        except OSError as error:
            host.odd[f"releases/{release}"] = (
                f"release.json of {release} cannot be read: {error.strerror}"
            )


def other_bytes(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say which names have other bytes in releases that are here. Body: {path: SHA-256}."""
    wanted = json.loads(body.decode("utf-8"))
    found: dict[str, list[str]] = {}
    for seal in seals(agent.host):
        files = seal["files"]
        for path, sha256 in wanted.items():
            if path in files and files[path]["sha256"] != sha256:
                found.setdefault(path, []).append(seal["id"])
    return {"releases": found}, b""


def refuse_no_seal(host: Host, seal: Any, release: str) -> None:
    """Refuse what came in place of a release's seal."""
    if not is_seal(seal, release):
        raise RefusedError(
            f"what came is not a seal of {release}", host.root, "deploy again", "release"
        )


def is_seal(seal: Any, release: str) -> bool:
    """Tell whether this has the shape of a release's seal; whether its content is right, its digest tells.

    Every name in it is checked here, once: what reads a seal later takes them for checked.
    """
    if not isinstance(seal, dict) or seal.get("id") != release:
        return False
    try:
        files, versions = seal["files"], seal["versions"]
        outside = seal.get("manifests", {})
        for one in (*files.values(), *outside.values(), *([versions] if versions else [])):
            for _key, sha256, size in (*with_copies(one), *deltas_of(one)):
                checked(OBJECT, sha256, "object")
                if type(size) is not int or not 0 <= size <= MOST:
                    return False
            for ending in one.get("encodings", ()):
                checked(ENDING, ending, "ending")
            for held in one.get("deltas", ()):
                checked(OBJECT, held, "object")
        for path, version in seal["versioned"].items():
            checked(VERSION, version, "version")
            checked_path(path)
        manifests = [*filter(None, (seal["offline_manifest"], seal.get("staticfiles_manifest")))]
        for manifest in manifests:
            checked(OBJECT, manifest["sha256"], "object")
        named = [*seal["named"], *(manifest["path"] for manifest in manifests)]
        words = [seal[key] for key in ("created_at", "created_by", "environment", "digest")]
        return (
            all(map(checked_path, files))
            and {*named} <= {*files, *outside}
            and all(in_folder(path).startswith("manifests/") for path in outside)
            and all(isinstance(word, str) for word in words)
        )
    except (RefusedError, LookupError, TypeError, ValueError, AttributeError):
        return False


def links_of(host: Host, seal: dict[str, Any], roles: list[str]) -> Iterator[tuple[str, str, int]]:
    """Yield what a release needs on a host with these roles: path, SHA-256, size.

    Paths are relative to `deploy_to`; each is a hard link to its object. Precompressed copies stand
    beside their files, wherever nginx finds these. Deltas stand in a folder for each file that a browser
    may hold: those for plain names in the release, so that they flip with it; the others in the pool. What is in
    zstd stands likewise.
    """
    files = seal["files"]
    base = "releases/" + checked(RELEASE, seal["id"], "release")
    manifests = [seal["offline_manifest"], seal.get("staticfiles_manifest")]
    for path, one in seal.get("manifests", {}).items():
        yield f"{base}/{in_folder(path)}", one["sha256"], one["size"]
    versions = seal["versions"]
    if versions:
        yield base + "/resource_versions.yml", versions["sha256"], versions["size"]
    if "static" in roles:
        yield from served(seal, base)
    else:
        for manifest in filter(None, manifests):
            path = manifest["path"]
            if path in seal.get("manifests", {}):
                continue
            yield f"{base}/static/{path}", manifest["sha256"], files[path]["size"]


def served(seal: Head, base: str) -> Iterator[tuple[str, str, int]]:
    """Yield what nginx serves of a release, as links_of does; `base` is the folder of the release."""
    files = seal["files"]
    for path, file in files.items():
        for ending, sha256, size in with_copies(file):
            if ending != ZSTD and (
                not ending or path + ending not in files
            ):  # else the project made it
                yield f"{base}/static/{path}{ending}", sha256, size
        yield from apart(base, path, file)
    pool = [(version, path) for path, version in seal["versioned"].items() if path in files]
    for folder, path in (*pool, *(("named", path) for path in seal["named"])):
        if path.endswith(ENCODED) and path[:-3] in files:  # of an older seal: no promise
            continue
        for ending, sha256, size in with_copies(files[path]):
            if ending != ZSTD:
                yield f"pool/{folder}/{path}{ending}", sha256, size
        yield from apart("pool", f"{folder}/{path}", files[path])


def apart(root: str, path: str, file: Head) -> Iterator[tuple[str, str, int]]:
    """Yield what stock nginx does not look for beside a file: zstd and deltas, in folders of their own."""
    if "zst" in file.get("encodings", ()):
        yield from (
            (f"{root}/zst/{path}", sha256, size)
            for ending, sha256, size in with_copies(file)
            if ending == ZSTD
        )
    for held, sha256, size in deltas_of(file):
        yield f"{root}/dcz/{place_of_delta(held)}/{path}", sha256, size


def with_copies(file: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Return a file and its precompressed copies: how the name ends, SHA-256, size."""
    found = [("", file["sha256"], file["size"])]
    if "encodings" in file:
        for ending, one in file["encodings"].items():
            found.append(("." + ending, one["sha256"], one["size"]))
    return found


def deltas_of(file: Head) -> list[tuple[str, str, int]]:
    """Return a file's deltas: the SHA-256 of what a browser holds, the delta's own, and its size."""
    return [(held, one["sha256"], one["size"]) for held, one in file.get("deltas", {}).items()]


def place_of_delta(held: str) -> str:
    """Return the name of the folder for browsers that hold these bytes: their SHA-256, as nginx is told it.

    A browser says it in base64 (RFC 9842). A / has no place in a name: a _ stands for it.
    """
    encoded = b2a_base64(bytes.fromhex(held), newline=False).decode("ascii")
    return encoded.rstrip("=").replace("/", "_")


def found_at(host: Host, path: str) -> tuple[str, os.stat_result | None]:
    """Return where a file that a release needs stands, and its status, or None if it is nowhere."""
    for place in places_of(path):
        try:
            status = os.lstat(host.path(place))
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not stat.S_ISDIR(status.st_mode):
            return place, status
    return path, None
