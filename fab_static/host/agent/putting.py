"""Puts objects into a store such as S3, by presigned URLs: each lets these bytes be written once, and no others."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import deque

from fab_static.host.agent.bucket_line import PASSING, on_lines
from fab_static.host.agent.digests import begun_sha256
from fab_static.host.agent.protocol import PIECE, TICKET
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.work import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Tuple

    from fab_static.host.agent.bucket_line import BucketLine
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.wire import Agent

    Ticket = Tuple[int, bytes, int, Head, str, str]  # number, object, size, way, key, signature

PUTTERS = 32  # at once: hides the store's distance
PUT_ATTEMPTS = 8
MOST_REFUSED = 20  # then no further object is begun: what is refused so often is refused always
FINE = (200, 412)  # it is there now; it was there before
MOST_SAID = 4096  # bytes of a refusal
TOLD = ("date", "etag", "x-amz-bucket-region", "x-amz-request-id")  # headers of an answer


def put_urls(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Put objects, many at once. Body: of each its ticket, its key as it stands in a URL, and a line's end.

    Answers as JSON what the store said to which, by their numbers; those that it was not asked for are not there.
    """
    waiting: deque[Ticket] = deque()
    at = 0
    while at < len(body):
        raw, size, way, signature = TICKET.unpack_from(body, at)
        key = body[at + TICKET.size : body.index(b"\n", at + TICKET.size)]
        at += TICKET.size + len(key) + 1
        ticket = (len(waiting), raw, size, head["ways"][way], key.decode("ascii"), signature.hex())
        waiting.append(ticket)
    said: dict[int, Head] = {}

    refused: list[Head] = []

    def work(line: BucketLine, ticket: Ticket) -> None:
        said[ticket[0]] = answer = put(agent, line, *ticket[1:])
        if answer["status"] not in FINE:
            refused.append(answer)
            if len(refused) >= MOST_REFUSED:
                waiting.clear()

    why = None
    try:
        on_lines(PUTTERS, waiting, work)
    except RefusedError as error:
        if error.kind != "unreached":
            raise
        why = error.what
    return {"unreached": why}, json.dumps(said).encode("ascii")


def put(
    agent: Agent, line: BucketLine, raw: bytes, size: int, way: Head, key: str, signature: str
) -> Head:
    """Put one object, and return what the store said; what passes is tried again."""
    own = {
        "{sha256}": raw.hex(),
        "{checksum}": b64encode(raw).decode("ascii"),
        "{size}": str(size),
    }
    headers = {name: own.get(value, value) for name, value in way["headers"].items()}
    url = way["url"].replace("{key}", key).replace("{signature}", signature)
    path = agent.host.object(raw.hex())

    def once(is_last: bool) -> Head:
        answer = line.ask("PUT", url, headers, pieces(path, raw.hex(), size))
        words = answer.read(MOST_SAID).decode("utf-8", "replace")
        if answer.status not in FINE:
            line.close()
        if not is_last and (answer.status in PASSING or "RequestTimeout<" in words):
            raise ConnectionError  # to be asked again
        told = {name: answer.headers[name] for name in TOLD if name in answer.headers}
        return {"status": answer.status, "headers": told, "body": words}

    return line.tried(PUT_ATTEMPTS, url, once)


def pieces(path: str, sha256: str, size: int) -> Iterator[bytes]:
    """Yield an object's bytes; the last piece only once all are known to be its own: without it nothing is written."""
    digest = begun_sha256()
    held = b""
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            moved()
            digest.update(piece)
            size -= len(piece)
            if held:
                yield held
            held = piece
    if size or digest.hexdigest() != sha256:
        raise RefusedError(f"object {sha256} is damaged", path, "build again: deploy", "release")
    if held:
        yield held
