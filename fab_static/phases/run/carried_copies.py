"""Precompressed copies in the cache that travels: what another machine has made, a seal need not make again.

A copy depends on the bytes of its object alone, so the newest record of copies is good for every build. The build host
reads each one back before it believes it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from itertools import islice

from fab_static.errors import FabStaticError
from fab_static.phases.run.carried import leaving, tell
from fab_static.phases.run.carried_objects import bring, bucket_of, send
from fab_static.phases.run.deployment import Deployment
from fab_static.plan import carried as plan
from fab_static.plan.carried import Copies
from fab_static.plan.release import Encoded
from fab_static.plan.wire import verbs

FOLDER = "copies/"


def bring_copies(deploy: Deployment, wanted: Mapping[str, Iterable[str]]) -> None:
    """Have the build host take over what the cache holds of these copies: object -> endings.

    Only where the cache was asked in this run: else everything is known here. What cannot be had is made.
    """
    carrying = deploy.carrying
    if deploy.environment.cache is None or carrying.builds is None or deploy.reuse != "yes":
        return
    try:
        known = _known(deploy)["copies"]
        found = {
            sha256: copies
            for sha256, endings in wanted.items()
            if (
                copies := {
                    one: known[sha256][one] for one in endings if one in known.get(sha256, {})
                }
            )
        }
        if found:
            bring(deploy, dict(plan.sizes_of(found)))
            told = [
                (sha256, ending, *one)
                for sha256, copies in found.items()
                for ending, one in copies.items()
            ]
            deploy.build.ask(verbs.TAKE_COPIES, body=json.dumps(told).encode())
    except FabStaticError as error:
        carrying.may_be_whole = False
        tell(deploy, f"copies are made again: {error.what}")


def leave_copies(deploy: Deployment, made: Mapping[str, Mapping[str, Encoded | None]]) -> None:
    """Leave the copies of a release in the cache, where it lacks some of them."""
    carrying = deploy.carrying
    if deploy.environment.cache is None or carrying.builds is None or deploy.by_itself:
        return
    copies = {
        sha256: {ending: (one.sha256, one.size) for ending, one in found.items() if one}
        for sha256, found in made.items()
    }
    copies = {sha256: found for sha256, found in copies.items() if found}
    with leaving(deploy):
        known = _known(deploy)["copies"] if carrying.may_be_whole else {}
        if all(known.get(sha256) == found for sha256, found in copies.items()):
            return
        packs = send(deploy, dict(plan.sizes_of(copies)))
        data = plan.written({"format": plan.FORMAT, "copies": copies, "packs": packs})
        bucket_of(deploy).put(FOLDER + plan.name_of(data, time.time()), data, headers=plan.HEADERS)


def _known(deploy: Deployment) -> Copies:
    """Return the newest copies that the cache tells of; it is asked once."""
    carrying = deploy.carrying
    if carrying.copies is None:
        carrying.copies = {"format": plan.FORMAT, "copies": {}, "packs": {}}
        bucket = bucket_of(deploy)
        for key, size, _ in islice(bucket.listing(FOLDER), 1):
            there = bucket.get(key) if size <= plan.MOST_BYTES else None
            found = plan.read_copies(there[0]) if there else None
            carrying.copies = found or carrying.copies
    return carrying.copies
