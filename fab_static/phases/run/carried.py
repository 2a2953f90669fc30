"""A cache that travels: what builds left in the inventory's `cache`, for a machine on which nothing was built yet.

A build that ran a phase leaves its records there, with the objects that phases left. Another machine takes a phase's
record when all that it names has the same bytes there; then the phase is used again as if it had run there. The cache
fails no build: what cannot be read, written or believed is told once, and phases run.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, cast

from fab_static.aws.refusals import RefusedError
from fab_static.errors import FabStaticError
from fab_static.phases.run import listings
from fab_static.phases.run.carried_objects import bring, bucket_of, send
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.journal import left_by
from fab_static.phases.run.reuse import Known, command_of, what_is_known
from fab_static.phases.run.settings import beside_root, static_root_of
from fab_static.plan import carried as plan
from fab_static.plan.build_order import is_of_sources
from fab_static.plan.carried import Build, Guard, Placed, Record, Step
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wire.kept import Entry, Left
from fab_static.plan.wording import counted
from fab_static.workers import Workers

if TYPE_CHECKING:
    from fab_static.phases.run.project import ProjectOnHost
    from fab_static.plan.build_order import OwnPhase

T = TypeVar("T")

MOST_BYTES = 64 << 20  # of a build's record, as the bucket holds it


def known_elsewhere(deploy: Deployment, name: str, base: str | None) -> Known | None:
    """Return what a phase would leave, by a run on another machine that read the same, or None if nobody knows."""
    place = deploy.environment.cache
    if place is None or deploy.reuse == "no" or deploy.by_itself:
        return None
    try:
        return _known_elsewhere(deploy, name, base)
    except FabStaticError as error:
        tell(deploy, f"{name} is not taken from the cache: {error.what}")
        return None


def _known_elsewhere(deploy: Deployment, name: str, base: str | None) -> Known | None:
    builds = [build for build in _builds(deploy) if name in build["steps"]]
    before = deploy.journal.phases.get(name)
    why = ""
    while builds:
        build, why = _chosen(deploy, name, builds, base)
        if build is None:
            break
        builds.remove(build)
        entry = _entry(deploy, name, build)
        if entry is None:
            continue
        deploy.journal.phases[name] = entry
        known = what_is_known(deploy, name, base)
        if known.entry and _bring(deploy, known):
            return known
        why = known.why
        deploy.journal.phases.pop(name, None)
        if before:
            deploy.journal.phases[name] = before
    if why:
        deploy.show.say(f"not in the cache: {why}")
    return None


def _chosen(
    deploy: Deployment, name: str, builds: list[Build], base: str | None
) -> tuple[Build | None, str]:
    """Have the host take the record of one of these builds that would read the same there; or return why none."""
    if deploy.carrying.places and len(builds) > 1:  # what worked on the same need not be replayed
        builds = sorted(builds, key=lambda build: not _began_here(deploy, name, build, base))
    return _asked(deploy, name, [(build, build["steps"][name]["record"]) for build in builds])


def _asked(
    deploy: Deployment, name: str, builds: list[tuple[Build, Record]], *, keep: bool = True
) -> tuple[Build | None, str]:
    """Ask the host which of these records of a phase would read the same there; it takes that one if it may keep it."""
    candidates = [
        {"record": record, "given": build["given"], "places": build["steps"][name]["places"]}
        for build, record in builds
    ]
    project = _project(deploy)
    what, here = project.what(*_run_of(deploy, name)), project.here(_root(deploy))
    request = asks.Unpack(name=name, what=what, keep=keep, **here)
    head, _ = deploy.build.ask(verbs.UNPACK, request, json.dumps(candidates).encode())
    deploy.carrying.places = head["places"]
    if not 0 <= head["chosen"] < len(builds):
        return None, head["why"]
    return builds[head["chosen"]][0], ""


def foreseen(deploy: Deployment, names: Sequence[str], base: str | None) -> tuple[set[str], str]:
    """Return those of these phases that a build would take from the cache, and why not the next.

    Nothing is written, and no object fetched.

    Args:
        deploy: asked, not changed.
        names: phases in their order; it ends with the first that has to run.
        base: the phase whose static root the first one works on; None: it is the first that has one.
    """
    if deploy.environment.cache is None or deploy.reuse == "no":
        return set(), ""
    found, why = set[str](), ""
    try:
        _asked(deploy, names[0], [], keep=False)  # says the places of this machine
        root = os.path.relpath(_root(deploy), _project(deploy).path)
        builds = _builds(deploy)
        for name in names:
            builds = [
                build
                for build in builds
                if name in build["steps"] and _goes_on(deploy, name, build, base, found)
            ]
            read = [(build, plan.apart_from(build, name, found, root)) for build in builds]
            chosen, why = _asked(deploy, name, read, keep=False)
            if chosen is None:
                break
            builds = [chosen]  # what comes after a phase has met what it left
            found.add(name)
            base = None if is_of_sources(name, deploy.order) else name
    except FabStaticError as error:
        tell(deploy, f"the cache cannot be asked: {error.what}")
    return found, f"not in the cache: {why}" if why else ""


def _goes_on(
    deploy: Deployment, name: str, build: Build, base: str | None, taken: Collection[str]
) -> bool:
    """Tell whether a phase of a build worked on what it would work on here, once others of that build were taken."""
    if base not in taken:
        return _began_here(deploy, name, build, base)
    steps = build["steps"]
    return steps[name]["left"].get("base") == steps[str(base)]["left"]["listing"]


def _began_here(deploy: Deployment, name: str, build: Build, base: str | None) -> bool:
    """Tell whether a phase worked there on what it would work on here."""
    given = deploy.journal.phases[base]["listing"] if base else None
    then = build["steps"][name]["left"].get("base")
    if not given or not then:
        return given == then
    placed = _placed(deploy, build, then)
    return placed is not None and placed.name == given


def _placed(deploy: Deployment, build: Build, name: str) -> Placed | None:
    """Return a listing of a build with the places of this machine, or None if it has others."""
    known, key = deploy.carrying.placed, (id(build), name)
    if key not in known:
        known[key] = plan.placed(build["listings"][name], deploy.carrying.places)
    return known[key]


def _builds(deploy: Deployment) -> list[Build]:
    """Return the newest builds that the cache holds for these phases; it is asked once."""
    carrying = deploy.carrying
    if carrying.builds is None:
        carrying.builds = []  # what fails now is not tried again
        carrying.builds = newest(deploy, f"builds/{_key(deploy)}/", plan.read)
    return carrying.builds


def newest(deploy: Deployment, folder: str, read: Callable[[bytes], T | None]) -> list[T]:
    """Return the newest records in a folder of the cache, the newest first; those that are not ours are left out."""
    bucket = bucket_of(deploy)
    found = islice(bucket.listing(folder), plan.NEWEST)
    keys = [key for key, size, _ in found if size <= MOST_BYTES]
    with Workers(plan.NEWEST, "fab_static cache") as workers:
        there = [read(one[0]) for one in workers.map(bucket.get, keys) if one]
    return [one for one in there if one is not None]


def _project(deploy: Deployment) -> ProjectOnHost:
    return deploy.project(deploy.build)


def _root(deploy: Deployment) -> str:
    return static_root_of(deploy.facts(deploy.build))


def _run_of(deploy: Deployment, name: str) -> tuple[str, OwnPhase | None]:
    return command_of(deploy, name), deploy.environment.build.own.get(name)


def _key(deploy: Deployment) -> str:
    project = _project(deploy)
    return plan.key_of({name: project.what(*_run_of(deploy, name)) for name in deploy.phases})


def _entry(deploy: Deployment, name: str, build: Build) -> Entry | None:
    """Return what the journal would say of a phase had it run here; its listings are kept on the host then."""
    step = build["steps"][name]
    facts = deploy.facts(deploy.build)
    beside = beside_root(facts, deploy.bundler_manifests(deploy.build))
    guard = Guard(frozenset(beside), deploy.environment.build.own)
    left: Left = {**step["left"], "record": step["record"]["token"]}
    for key in ("base", "listing", "wrote"):
        name_there = left.get(key)
        if not isinstance(name_there, str):
            continue
        placed = _placed(deploy, build, name_there)
        wrong = (
            _judged(deploy, name, placed, guard, is_wrote=key == "wrote")
            if placed
            else "it lies in a place that is not here"
        )
        if placed is None or wrong:
            tell(deploy, f"{name} is not taken from the cache: {wrong}")
            return None
        left[key] = placed.name
    no = {"release": None, "listing": None, "base": None}
    return cast("Entry", {**no, **left, "ran": 0, "seconds": 0.0})


def _judged(
    deploy: Deployment, name: str, placed: Placed, guard: Guard, *, is_wrote: bool
) -> str | None:
    """Return why a listing must not be put back here; else None, and the build host keeps it."""
    known = deploy.carrying.listings
    if not is_wrote and placed.name in known and known[placed.name][1] == guard.extra:
        return None  # most phases work on what the one before them left
    like = next((one["files"] for one, _ in reversed(known.values())), plan.NONE)
    wrong = plan.fault(name, placed.listing, guard, is_wrote=is_wrote, like=like)
    if not wrong:
        deploy.build.later(verbs.PUT_OBJECT, placed.text)
        if not is_wrote:
            known[placed.name] = placed.listing, guard.extra
    return wrong


def _bring(deploy: Deployment, known: Known) -> bool:
    """Have the build host get what it lacks of what a phase left; tell where it cannot."""
    assert known.entry  # noqa: S101 - whoever comes here has asked
    wanted = plan.objects(
        listings.read(deploy, name) for name in (known.listing, known.entry.get("wrote")) if name
    )
    try:
        bring(deploy, wanted)
    except FabStaticError as error:
        deploy.carrying.may_be_whole = False
        tell(deploy, f"what the cache says is not what it holds, so phases run: {error.what}")
        return False
    return True


def leave(deploy: Deployment) -> None:
    """Leave in the cache what the phases of this run read and left, where one of them ran."""
    if deploy.environment.cache is None or deploy.by_itself or not deploy.carrying.has_run:
        return
    with leaving(deploy):
        _leave(deploy)


@contextmanager
def leaving(deploy: Deployment) -> Iterator[None]:
    """Write into the cache; what fails is told, once, and the build goes on."""
    try:
        yield
    except RefusedError as error:
        may_not = error.status == 403
        words = "it is read, and not written: these credentials may not" if may_not else error.what
        tell(deploy, f"the cache {deploy.environment.cache}: {words}")
    except FabStaticError as error:
        tell(deploy, f"nothing is left in the cache {deploy.environment.cache}: {error.what}")


def _leave(deploy: Deployment) -> None:
    entries = {
        name: entry
        for name in deploy.phases
        if (entry := deploy.journal.phases.get(name))
        and entry.get("record")
        and not entry.get("unseen")
    }
    kept = {
        sha256: listings.read(deploy, sha256)
        for entry in entries.values()
        for sha256 in plan.listings_of(entry)
    }
    wrote = {name: sorted(plan.wrote(entry, kept)) for name, entry in entries.items()}
    request = _project(deploy).here(_root(deploy))
    head, body = deploy.build.ask(verbs.PACK, request, json.dumps(wrote).encode())
    packed, places = json.loads(body), head["places"]
    for name, why in head["why"].items():
        deploy.show.say(f"{name} stays out of the cache: {why}")
    steps: dict[str, Step] = {
        name: {
            "left": _plain(entries[name]),
            "record": record,
            "places": {place: places[place] for place in head["named"][name]},
        }
        for name, record in packed.items()
    }
    if not steps:
        return
    build: Build = {
        "format": plan.FORMAT,
        "given": head["given"],
        "steps": steps,
        "listings": {sha256: plan.named(one, places) for sha256, one in kept.items()},
        "packs": {},
    }
    _send(deploy, build, plan.objects(kept.values()))


def _send(deploy: Deployment, build: Build, sizes: dict[str, int]) -> None:
    """Write objects first, then the record that names them."""
    build["packs"] = send(deploy, {sha256: sizes[sha256] for sha256 in plan.sent(build)})
    data = plan.written(build)
    name = f"builds/{_key(deploy)}/{plan.name_of(data, time.time())}"
    bucket_of(deploy).put(name, data, headers=plan.HEADERS)
    deploy.show.say(f"{counted(len(build['steps']), 'phase')} in the cache now")


def _plain(entry: Entry) -> Left:
    """Return what the journal keeps of what a phase left, without what is of this run alone."""
    left = left_by(entry)
    left.pop("reused", None)
    left.pop("release", None)  # type: ignore[typeddict-item]  # a journal of an earlier version has it
    return left


def tell(deploy: Deployment, text: str) -> None:
    """Tell once: a cache that cannot be had fails no build."""
    if text not in deploy.carrying.told:
        deploy.carrying.told.add(text)
        deploy.show.warn(text)
