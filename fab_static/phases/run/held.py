"""Sends what fits into memory: objects are read once, whichever hosts lack them, and each host gets its own at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from fab_static.host.agent.protocol import PIECE, RECORD
from fab_static.host.agent.transfer import deflates
from fab_static.phases.run.archive import frame
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.holders import Frame, Holder, records, shares
from fab_static.plan.wire import verbs
from fab_static.remote import RemoteHost

Lacking = Mapping[RemoteHost, Mapping[str, int]]  # of each host the objects, SHA-256 -> size


def send_held(
    deploy: Deployment, lacking: Lacking, holders: Sequence[Holder], whole: Collection[Holder] = ()
) -> None:
    """Read all that these hosts lack, then send each what it lacks: two trips, however much they differ.

    A slow host keeps no other waiting. Nothing is sent before all has been read, so a host may lend what another
    lacks, and be sent what it lacks itself.

    Args:
        deploy: of which hosts.
        lacking: what each lacks.
        holders: who may hold it.
        whole: those of the holders that are known to hold it all.

    Raises:
        RemoteError: an object is nowhere, or is not the bytes that its name says; or hosts that did not take theirs.
    """
    wanted = {sha256: size for objects in lacking.values() for sha256, size in objects.items()}
    lent = shares(records(wanted), [*lacking], holders, whole=whole, lends_first=True)
    read = {sha256: data for holder, part in lent for sha256, data in holder.objects(part)}
    frames: dict[frozenset[str], list[Frame]] = {}
    for names in map(frozenset, lacking.values()):  # hosts of one role lack the same
        if names not in frames:
            frames[names] = [*packed({name: read[name] for name in sorted(names)})]

    def send(host: RemoteHost) -> None:
        own = frames[frozenset(lacking[host])]
        size = sum(RECORD.size + size for size in lacking[host].values())
        with deploy.timeline.sending(host.name, size) as sent:
            host.take(verbs.STORE, telling(own, sent))

    deploy.on([*lacking], send)


def packed(objects: Mapping[str, bytes]) -> Iterator[Frame]:
    """Yield objects, SHA-256 -> bytes, as the frames in which a host sends them.

    What deflates goes on its own: beside an image, a script would go at its full size.
    """
    for is_text in (False, True):
        pack = bytearray()
        for sha256, data in objects.items():
            if deflates(data[:PIECE]) is not is_text:
                continue
            pack += RECORD.pack(bytes.fromhex(sha256), len(data)) + data
            while len(pack) >= PIECE:
                yield frame(pack[:PIECE], deflate=is_text)
                del pack[:PIECE]
        if pack:
            yield frame(pack, deflate=is_text)


def telling(frames: Iterable[Frame], sent: Callable[[int], None]) -> Iterator[Frame]:
    """Yield frames, and tell of each, once it is sent, how much it holds."""
    for one in frames:
        yield one
        sent(one[0]["raw"])
