"""The deltas of a release that is being sealed: the build host makes them, against what visitors may hold."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from fab_static.errors import FabStaticError
from fab_static.phases.run.bundlers import called_in
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.holders import Holder
from fab_static.plan import deltas
from fab_static.plan.deltas import Made, Pair
from fab_static.plan.release import Encoded, File, Release
from fab_static.plan.wire import answers, asks, verbs

Bring = Callable[[Deployment, Mapping[str, int], Sequence[Holder]], None]
SECONDS = 60.0  # that the deltas of one release may take


def with_deltas(deploy: Deployment, release: Release, bring: Bring) -> Release:
    """Return the release with deltas to what was live before, as `build.deltas` asks.

    Args:
        deploy: of whose build host.
        release: with its encodings.
        bring: copies objects to the build host that it lacks.
    """
    count = deploy.environment.build.deltas
    olders = _olders(deploy, count) if count else []
    if not olders:
        return release
    started = time.monotonic()
    words = {one.id: called_in(deploy, one) for one in (release, *olders)}
    wanted = deltas.pairs(release, olders, words)
    known = deltas.known(olders)
    asked = [(release.files[one.path].sha256, one.held.sha256, one.most) for one in wanted]
    rows = [(*row, known.get(row[:2])) for row in asked]
    _bring(deploy, bring, [*(one.held for one in wanted), *(one for *_, one in rows if one)])
    body = json.dumps([(*row, one and (one.sha256, one.size)) for *row, one in rows])
    head, data = deploy.build.ask(
        verbs.DELTAS, asks.Deltas(seconds=SECONDS, releases=count), body.encode()
    )
    found = {
        sha256: {held: Encoded(*one) if one else None for held, one in some.items()}
        for sha256, some in deploy.build.said("deltas", data, answers.Copies).items()
    }
    made = deltas.with_deltas(release, found)
    if wanted:
        deploy.deltas = _made(wanted, made, len(olders), started, head["left_out"])
        deploy.show.say(deltas.told(deploy.deltas))
    return made


def _bring(deploy: Deployment, bring: Bring, needed: Iterable[File | Encoded]) -> None:
    """Have the build host hold what it needs: it may be new, or have pruned that.

    These are the bytes that visitors hold, and the deltas that are made already: another zstd would make others.
    """
    objects = {one.sha256: one.size for one in needed}
    try:
        bring(deploy, objects, deploy.holders[1:])
    except FabStaticError as error:
        deploy.show.warn(f"fewer deltas are made: {error.what}")


def _olders(deploy: Deployment, count: int) -> list[Release]:
    """Return the releases that visitors may hold files of, the latest first."""
    there = {name for state in deploy.states.values() for name in state["releases"]}
    found = []
    for name in deltas.last_live(deploy.record, deploy.last_live, there, count):
        try:
            found.append(deploy.seals.read(name))
        except FabStaticError as error:  # visitors who hold it download whole files, as usual
            deploy.show.warn(f"no deltas to release {name}: {error.what}")
    return found


def _made(
    wanted: Collection[Pair], release: Release, olders: int, started: float, left_out: int
) -> Made:
    """Return what was made of the pairs that were wanted, and what that took."""
    kept = {
        one.sha256: (one.size, pair.most)
        for pair in wanted
        if (one := release.files[pair.path].deltas.get(pair.held.sha256))
    }
    return Made(
        made=len(kept),
        releases=olders,
        bytes=sum(size for size, _ in kept.values()),
        instead=sum(most for _, most in kept.values()),
        seconds=round(time.monotonic() - started, 3),
        left_out=left_out,
        at_most=SECONDS,
    )
