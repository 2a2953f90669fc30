"""What ran, how long it took, what is stale: journal.json on the build host."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, Unpack, cast

from fab_static.plan import build_order
from fab_static.plan.cdn.queries import Queries, united
from fab_static.plan.ids import is_id
from fab_static.plan.wire import verbs
from fab_static.plan.wire.kept import Asked, Done, Entry, Left, Listing
from fab_static.plan.wire.shapes import misshapen
from fab_static.remote import RemoteHost

if TYPE_CHECKING:
    from fab_static.plan.flip import Forgetting

FORMAT = 1
_OBJECT = re.compile(r"[0-9a-f]{64}")


class _Sealed(TypedDict):
    by: str
    project_path: str | None
    versions_file: str | None  # the name of the project's file; None: it has none, or nobody knows
    promoted_from: NotRequired[str]


@dataclass
class Journal:
    """The journal of one environment.

    `phases` maps a phase to its last success. `release` is the one sealed last.
    `to_invalidate` are paths below the static root that the CDN may still hold with old bytes, and under
    which queries. `if_undone` are those that it may hold should a flip which is not confirmed go back.
    `by_tag` tells that all of them were given out with cache tags. `static_root` is the folder that a build
    has begun to fill, noted before it empties it: what an interrupted build left there is known as a build's.
    `is_whole` tells that it is as a phase left it, and that no other has begun to write it since.
    `beside` maps the name of a listing to the files beside the static root, and the object of each: what the first
    phase is asked with, so that no listing is read for it.
    `listings` are the last ones that were read, by the names of their objects; see listings.py.
    """

    host: RemoteHost
    phases: dict[str, Entry] = field(default_factory=dict)
    release: str | None = None
    to_invalidate: dict[str, Queries] = field(default_factory=dict)
    if_undone: dict[str, Queries] = field(default_factory=dict)
    by_tag: bool = False
    invalidation: Asked | None = None
    static_root: str | None = None
    is_whole: bool = False
    beside: dict[str, dict[str, str | None]] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)

    @classmethod
    def read(
        cls, host: RemoteHost, data: Mapping[str, Any] | None, *, is_ours: bool = True
    ) -> tuple[Journal, str | None]:
        """Return the journal that the host's state holds, and in words what of it was passed over.

        It is empty where there is none, or a strange one. Of one that another account may have written the
        phases are passed over: they say where the checkout is, and what need not be built.
        """
        data = data or {}
        phases, release = data.get("phases", {}), data.get("release")
        invalidation, static_root = data.get("invalidation"), data.get("static_root")
        beside = data.get("beside", {})
        is_sound = (
            isinstance(phases, dict)
            and all(_is_entry(name, entry) for name, entry in phases.items())
            and (release is None or is_id(release))
            and all(_are_queries(data.get(key, {})) for key in ("to_invalidate", "if_undone"))
            and (invalidation is None or misshapen(Asked, invalidation) is None)
            and (static_root is None or isinstance(static_root, str))
            and misshapen(dict[str, dict[str, str | None]], beside) is None
        )
        if not is_sound:
            return cls(host), "journal.json does not hold what we write; it is passed over"
        return cls(
            host,
            phases={name: _with_all_asked_for(entry) for name, entry in phases.items()}
            if is_ours
            else {},
            release=release,
            to_invalidate=_queries(data.get("to_invalidate", {})),
            if_undone=_queries(data.get("if_undone", {})),
            by_tag=data.get("by_tag") is True,
            invalidation=invalidation,
            static_root=static_root if is_ours else None,
            is_whole=data.get("is_whole") is True,
            beside=beside if is_ours else {},
        ), None

    def save(self, *, waits: bool = True) -> None:
        """Write the journal on its host; without waiting for that, the next request there hears how it went."""
        left = {entry.get("listing") for entry in self.phases.values()}
        data = {
            "format": FORMAT,
            "phases": self.phases,
            "release": self.release,
            "to_invalidate": listed(self.to_invalidate),
            "if_undone": listed(self.if_undone),
            "by_tag": self.by_tag,
            "invalidation": self.invalidation,
            "static_root": self.static_root,
            "is_whole": self.is_whole,
            "beside": {name: files for name, files in self.beside.items() if name in left},
        }
        # not indented: json's encoder in C writes one line alone, in a tenth of the time
        body = json.dumps(data).encode()
        if waits:
            self.host.ask(verbs.WRITE_JOURNAL, body=body)
        else:
            self.host.later(verbs.WRITE_JOURNAL, body)

    def fills(self, root: str, *, writes: bool) -> None:
        """Note that a build will empty and fill this folder, which was empty or a build's.

        Where a phase `writes` there now, what it leaves is a build's even if it is interrupted.
        """
        is_new, ends_whole = self.static_root != root, writes and self.is_whole
        self.static_root, self.is_whole = root, self.is_whole and not writes
        if is_new or ends_whole:
            self.save(waits=is_new)

    @property
    def left(self) -> str | None:
        """The listing of what the last phase left in the static root."""
        left = [entry for entry in self.phases.values() if entry["listing"]]
        return max(left, key=lambda entry: entry["ran"])["listing"] if left else None

    def note_flip(self, forgetting: Forgetting) -> None:
        """Note what caches must forget should the flip that begins now stay, and should it be undone."""
        self.undone()  # of an operator who died: what his flip had added may be in a cache
        self.by_tag = (self.by_tag or not self.to_invalidate) and forgetting.by_tag
        self.to_invalidate = united(self.to_invalidate, forgetting.if_it_stays)
        self.if_undone = dict(forgetting.if_undone)
        self.invalidation = None  # one of an earlier flip has not forgotten what comes now
        self.save()

    def undone(self) -> None:
        """Note that the flip which was not confirmed has gone back, or may have."""
        self.to_invalidate = united(self.to_invalidate, self.if_undone)
        self.if_undone = {}

    def done(self, phase: str, **facts: Unpack[Done]) -> None:
        """Note that a phase has succeeded."""
        count = 1 + max((entry["ran"] for entry in self.phases.values()), default=0)
        self.phases[phase] = {"ran": count, **facts}
        self.save(waits=False)

    def sealed(self, release: str, started: float, **facts: Unpack[_Sealed]) -> None:
        """Note that a release is the one at hand; its seal `started` then, by time.monotonic()."""
        self.release = release
        seconds = round(time.monotonic() - started, 3)
        self.done("seal", release=release, at=time.time(), seconds=seconds, **facts)

    def forget(self, listings: Collection[str], *, saves: bool) -> None:
        """Drop the phases that left one of these listings; who only looks saves nothing."""
        self.phases = {
            name: entry
            for name, entry in self.phases.items()
            if entry.get("listing") not in listings and entry.get("wrote") not in listings
        }
        if saves:
            self.save()

    @property
    def ran(self) -> dict[str, int]:
        """Phase -> when it ran, as a number that grows."""
        return {name: entry["ran"] for name, entry in self.phases.items()}

    @property
    def promoted_from(self) -> str | None:
        """The environment that sealed the release at hand, or None if it was built here.

        A build phase that ran since has begun a release of this environment's own.
        """
        seal = self.phases.get("seal")
        built = [
            self.ran[name]
            for name, entry in self.phases.items()
            if name in build_order.BUILD_PHASES or entry.get("is_own")
        ]
        if seal is None or any(ran > seal["ran"] for ran in built):
            return None
        return seal.get("promoted_from")

    def stale(self, configured: Sequence[str], order: Sequence[str]) -> tuple[str, ...]:
        """Return the build phases that must run before a release can be sealed, in order."""
        return build_order.stale(self.ran, configured, order)

    def after_seal(self, configured: Sequence[str]) -> tuple[str, ...]:
        """Return the build phases that ran since the release at hand was sealed: what they made is not in it."""
        ran = self.ran
        last = ran.get("seal")
        return tuple(name for name in configured if last is not None and ran.get(name, 0) > last)

    def base_of(self, phase: str, configured: Sequence[str], order: Sequence[str]) -> str | None:
        """Return the phase whose static root this one works on: the last before it that is not stale.

        None where even the first never ran, and for the first. What a bundler that never ran here would have
        made may be there without it, made by hand: the phases after it work on what there is.
        """
        known = [
            one
            for one in configured
            if one in self.ran or not build_order.is_of_sources(one, order)
        ]
        stale = self.stale(known, order)
        before = build_order.before(phase, configured, order)
        fresh = [name for name in before if name not in stale]
        return fresh[-1] if fresh else None

    def is_sealed(self, configured: Sequence[str], order: Sequence[str]) -> bool:
        """Tell whether the release sealed last is of the last build."""
        if self.release is None or "seal" not in self.phases:
            return False
        if self.promoted_from:
            return True
        return not self.stale(configured, order) and all(
            self.ran[name] < self.ran["seal"] for name in configured
        )


def listed(queries: Mapping[str, Queries]) -> dict[str, list[str] | None]:
    """Return queries by path as JSON has them: null is any."""
    return {path: None if some is None else sorted(some) for path, some in queries.items()}


def _with_all_asked_for(entry: Entry) -> Entry:
    """Return an entry with each key that its readers ask for."""
    return {"listing": None, "base": None, "release": None, **entry}


OF_A_RUN = ("ran", "at", "seconds", "by")  # what an entry says of the run, not of what it left


def left_by(entry: Entry) -> Left:
    """Return what an entry keeps of what the phase left."""
    return cast("Left", {key: value for key, value in entry.items() if key not in OF_A_RUN})


def _is_entry(name: str, entry: Any) -> bool:
    """Tell whether this is what the journal says of a phase."""
    if misshapen(Entry, entry) is not None:
        return False
    kept = (entry.get(key) for key in ("listing", "base", "wrote"))
    objects = [one for one in kept if one is not None]
    may_lack = name not in build_order.BUILD_PHASES or name == build_order.WRITES_SOURCES.name
    is_whole = may_lack or bool(entry.get("listing"))
    return is_whole and all(_OBJECT.fullmatch(object) for object in objects)


def _are_queries(data: Any) -> bool:
    return isinstance(data, dict) and all(
        some is None or (isinstance(some, list) and all(isinstance(one, str) for one in some))
        for some in data.values()
    )


def _queries(data: Mapping[str, list[str] | None]) -> dict[str, Queries]:
    return {
        path: None if some is None else frozenset(some)
        for path, some in data.items()
        if some != []  # no query is not a URL, and nothing to forget
    }
