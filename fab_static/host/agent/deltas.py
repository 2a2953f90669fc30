"""Deltas: the difference between a file that a browser may hold and the one that takes its place (dcz, RFC 9842)."""

from __future__ import annotations

import json
import os
import subprocess
import time

from fab_static.host.agent.claims import claim
from fab_static.host.agent.digests import begun_sha256, digest_of
from fab_static.host.agent.disk import is_program
from fab_static.host.agent.names import OBJECT, checked
from fab_static.host.agent.objects import has_object, keep_bytes
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.seals import deltas_of, seals
from fab_static.host.agent.waiting import waiting
from fab_static.host.agent.work import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

# RFC 9842, 5: a skippable frame of 32 bytes, which are the SHA-256 of what the browser holds
MAGIC = bytes.fromhex("5e2a4d1820000000")
# one thread, whatever the program's default: another number of threads makes other bytes
ZSTD = ["zstd", "--quiet", "--stdout", "--single-thread"]
LEVEL = "-19"  # the highest whose window is the 8 MB that every browser takes (RFC 9842, 5.1)
KEPT_OF_IT = (
    0.9  # of what it stands for: a delta that saves less is not worth its place on every host
)


def deltas(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make deltas between objects. Body: [[file's SHA-256, held one's SHA-256, bytes to undercut, known one]].

    Answers {SHA-256 of the file: {SHA-256 that is held: [SHA-256, size], or null where it saves too little}}.
    It works for so many `seconds` at most. `left_out`: how many pairs these did not allow, or whose
    bytes are not here. A delta that a release has, here or as the operator knows ([SHA-256, size]), is taken over,
    as copies are.
    """
    from concurrent.futures import ThreadPoolExecutor

    host = agent.host
    claim(host)
    pairs = json.loads(body.decode("utf-8"))
    refuse_no_zstd(head["releases"])
    makes = Maker(host, time.monotonic() + head["seconds"])
    with waiting(), ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        made = list(workers.map(lambda pair: makes.delta(*pair), pairs))
    found: dict[str, Head] = {}
    for (sha256, held, *_), one in zip(pairs, made):
        if one is not False:
            found.setdefault(sha256, {})[held] = one
    return {"left_out": made.count(False)}, json.dumps(found).encode()


def refuse_no_zstd(releases: int) -> None:
    """Refuse to make deltas where there is no program for it."""
    if not is_program("zstd"):
        raise RefusedError(
            f"there is no program zstd here, and build.deltas is {releases}",
            "PATH: " + os.environ.get("PATH", ""),
            "install it there (Debian: apt-get install zstd), or take deltas out of build",
            "release",
        )


class Maker:
    """Makes deltas, as long as there is time."""

    def __init__(self, host: Host, end: float) -> None:
        self._host = host
        self._end = end
        self._known = {
            (file["sha256"], held): (sha256, size)
            for seal in seals(host)
            for file in seal["files"].values()
            for held, sha256, size in deltas_of(file)
        }
        self._whole: dict[str, bool] = {}  # object -> whether its bytes are those of its name

    def delta(
        self, sha256: str, held: str, most: int, known: tuple[str, int] | None
    ) -> tuple[str, int] | bool | None:
        """Return a delta, stored, or None if it saves too little, False where it could not be made."""
        checked(OBJECT, sha256, "object")
        checked(OBJECT, held, "object")
        moved()
        there = self._known.get((sha256, held))
        if known:
            there = checked(OBJECT, known[0], "object"), int(known[1])
        if there and has_object(self._host, *there):
            return there
        if time.monotonic() >= self._end or not (self._is_whole(sha256) and self._is_whole(held)):
            return False
        try:
            data = self._made(sha256, held)
        except subprocess.TimeoutExpired:
            return False
        if len(data) > KEPT_OF_IT * most:
            return None
        if there and begun_sha256(data).hexdigest() != there[0]:
            return None  # it was lost, and another zstd made it: other hosts' pools hold that one
        return keep_bytes(self._host, data)

    def _is_whole(self, sha256: str) -> bool:
        """Tell whether an object's bytes are those of its name: a delta of others would be whole, and wrong."""
        if sha256 not in self._whole:
            self._whole[sha256] = digest_of(self._host.object(sha256)) == sha256
        return self._whole[sha256]

    def _made(self, sha256: str, held: str) -> bytes:
        """Return the delta of two objects, read back once: what it makes of the one is the other."""
        dictionary = ["-D", self._host.object(held)]
        with open(self._host.object(sha256), "rb") as file:
            data = file.read()
        # not as a file's name: zstd refuses one that is both input and dictionary. Its size helps to choose
        frame = self._ran([*ZSTD, LEVEL, f"--stream-size={len(data)}", *dictionary], data)
        back = self._ran([*ZSTD, "--decompress", *dictionary], frame)
        if begun_sha256(back).hexdigest() != sha256:
            raise RefusedError(
                f"zstd makes other bytes of its own delta of {held} to {sha256}",
                " ".join(ZSTD),
                "install another version of it, or take deltas out of build",
                "release",
            )
        return MAGIC + bytes.fromhex(held) + frame

    def _ran(self, command: list[str], given: bytes) -> bytes:
        ran = subprocess.run(  # noqa: S603 - our own words, and names of objects
            command,
            input=given,
            capture_output=True,
            check=False,
            timeout=max(0.001, self._end - time.monotonic()),
        )
        if ran.returncode:
            raise RefusedError(
                "zstd failed: " + ran.stderr.decode(errors="replace").strip(),
                " ".join(command),
                "try it by hand, or take deltas out of build",
                "release",
            )
        return ran.stdout
