"""Presigned PUTs -> what the build host is sent of them: a few ways to ask, and what differs from object to object.

A way is a URL and its headers, in which `{key}`, `{signature}`, `{sha256}`, `{checksum}` and `{size}` stand for
those of one object. So 10,000 PUTs travel as 10,000 keys and signatures, and the credentials' token stands there
once for each way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fab_static.plan.publication import Item
from fab_static.plan.wire.urls import Way

SIGNATURE = "X-Amz-Signature="
# what each object has its own of, and in which words; S3's names are compared without case
OF_EACH = {
    "x-amz-checksum-sha256": "{checksum}",
    "x-amz-meta-sha256": "{sha256}",
    "content-length": "{size}",
}
MOST_OBJECTS = 2000  # in one batch
MOST_BYTES = 128 << 20  # in one batch: half a minute at 32 Mbit/s, an hour at 0.3


@dataclass(frozen=True)
class SignedPut:
    """A URL by which anybody may write one object, with exactly these headers: a secret."""

    item: Item
    base: str  # the URL up to the key
    key: str  # as it stands in a URL
    query: str
    headers: Mapping[str, str]

    @property
    def signature(self) -> bytes:
        """What proves that all of it was meant: 32 bytes."""
        return bytes.fromhex(self.query.rpartition(SIGNATURE)[2])

    @property
    def way(self) -> Way:
        """What it has in common with others."""
        start = self.query.rpartition(SIGNATURE)[0]
        return Way(
            url=f"{self.base}{{key}}?{start}{SIGNATURE}{{signature}}",
            headers={
                name: OF_EACH.get(name.lower(), value) for name, value in self.headers.items()
            },
        )


def ways(puts: Iterable[SignedPut]) -> tuple[list[Way], list[int]]:
    """Return the ways of these, each once, and which of them each goes."""
    found: list[Way] = []
    numbers: dict[tuple[str, ...], int] = {}
    goes = []
    for put in puts:
        way = put.way
        known = (way["url"], *map(": ".join, way["headers"].items()))
        if known not in numbers:
            numbers[known] = len(found)
            found.append(way)
        goes.append(numbers[known])
    return found, goes


def batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Yield the items in parts that are signed one after the other: a URL ends after its time."""
    batch: list[Item] = []
    size = 0
    for item in items:
        if batch and (len(batch) == MOST_OBJECTS or size + item.size > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield batch
