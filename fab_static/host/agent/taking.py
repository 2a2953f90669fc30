"""Takes a release in by its seal: says which objects are not here, and lays it out once none is lacking."""

from __future__ import annotations

from fab_static.host.agent.differences import patched
from fab_static.host.agent.digests import begun_sha256
from fab_static.host.agent.names import RELEASE, checked
from fab_static.host.agent.plain import parsed, read_plain
from fab_static.host.agent.protocol import RECORD, marked
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.releases import lay_out
from fab_static.host.agent.seals import deltas_of, refuse_no_seal, with_copies
from fab_static.host.agent.transfer import missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

MOST = 64 * 1024 * 1024  # bytes of a seal


def take_seal(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Take a release's seal in, and say which of its objects are not here; with `builds`, lay it out if none.

    The seal's SHA-256 stands in the head. Body: the difference to the seal of the release `base`, which is here;
    without a base, the seal itself; nothing, where the seal is here, or came before. It may be `lent`. Where none of
    that gives the right bytes, `taken` is false, and the operator sends all of it.

    Returns as body which of the objects are missing, in the order of their SHA-256s.
    """
    host = agent.host
    if host.taken is None or host.taken[0] != head["sha256"]:
        refused = {"taken": False, "built": False, "mended": False}
        if head.get("lent"):
            from fab_static.host.agent.fetching import lent  # late: not every fleet has a bucket

            try:
                body = lent(head["lent"])
            except RefusedError as error:
                return {**refused, "why": error.what}, b""
        text = _text(host, head, body)
        if text is None:
            return refused, b""
        seal = parsed("release.json", text)
        refuse_no_seal(host, seal, head["release"])
        host.taken = head["sha256"], text, seal
    _, text, seal = host.taken
    objects = sorted(objects_of(seal, head["roles"]).items())
    wanted = [(bytes.fromhex(sha256), size) for sha256, size in objects]
    _, absent = missing(agent, {}, b"".join(RECORD.pack(*one) for one in wanted))
    if absent and head["builds"] and holds_copies(head["roles"]):
        from fab_static.host.agent.unpacking import without_unpacked  # late: a web host has none

        absent = without_unpacked(host, seal, absent)
    if absent or not head["builds"]:
        gone = {*RECORD.iter_unpack(absent)}
        return {"taken": True, "built": False, "mended": False}, marked(wanted, gone)
    return {"taken": True, "built": True, "mended": lay_out(host, head, seal, text)}, b""


def holds_copies(roles: list[str]) -> bool:
    """Tell whether a host with these roles holds all files, and their precompressed copies."""
    return bool({"static", "build"} & {*roles})


def objects_of(seal: Head, roles: list[str]) -> dict[str, int]:
    """Return the objects that a host with these roles must hold, SHA-256 -> size: as plan/release.py has it."""
    files: Head = seal["files"]
    wanted = list(seal.get("manifests", {}).values())
    if seal["versions"]:
        wanted.append(seal["versions"])
    if not holds_copies(roles):
        manifests = filter(None, (seal["offline_manifest"], seal.get("staticfiles_manifest")))
        wanted += [files[one["path"]] for one in manifests if one["path"] in files]
        return {one["sha256"]: one["size"] for one in wanted}
    wanted += files.values()
    return {
        sha256: size for one in wanted for _, sha256, size in (*with_copies(one), *deltas_of(one))
    }


def _text(host: Host, head: Head, body: bytes) -> bytes | None:
    """Return the seal's text, or None if it cannot be made of what is here."""
    base = head["base"]
    if not base:
        text = body
    else:
        try:
            text = read_plain(
                host.path("releases", checked(RELEASE, base, "release"), "release.json")
            )[0]
            if body:
                text = patched(text, body, MOST)
        except (RefusedError, OSError, ValueError):
            return None
    return text if begun_sha256(text).hexdigest() == head["sha256"] else None
