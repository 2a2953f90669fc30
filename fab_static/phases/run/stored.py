"""Reads and writes manifests that the build host keeps as objects."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from fab_static.errors import ManifestError
from fab_static.host.agent.protocol import RECORD
from fab_static.plan import offline_manifest, versions
from fab_static.plan.release import File
from fab_static.plan.text import decoded
from fab_static.plan.wire import asks, verbs
from fab_static.remote import RemoteHost


def text_of(build: RemoteHost, sha256: str, where: str) -> str:
    """Return the text of an object; `where` is what it is, for the operator.

    Raises:
        ManifestError: it is not text.
    """
    _, data = build.ask(verbs.READ_OBJECT, asks.Object(object=sha256))
    return decoded(data, where=where, error=ManifestError)


def blocks_in(data: bytes, where: str) -> dict[str, str]:
    """Return what the bytes of an offline manifest hold: key -> HTML."""
    text = decoded(data, where=where, error=ManifestError)
    return offline_manifest.parse(text, where=where)


def blocks_of(build: RemoteHost, sha256: str, where: str) -> dict[str, str]:
    """Return what an offline manifest holds: key -> HTML."""
    return offline_manifest.parse(text_of(build, sha256, where), where=where)


def put(build: RemoteHost, text: str) -> File:
    """Store a text as an object; return it as a file of a release."""
    data = text.encode()
    build.later(verbs.PUT_OBJECT, data)  # what needs it is asked of the same agent after it
    return File(sha256(data).hexdigest(), len(data), versions.of(data))


def bytes_of(build: RemoteHost, wanted: Mapping[str, int]) -> dict[str, bytes]:
    """Return those of the objects that the host holds.

    Args:
        build: the host.
        wanted: SHA-256 -> size.
    """
    absent = {raw.hex() for raw, _ in RECORD.iter_unpack(build.lacks(_records(wanted)))}
    there = {name: size for name, size in wanted.items() if name not in absent}
    return dict(build.objects(_records(there))) if there else {}


def _records(wanted: Mapping[str, int]) -> bytes:
    return b"".join(RECORD.pack(bytes.fromhex(name), size) for name, size in wanted.items())
