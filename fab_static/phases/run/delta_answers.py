"""Asks static hosts as a returning visitor does, who holds earlier bytes, and reads the deltas that come."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fab_static.errors import FabStaticError
from fab_static.phases.run.browser import Answer, Browser
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.expectations import OTHER_BYTES, Expected
from fab_static.plan.release import File
from fab_static.plan.wire import asks, verbs
from fab_static.workers import Workers

AT_ONCE = 16
MOST_ASKED = 50  # files of each host
MOST_READ = (
    4  # deltas are read back with the program zstd; the bytes come from the build host for it
)
TAKES = "dcz, gzip"


@dataclass
class Found:
    """What static hosts sent to who holds earlier bytes: answers, those that were wrong, and whole files."""

    answers: int = 0
    problems: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)


def ask_as_who_returns(
    deploy: Deployment, browser: Browser, origins: Sequence[str], wanted: Mapping[str, Expected]
) -> Found:
    """Ask each static host for files that have deltas, as a browser that holds what one was made against.

    A delta must be the recorded one. Some are read back, too, where this machine has the program zstd. A whole
    file is not a fault: the host's nginx may not know of deltas yet.
    """
    asked = [
        (base + url, want.file, held)
        for base in origins
        for url, want, held in [*_with_deltas(wanted)][:MOST_ASKED]
        if want.file
    ]
    known = _held_bytes(deploy, [held for _, _, held in asked])

    def compared(one: tuple[str, File, str]) -> tuple[str | None, bool]:
        url, file, held = one
        answer = browser.get(url, encoding=TAKES, holds=dictionary(held))
        return _wrong(answer, file, held, known.get(held)), not is_delta(answer)

    found = Found(len(asked))
    with Workers(AT_ONCE, "fab_static probe") as workers:
        for (url, _, _), (problem, is_whole) in zip(
            asked, workers.map(compared, asked), strict=True
        ):
            if problem:
                found.problems.append(f"{url} (dcz) {problem}")
            elif is_whole:
                found.whole.append(url)
    return found


def dictionary(held: str) -> str:
    """Return what a browser says that holds these bytes (RFC 9842, 2.2): their SHA-256, as a byte sequence."""
    return f":{base64.b64encode(bytes.fromhex(held)).decode()}:"


def is_delta(answer: Answer) -> bool:
    """Tell whether an answer is a delta."""
    return answer.headers.get("content-encoding", "").strip().lower() == "dcz"


def _with_deltas(wanted: Mapping[str, Expected]) -> Iterator[tuple[str, Expected, str]]:
    """Yield the URLs of files that have a delta to other bytes, and the SHA-256 of these: the smallest delta's."""
    for url, want in wanted.items():
        deltas = dict(want.file.deltas) if want.file else {}
        deltas.pop(want.file.sha256 if want.file else "", None)
        if deltas:
            yield url, want, min(deltas, key=lambda held: (deltas[held].size, held))


def _held_bytes(deploy: Deployment, helds: Sequence[str]) -> dict[str, bytes]:
    """Return what some of the deltas were made against, where they can be read here."""
    if shutil.which("zstd") is None:
        return {}
    found = {}
    for held in [*dict.fromkeys(helds)][:MOST_READ]:
        try:
            found[held] = deploy.build.ask(verbs.READ_OBJECT, asks.Object(object=held))[1]
        except (
            FabStaticError
        ) as error:  # pruned, or the host is gone: the delta's own bytes are compared
            deploy.show.warn(f"a delta is not read back: {error.what}")
    return found


def _wrong(answer: Answer, file: File, held: str, known: bytes | None) -> str | None:
    """Return what is wrong with an answer to who holds these bytes, or None if nothing is."""
    if answer.status != 200:
        return f"answered {answer.status}"
    try:
        body = _read(answer, known)
    except ValueError as error:
        return str(error)
    if is_delta(answer) and hashlib.sha256(answer.raw).hexdigest() != file.deltas[held].sha256:
        return f"answered {len(answer.raw)} {OTHER_BYTES} {file.deltas[held].size}"
    if body is not None and hashlib.sha256(body).hexdigest() != file.sha256:
        return f"answered {len(body)} {OTHER_BYTES} {file.size}"
    return None


def _read(answer: Answer, known: bytes | None) -> bytes | None:
    """Return what a browser makes of an answer, or None if that cannot be told here.

    Raises:
        ValueError: it is not encoded as its header says.
    """
    if not is_delta(answer):
        return answer.body
    if known is None:
        return None
    with tempfile.NamedTemporaryFile() as file:
        file.write(known)
        file.flush()
        command = ["zstd", "--decompress", "--stdout", "--quiet", "-D", file.name]
        ran = subprocess.run(command, input=answer.raw, capture_output=True, check=False)  # noqa: S603
    if ran.returncode:
        raise ValueError(f"its body is not a dcz: {ran.stderr.decode(errors='replace').strip()}")
    return ran.stdout
