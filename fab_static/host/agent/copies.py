"""Precompressed copies of files: gzip, brotli, zstd."""

from __future__ import annotations

import json
import os
import zlib

from fab_static.host.agent.digests import begun_sha256
from fab_static.host.agent.disk import is_program
from fab_static.host.agent.names import ENDING, OBJECT, checked
from fab_static.host.agent.objects import has_object, keep_bytes
from fab_static.host.agent.protocol import PIECE
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.seals import seals
from fab_static.host.agent.waiting import waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

MOST_OF_IT = 0.95  # a copy larger than this share of its file is not kept (WhiteNoise's number)


def mismatched(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say which copies hold other bytes than their files. Body: [[ending, copy's SHA-256, file's]].

    Answers the places in that list. A copy that no program here can read counts as right.
    """
    wrong = []
    for at, (ending, copy, sha256) in enumerate(json.loads(body.decode("utf-8"))):
        path = agent.host.object(checked(OBJECT, copy, "object"))
        if not is_copy_of(path, sha256, checked(ENDING, ending, "ending")):
            wrong.append(at)
    return {"wrong": wrong}, b""


def encodings_of(host: Host) -> dict[tuple[str, str], tuple[str, int]]:
    """Return the precompressed copies that releases here have: object, ending -> object, size."""
    releases = host.releases()
    if host.known_copies is None or host.known_copies[0] != releases:  # a seal never changes
        known = {}
        for seal in seals(host):
            for file in seal["files"].values():
                for ending, one in file.get("encodings", {}).items():
                    known[file["sha256"], ending] = (
                        checked(OBJECT, one["sha256"], "object"),
                        one["size"],
                    )
        host.known_copies = releases, known
    return host.known_copies[1]


def encoded(
    host: Host, sha256: str, ending: str, known: tuple[str, int] | None
) -> tuple[str, int] | None:
    """Return an object's precompressed copy, stored, or None if it saves too little."""
    if known and has_object(host, *known):
        return known
    with open(host.object(sha256), "rb") as file:
        data = file.read()
    if begun_sha256(data).hexdigest() != sha256:  # else its copy would be whole, and wrong
        raise RefusedError(
            f"object {sha256} is damaged", host.object(sha256), "build again: deploy", "release"
        )
    copy = ENCODERS[ending](data)
    if len(copy) > MOST_OF_IT * len(data):
        return None
    if known and begun_sha256(copy).hexdigest() != known[0]:
        return None  # it was lost, and another zlib made it: other hosts' pools hold that one
    return keep_bytes(host, copy)


def gzipped(data: bytes) -> bytes:
    """Return the data as gzip: always the same, since zlib's own header has neither name nor time."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush()


def refuse_no_program(encoding: str) -> None:
    """Refuse an encoding whose program is not here."""
    program = PROGRAMS[encoding][0]
    if not is_program(program):
        raise RefusedError(
            f"there is no program {program} here, and build.precompress has {encoding}",
            "PATH: " + os.environ.get("PATH", ""),
            f"install it there (Debian: apt-get install {program}), or take {encoding} out of build.precompress",
            "release",
        )


def brotlied(data: bytes) -> bytes:
    """Return the data as brotli, made by the program of that name."""
    return ran("br", data)


def zstandard(data: bytes) -> bytes:
    """Return the data as zstd: level 19 keeps to the window of 8 MB that browsers take (RFC 9659)."""
    return ran("zstd", data)


def ran(encoding: str, data: bytes) -> bytes:
    """Return what the program of an encoding makes of data."""
    import subprocess

    command = PROGRAMS[encoding]
    with waiting():
        done = subprocess.run(command, input=data, capture_output=True, check=False)  # noqa: S603
    if done.returncode:
        raise RefusedError(
            f"{command[0]} failed: " + done.stderr.decode(errors="replace").strip(),
            " ".join(command),
            f"try it by hand, or take {encoding} out of build.precompress",
            "release",
        )
    return done.stdout


def sha256_in_gzip(path: str) -> str | None:
    """Return the SHA-256 of what a gzip file holds, or None if it is not one."""
    import gzip

    content = begun_sha256()
    try:
        with gzip.open(path) as file:
            for piece in iter(lambda: file.read(PIECE), b""):
                content.update(piece)
    except (OSError, EOFError, zlib.error):
        return None
    return content.hexdigest()


def sha256_printed(command: list[str]) -> str | None:
    """Return the SHA-256 of what a command prints, or None if it fails."""
    import subprocess

    content = begun_sha256()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        printed = process.stdout
        assert printed is not None  # noqa: S101 - a pipe was asked for
        for piece in iter(lambda: printed.read(PIECE), b""):
            content.update(piece)
    return None if process.returncode else content.hexdigest()


def is_copy_of(copy: str, sha256: str, ending: str) -> bool:
    """Tell whether a compressed file holds these bytes; True where no program here can tell."""
    if ending == "gz":
        return sha256_in_gzip(copy) == sha256
    program = DECODERS[ending]
    return not is_program(program[0]) or sha256_printed([*program, copy]) == sha256


def reads_back(host: Host, copy: str, sha256: str, ending: str) -> bool:
    """Tell whether an object is worth keeping as a copy of another, and holds the bytes of that and no more.

    No more is read of it than that has bytes: it may be a bomb. False where no program here can tell.
    """
    import subprocess

    path = host.object(copy)
    try:
        size = os.stat(host.object(sha256)).st_size
        with open(path, "rb") as file:
            packed = file.read()
        if ending == "gz":
            inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
            data = inflate.decompress(packed, size + 1)
            is_whole = inflate.eof and not inflate.unused_data
        else:
            command = [*DECODERS[ending], path]
            pipe, null = subprocess.PIPE, subprocess.DEVNULL
            with subprocess.Popen(command, stdout=pipe, stderr=null) as ran:  # noqa: S603
                assert ran.stdout is not None  # noqa: S101 - a pipe was asked for
                data = ran.stdout.read(size + 1)
                if len(data) > size:
                    ran.kill()
            is_whole = not ran.returncode
    except (OSError, zlib.error):
        return False
    is_worth = len(packed) <= MOST_OF_IT * size
    return is_whole and is_worth and begun_sha256(data).hexdigest() == sha256


ENCODERS = {"gz": gzipped, "br": brotlied, "zst": zstandard}
NAMES = {"gz": "gzip", "br": "br", "zst": "zstd"}  # in build.precompress
PROGRAMS = {
    "br": ["brotli", "--stdout", "--quality=11", "-"],
    "zstd": ["zstd", "--quiet", "--stdout", "--single-thread", "-19"],
}
DECODERS = {
    "br": ["brotli", "--decompress", "--stdout"],
    "zst": ["zstd", "--decompress", "--stdout", "--quiet"],
}
