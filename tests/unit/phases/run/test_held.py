"""What fits into memory goes to all hosts together, each its own, however much they differ."""

from __future__ import annotations

import hashlib
import random
import zlib

from fab_static.host.agent.protocol import PIECE, RECORD
from fab_static.phases.run import held
from tests.unit.site import Site, file_of

NEW, OLD = file_of(b"new").sha256, file_of(b"old").sha256


def object_of(site: Site, host: str, sha256: str) -> bytes | None:
    path = site.folder / host / "objects" / sha256[:2] / sha256
    return path.read_bytes() if path.exists() else None


def lose(site: Site, host: str, sha256: str) -> None:
    (site.folder / host / "objects" / sha256[:2] / sha256).unlink()


def test_hosts_that_lack_different_things_take_one_reading(site: Site) -> None:
    lose(site, "edge1", NEW)
    lose(site, "edge2", OLD)
    build, edge1, edge2 = (site.hosts[name] for name in ("build1", "edge1", "edge2"))
    deploy = site.deployment()
    site.asked.clear()
    held.send_held(deploy, {edge1: {NEW: 3}, edge2: {OLD: 3}}, [build], [build])
    assert (object_of(site, "edge1", NEW), object_of(site, "edge2", OLD)) == (b"new", b"old")
    assert ("build1", "missing") not in site.asked
    assert build._siblings == []


def test_a_host_gives_what_another_lacks_and_is_given_what_it_lacks_itself(site: Site) -> None:
    lose(site, "edge1", NEW)
    lose(site, "build1", OLD)
    build, edge1 = site.hosts["build1"], site.hosts["edge1"]
    held.send_held(site.deployment(), {edge1: {NEW: 3}, build: {OLD: 3}}, [build, edge1])
    assert (object_of(site, "edge1", NEW), object_of(site, "build1", OLD)) == (b"new", b"old")


def test_frames_hold_every_object_and_deflate_none_beside_what_does_not() -> None:
    noise = random.Random(1).randbytes(2 * PIECE + 7)
    bodies = [b"", b"a", b"text " * PIECE, noise]
    objects = {hashlib.sha256(body).hexdigest(): body for body in bodies}
    found, frames = {}, list(held.packed(objects))
    for kind in ("plain", "deflate"):
        data = b"".join(
            zlib.decompress(body) if kind == "deflate" else body
            for head, body in frames
            if head["pack"] == kind
        )
        while data:
            raw, size = RECORD.unpack_from(data)
            found[raw.hex()], data = data[RECORD.size :][:size], data[RECORD.size + size :]
        if kind == "plain":
            assert noise in found.values()
    assert found == objects
    assert all(head["raw"] <= PIECE for head, _ in frames)
