"""Builds the folder of a release out of objects, and compares it with its seal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat

from fab_static.host.agent.claims import Folders, claim
from fab_static.host.agent.digests import begun_sha256, digest_of, mtime_of, sha256_of
from fab_static.host.agent.disk import (
    link_or_copy,
    make_folders,
    remove_tree,
    to_disk,
    write_file,
)
from fab_static.host.agent.gone import gone_since, let_in
from fab_static.host.agent.names import (
    ENCODED,
    RELEASE,
    VERSION,
    checked,
    checked_path,
    in_folder,
)
from fab_static.host.agent.objects import Objects
from fab_static.host.agent.plain import read_plain
from fab_static.host.agent.pool import (
    has_linked,
    in_pool,
    place_for,
    refuse_hidden,
    refuse_other_bytes,
)
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.seals import found_at, links_of, read_seal, refuse_no_seal, seals
from fab_static.host.agent.trust import BESIDE, beside, refuse_unsigned, refuse_untrusted
from fab_static.host.agent.work import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent


def read_release(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return release.json of one release, as it was sealed, and what stands beside it."""
    host, release = agent.host, head["release"]
    data = read_seal(host, release)[1]
    return beside(host, release), data


def summaries(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return a few words on each release."""
    found = []
    agent.host.odd.clear()
    for seal in seals(agent.host):
        found.append(
            {
                "id": seal["id"],
                "revision": seal.get("revision"),
                "created_at": seal["created_at"],
                "created_by": seal["created_by"],
                "environment": seal["environment"],
                "digest": seal["digest"],
                "files": len(seal["files"]),
                "bytes": sum(file["size"] for file in seal["files"].values()),
            }
        )
    return {"releases": found, "odd": list(agent.host.odd.values())}, b""


def build_release(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make the folder of a release and its pool entries from objects. Body: its release.json; see lay_out."""
    seal = json.loads(body.decode("utf-8"))
    checked(RELEASE, seal["id"], "release")
    refuse_no_seal(agent.host, seal, seal["id"])
    agent.host.taken = begun_sha256(body).hexdigest(), body, seal
    return {"mended": lay_out(agent.host, head, seal, body)}, b""


def lay_out(host: Host, head: Head, seal: Head, body: bytes) -> bool:
    """Make the folder of a release and its pool entries from objects; say whether its release.json was mended.

    The release is there, under its name, only when all of it is. `anew`: another release.json that stands
    there is not what was sealed, and is written again. All of it would outlive a loss of power.
    """
    claim(host)
    release = seal["id"]
    folder = host.path("releases", release)
    there = None
    try:
        there = read_plain(os.path.join(folder, "release.json"))[0]
    except FileNotFoundError:
        pass
    except (RefusedError, OSError):
        there = b""  # it cannot be read
    is_other = there is not None and there != body
    if is_other and not head.get("anew"):
        raise RefusedError(
            f"release {release} is here already, sealed with other content",
            folder,
            "deploy again: a new release gets a new id",
            "release",
        )
    if is_other:  # it may be live
        refuse_unsigned(host, release, body, head)
    new = host.path("releases", f".{release}.new")
    remove_tree(new)
    make_folders(new)
    own = f"releases/{release}/"
    links = {path: sha256 for path, sha256, _size in links_of(host, seal, head["roles"])}
    objects, folders, before = Objects(host), Folders(host), in_pool(host)
    for path, sha256 in links.items():
        moved()
        target, is_own = host.path(path), path.startswith(own)
        if is_own and there is None:
            target = f"{new}/{path[len(own) :]}"
        elif (is_own or path.split("/", 2)[1] in before) and objects.has_link(target, sha256):
            continue  # nearly all of them, nearly always
        elif not is_own:
            if has_linked(host, path, sha256, folders, before):
                continue
            place = place_for(host, path, sha256, objects)
            if place is None:  # it is in the second pool already
                continue
            target = host.path(place)
            # a copy promises nothing, and neither does a delta
            is_copy = path.endswith(ENCODED) and path[:-3] in links
            if not is_copy and not path.startswith(("pool/dcz/", "pool/zst/")):
                refuse_other_bytes(target, path, sha256)
        folders.make(target.rpartition("/")[0])
        link_or_copy(host.object(sha256), target)
    if "static" in head["roles"]:
        refuse_hidden(host, seal, objects)
        let_in(host, seal)
    if there is None:
        write_file(os.path.join(new, "release.json"), body)
        keep_beside(head, new)
        to_disk(host)  # all bytes before the name that says they are there
        os.rename(new, folder)
    else:
        remove_tree(new)
        if is_other:
            write_file(os.path.join(folder, "release.json"), body)
        keep_beside(head, folder)
    to_disk(host)
    return is_other


def keep_beside(head: Head, folder: str) -> None:
    """Write what came with a seal beside it; whether a signature counts, the flip asks."""
    if not head.get("signature"):
        return
    for what, name in BESIDE.items():  # the signature last: it speaks of the other
        path = os.path.join(folder, name)
        if head.get(what):
            write_file(path, head[what].encode("utf-8"))
        else:
            remove_tree(path)


def verify(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Compare every file of a release, or of the live one, with its seal: by stat, or (`bytes`) by reading all of it.

    `seal` is the SHA-256 of release.json by the operator's word: a host is not judged by its own. Null asks for it.
    """
    host = agent.host
    release = str(host.live()) if head["release"] is None else head["release"]
    seal, sealed = read_seal(host, release, head.get("seal"))
    if head.get("bytes") or head.get("signed"):
        refuse_untrusted(host, release, back=not head.get("bytes"))
    absent, changed = [], []
    right: dict[tuple[int, str], bool] = {}  # hard links of one object are read once
    needed = [
        *links_of(host, seal, head["roles"]),
        *(gone_since(host, seal) if head.get("gone") else ()),
    ]
    for path, sha256, size in needed:
        moved()
        place, status = found_at(host, path)
        if status is None:
            absent.append(path)
            continue
        same = (
            stat.S_ISREG(status.st_mode)
            and status.st_size == size
            and int(status.st_mtime) == mtime_of(sha256)
        )
        if same and head.get("bytes"):
            key = (status.st_ino, sha256)
            if key not in right:
                right[key] = sha256_of(host.path(place)) == sha256
                if not right[key]:  # so that a stat shows it, and the next `missing` names it
                    with contextlib.suppress(OSError):
                        os.utime(host.path(place), (0, 0))
            same = right[key]
        if not same:
            changed.append(path)
    folder = host.path("releases", seal["id"])
    manifest = seal["offline_manifest"]
    return {
        "missing": len(absent),
        "changed": len(changed),
        "examples": (absent + changed)[:5],
        "versions_sha256": digest_of(os.path.join(folder, "resource_versions.yml")),
        "offline_manifest_sha256": manifest
        and digest_of(os.path.join(folder, in_folder(manifest["path"]))),
        "release": seal["id"],
        **({"seal_sha256": begun_sha256(sealed).hexdigest()} if "seal" in head else {}),
    }, b""


def look_at(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return the SHA-256 of what stands behind the URLs of one path: live, versioned, content-named, gone."""
    host = agent.host
    path = checked_path(head["path"])
    version = head["version"]
    if version is not None and not re.fullmatch(VERSION, version):
        version = None  # nginx takes it for unknown, too
    return {
        "current": digest_of(host.path("current", "static", path)),
        "pool": version and digest_of(host.path(found_at(host, f"pool/{version}/{path}")[0])),
        "named": digest_of(host.path(found_at(host, f"pool/named/{path}")[0])),
        "gone": digest_of(host.path(found_at(host, f"pool/gone/{path}")[0])),
    }, b""
