"""Agents without a channel, and what tests of several rooms ask of them."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode
# ruff: noqa: PTH101, PTH103, PTH118, PTH120

import errno
import hashlib
import json
import os
import shutil
import time
from collections import deque
from itertools import count
from pathlib import Path
from types import SimpleNamespace

from fab_static.host.agent import watchdog
from fab_static.host.agent.protocol import RECORD, picked
from fab_static.host.agent.store import Host
from fab_static.host.agent.taking import objects_of
from fab_static.host.agent.wire import function_of

A, B, C, D = (f"2026112{day}T170102Z-0000000{day}" for day in range(1, 5))


ALL = ["build", "static", "web"]


MANIFEST = "CACHE/manifest.json"


class FakeAgent:
    """An agent without a channel: what it sends is kept, what it reads was put there."""

    def __init__(self, root):
        self.host = Host(str(root), "shop", "production")
        self.children = set()
        self.sent = []
        self.frames = deque()

    def send(self, head, body=b""):
        self.sent.append((head, bytes(body)))

    def next_frame(self):
        return self.frames.popleft()

    def ask(self, do, body=b"", **params):
        return function_of(do)(self, {"do": do, **params}, body)

    def do(self, do, body=b"", **params):
        return self.ask(do, body, **params)[0]


def sha256_of(data):
    return hashlib.sha256(data).hexdigest()


def sha1_of(data):
    return hashlib.sha1(data).hexdigest()[:7]


def change_after_read(monkeypatch, number, change):
    """Have another process change something right after the read of this number."""
    read, reads = os.read, count()

    def reading(file, size):
        data = read(file, size)
        if next(reads) == number:
            change()
        return data

    monkeypatch.setattr(os, "read", reading)


def other_length(path, data):
    path.write_bytes(data + b"more")


def same_length(path, data):
    path.write_bytes(data.swapcase())


def shorter(path, data):
    path.write_bytes(data[: len(data) // 2])


def another_file(path, data):
    (path.parent / "new").write_bytes(data.swapcase())
    (path.parent / "new").replace(path)


CHANGES = [other_length, same_length, shorter, another_file]


def wrongly_named(agent):
    """Return the objects that hold other bytes than their names say, and what was left half written."""
    objects = Path(agent.host.path("objects"))
    return [
        path.name
        for path in objects.rglob("*")
        if path.is_file() and sha256_of(path.read_bytes()) != path.name
    ]


def record_of(data):
    return RECORD.pack(bytes.fromhex(sha256_of(data)), len(data))


def lacked(seal, roles, marks):
    """Return the SHA-256s of the objects that take_seal says are missing."""
    return picked(sorted(objects_of(json.loads(seal), roles)), marks) if marks else []


def seal_of(
    release,
    files,
    *,
    versioned=(),
    named=(),
    manifest=None,
    versions=b"a.js: x\n",
    encodings=None,
    deltas=None,
):
    """Return release.json's bytes for these files: path -> bytes; encodings: path -> ending -> bytes.

    deltas: path -> bytes that are held -> bytes.
    """
    held = {
        path: {"sha256": sha256_of(data), "size": len(data), "version": sha1_of(data)}
        for path, data in files.items()
    }
    for path, copies in (encodings or {}).items():
        held[path]["encodings"] = {
            ending: {"sha256": sha256_of(data), "size": len(data)}
            for ending, data in copies.items()
        }
    for path, made in (deltas or {}).items():
        held[path]["deltas"] = {
            sha256_of(old): {"sha256": sha256_of(data), "size": len(data)}
            for old, data in made.items()
        }
    seal = {
        "format": 1,
        "id": release,
        "app": "shop",
        "environment": "production",
        "revision": None,
        "created_at": "2026-11-22T17:01:02Z",
        "created_by": "anna@desk",
        "digest": "0" * 64,
        "settings": {},
        "phases": [],
        "offline_manifest": manifest and {"path": manifest, "sha256": held[manifest]["sha256"]},
        "versions": {
            "path": "resource_versions.yml",
            "sha256": sha256_of(versions),
            "size": len(versions),
        },
        "named": list(named),
        "versioned": {path: held[path]["version"] for path in versioned},
        "files": held,
    }
    return json.dumps(seal).encode()


FILES = {
    "js/a.js": b"one",
    "img/logo.png": b"logo",
    "CACHE/css/output.3f9c1a7b2d4e.css": b"body{}",
    MANIFEST: b"{}",
}


def build(
    agent, release, files=FILES, *, roles=ALL, versions=b"a.js: x\n", encodings=None, deltas=None
):
    """Store the objects of a release and make its folder, as seal and distribute do."""
    made = [*(encodings or {}).values(), *(deltas or {}).values()]
    copies = [data for one in made for data in one.values()]
    for data in (*files.values(), *copies, versions):
        agent.do("put_object", data)
    seal = seal_of(
        release,
        files,
        versioned=[path for path in files if path.endswith(".js")],
        named=[path for path in files if path.startswith("CACHE/css/")],
        manifest=MANIFEST if MANIFEST in files else None,
        versions=versions,
        encodings=encodings,
        deltas=deltas,
    )
    agent.do("build_release", seal, roles=roles)
    return seal


def record(agent):
    """Return the record's entries, without those that say that an operator confirmed."""
    return [one for one in agent.do("state")["record"] if one.get("event") != "confirm"]


def flip(agent, release, links=None, *, manifest=None, provisional=False, joins=(), **entry):
    """Flip as an operator does; confirmed at once, unless the flip is to stay provisional."""
    answer = agent.do(
        "flip",
        release=release,
        links=links or {},
        entry={"by": "anna", **entry},
        manifest=manifest,
        reload=None,
        confirm_timeout=60,
        joins=[*joins],
    )
    if not provisional:
        agent.do("confirm", release=release)
    return answer


def flip_back(agent, current, previous=None, links=None, *, reload=None):
    return agent.do(
        "flip_back",
        current=current,
        previous=previous,
        links=links or {},
        entry={"by": "anna"},
        manifest=None,
        reload=reload,
        confirm_timeout=60,
    )


def silence(monkeypatch, path):
    """Return a file that is not there: once it is, every operator has been silent for hours whenever a watchdog looks."""
    looks = count(1)

    def later():
        return time.monotonic() + (10000 * next(looks) if path.exists() else 0)

    monkeypatch.setattr(watchdog, "time", SimpleNamespace(monotonic=later, sleep=time.sleep))
    return path


def overwrite(path, data):
    """Write to a read-only file in place, as a careless person with the rights does."""
    os.chmod(path, 0o644)
    Path(path).write_bytes(data)


def everything_below(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))


EVIL = [
    "../evil",
    "a/../../evil",
    "/etc/evil",
    "a//b",
    "a/./b",
    "",
    ".",
    "..",
    "a/",
    "a\0b",
    "js/a.js/..",
]


def are_whole(agent, *releases):
    answers = [agent.do("verify", release=one, roles=ALL, bytes=True) for one in releases]
    return not any(answer["missing"] or answer["changed"] for answer in answers)


def write_tree(folder, tree):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for path, data in tree.items():
        where = os.path.join(folder, path)
        os.makedirs(os.path.dirname(where), exist_ok=True)
        Path(where).write_bytes(data)


def prune(agent, *names, roles=ALL):
    return agent.do("prune", releases=list(names), roles=roles)


def full(*_arguments, **_keywords):
    raise OSError(errno.ENOSPC, "No space left on device", "x")
