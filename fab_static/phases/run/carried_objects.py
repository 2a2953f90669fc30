"""The objects of the cache that travels: how they come to a build host, and how they go to the bucket.

Most are small, and each request costs, so small ones travel in packs. What a phase only copied does not travel at all:
the host has it, as the phase's record proves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING

from fab_static.errors import CdnError
from fab_static.host.agent.protocol import RECORD
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.from_hub import Signed
from fab_static.phases.run.holders import records, sources
from fab_static.plan import carried as plan
from fab_static.plan.carried import Pack
from fab_static.plan.publication import Item
from fab_static.plan.putting import batches
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wording import counted

if TYPE_CHECKING:
    from fab_static.aws.s3 import Bucket


def bucket_of(deploy: Deployment) -> Bucket:
    """Return the bucket of the inventory's `cache`."""
    from fab_static.aws.s3 import Bucket  # not above: whoever has no cache starts sooner

    place, carrying = deploy.environment.cache, deploy.carrying
    assert place  # noqa: S101 - whoever comes here has asked
    if carrying.bucket is None:
        carrying.bucket = Bucket(replace(place, prefix=f"{place.prefix}{deploy.environment.app}/"))
    return carrying.bucket


def bring(deploy: Deployment, wanted: Mapping[str, int]) -> None:
    """Have the build host keep these objects: of files that it has, else from the bucket.

    Raises:
        FabStaticError: the bucket does not have them as its builds say.
    """
    here = deploy.carrying.here
    wanted = {name: size for name, size in wanted.items() if name not in here}
    lacking = _gathered(deploy, wanted, ()) if wanted else {}
    here |= wanted.keys() - lacking.keys()
    if not lacking:
        return
    held = plan.packs_of(deploy.carrying.records)
    fetched = dict(held.get(one, (one, size)) for one, size in lacking.items())
    bucket = bucket_of(deploy)
    for batch in batches([plan.object_of(*one) for one in fetched.items()]):
        asked = Signed(bucket, batch).request({item.sha256 for item in batch})
        deploy.build.ask(verbs.FETCH_URLS, *asked)
    left = _gathered(deploy, lacking, [one for one in fetched if one not in lacking])
    if left:
        raise CdnError(
            f"packs lack {counted(len(left), 'object')} that they should hold",
            where=str(bucket.place),
            mend="nothing to do: phases run, and what they leave is sent again",
        )
    here |= lacking.keys()
    deploy.show.say(f"{counted(len(lacking), 'object')} from {bucket.place}")


def _gathered(
    deploy: Deployment, wanted: Mapping[str, int], packs: Iterable[str]
) -> dict[str, int]:
    """Have the build host keep what it has of these objects, in packs too; return the others."""
    request = asks.Gather(packs=list(packs))
    _, absent = deploy.build.ask(verbs.GATHER, request, records(wanted))
    return {raw.hex(): size for raw, size in RECORD.iter_unpack(absent)}


def send(deploy: Deployment, wanted: Mapping[str, int]) -> dict[str, Pack]:
    """Put objects of the build host into the bucket, those that its builds do not have; return the packs of all.

    Raises:
        RefusedError: they may not be written.
    """
    carrying, bucket = deploy.carrying, bucket_of(deploy)
    packs: dict[str, Pack] = {}
    there: set[str] = set()
    if carrying.may_be_whole:
        there |= plan.packs_of(carrying.records).keys()
        for build in carrying.builds or ():
            there |= plan.sent(build)
        if carrying.copies:
            there |= dict(plan.sizes_of(carrying.copies["copies"])).keys()
        packs |= {
            name: pack
            for record in carrying.records
            for name, pack in record["packs"].items()
            if not wanted.keys().isdisjoint(pack["holds"])
        }

    def sent(item: Item, data: bytes) -> str:
        if carrying.may_be_whole:
            return bucket.create(item, data)
        return bucket.put(item.key, data, headers=item.headers, sha256=item.sha256)

    left = {one: wanted[one] for one in sorted(wanted) if one not in there}
    if left:
        with _read(deploy, left) as objects:
            items = _packed(objects, packs)
            sent(*next(items))  # alone: it may be forbidden
            bucket.each(items, sent)
    deploy.show.say(f"{counted(len(left), 'object')} sent to {bucket.place}")
    return packs


def _packed(
    objects: Iterable[tuple[str, bytes]], packs: dict[str, Pack]
) -> Iterator[tuple[Item, bytes]]:
    """Yield what holds these objects, as the bucket has it; note the packs."""
    data, holds = bytearray(), list[str]()

    def closed() -> tuple[Item, bytes]:
        name, size = sha256(data).hexdigest(), len(data)
        packs[name] = {"size": size, "holds": [*holds]}
        whole = bytes(data)
        data.clear()
        holds.clear()
        return plan.object_of(name, size), whole

    for name, one in objects:
        if len(one) > plan.SMALL:
            yield plan.object_of(name, len(one)), one
            continue
        data += RECORD.pack(bytes.fromhex(name), len(one)) + one
        holds.append(name)
        if len(data) >= plan.PACK_BYTES:
            yield closed()
    if holds:
        yield closed()


@contextmanager
def _read(deploy: Deployment, wanted: Mapping[str, int]) -> Iterator[Iterator[tuple[str, bytes]]]:
    """Give objects of the build host, SHA-256 and bytes."""
    lent = sources(records(wanted), [], [deploy.build])
    try:
        yield chain.from_iterable(source.objects(part) for source, part in lent)
    finally:
        for source, _ in lent:
            source.close_agent()
