"""What a host's agent answers: one shape for each verb, and whether an answer has it.

A host is believed about nothing but itself: what it sends is checked here before anybody reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    NotRequired,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

LAST_MOMENT = 253_402_300_799  # the end of the year 9999, in seconds since 1970
MOST = 2**63  # no count, and no size, is larger
MiB = 1024 * 1024

Moment = Annotated[float, "seconds since 1970"]


class Nothing(TypedDict):
    """It was done."""


class Hello(TypedDict):
    """The first frame of an agent, which nobody asked for."""

    agent: int
    python: str
    user: str
    machine: str


class Provisional(TypedDict):
    """A flip that nobody has confirmed, and what was live before it."""

    release: str
    current: str | None
    previous: str | None
    back: bool


class State(TypedDict):
    """What is live on a host, and what its files say.

    Record and journal are judged line by line, so that one strange line stops nobody: by plan/record.py and
    phases/run/journal.py, before anybody else reads them.
    """

    current: str | None
    previous: str | None
    releases: list[str]
    provisional: Provisional | None
    unsettled: bool
    record: list[dict[str, Any]]
    journal: dict[str, Any] | None
    journal_is_ours: bool
    odd: list[str]
    now: Moment


class Summary(TypedDict):
    """A few words on a release."""

    id: str
    revision: str | None
    created_at: str
    created_by: str
    environment: str
    digest: str
    files: int
    bytes: int


class Summaries(TypedDict):
    """A few words on each release."""

    releases: list[Summary]
    odd: list[str]


class Built(TypedDict):
    """Whether a seal that was here was mended."""

    mended: bool


class Stored(TypedDict):
    """The name of an object."""

    object: str
    size: int


class Count(TypedDict):
    """How many objects came."""

    stored: int


class Verified(TypedDict):
    """How a release's files compare with its seal."""

    missing: int
    changed: int
    examples: list[str]
    versions_sha256: str | None
    offline_manifest_sha256: str | None
    seal_sha256: NotRequired[str]


class Behind(TypedDict):
    """The SHA-256 of what stands behind the URLs of one path."""

    current: str | None
    pool: str | None
    named: str | None


class Flipped(TypedDict):
    """What was live before a flip."""

    before: str | None


class Confirmed(TypedDict):
    """Whether a flip is final."""

    confirmed: bool


class Mismatched(TypedDict):
    """Places in the list that was sent."""

    wrong: list[int]


class Snapshot(TypedDict):
    """The name of a listing, and the states of the files beside the static root."""

    listing: str
    read: int
    extra: dict[str, list[Any] | None]


class Changed(TypedDict):
    """How many files were changed."""

    changed: int


class Lifted(TypedDict):
    """Links that are files now."""

    lifted: list[str]


class Ran(TypedDict):
    """How a command ended."""

    code: int
    timed_out: NotRequired[bool]
    cannot_start: NotRequired[str]
    token: NotRequired[str]
    unseen: NotRequired[list[str]]


class Recalled(TypedDict):
    """The recorded run that would read the same now; or why there is none."""

    token: NotRequired[str]
    why: NotRequired[str]


class Part(TypedDict):
    """What a phase asked a versions file for, and the object that the file is now."""

    asked: dict[str, Any]
    object: str | None


class Replayed(TypedDict):
    """What a phase would leave; or why nobody knows."""

    listing: NotRequired[str]
    parts: NotRequired[dict[str, Part]]
    why: NotRequired[str]


class Answered(TypedDict):
    """What a URL answered."""

    answer: str


class Holder(TypedDict):
    """Who holds the lock."""

    owner: str
    since: Moment
    phase: str
    process: NotRequired[int | None]
    silent_seconds: float
    abandoned: bool
    dead: bool


class LookedAtLock(TypedDict):
    """Who holds the lock now."""

    holder: Holder | None
    now: Moment


class Locked(TypedDict):
    """Whether the lock was taken; from whom, or who holds it."""

    taken: bool
    holder: NotRequired[Holder]
    took_over: NotRequired[Holder | None]
    now: NotRequired[Moment]


class Beat(TypedDict):
    """Whether the lock is ours still."""

    ours: bool
    holder: Holder | None


class Unlocked(TypedDict):
    """Whether the lock was ours."""

    ours: bool


class Pruned(TypedDict):
    """What is gone."""

    removed: list[str]
    freed: int
    odd: NotRequired[list[str]]


class Facts(TypedDict):
    """What the doctor wants to know of a host."""

    free_bytes: int
    free_inodes: int
    writable: bool
    exists: bool
    inodes: list[int] | None
    unwritable: list[str]
    elsewhere: list[str]
    exposed: list[str]
    linked: NotRequired[list[str]]
    is_a_groups: bool
    open_path: NotRequired[list[str]]
    now: Moment


class Guarded(TypedDict):
    """The real path of a static root that a build may empty."""

    root: str
    is_empty: bool
    is_written: bool


class ClosedToNginx(TypedDict):
    """The folder that nginx's user may not enter, and who that is."""

    folder: str | None
    user: str
    known_by: str


class NotOurs(TypedDict):
    """The first of the files that no build of ours has left, and how many there are."""

    others: list[str]
    count: int


class Marked(TypedDict):
    """Which hosts' marks are seen here."""

    marked: list[str]


class Refusal(TypedDict):
    """Why the project cannot answer."""

    what: str
    where: str
    mend: str


class ProjectSaid(TypedDict):
    """What the project's own interpreter answers to host/project; the rest is the question's."""

    ok: NotRequired[bool]
    error: NotRequired[Refusal]


# of `encode`: object -> ending of a copy -> the copy's object and size; null where it saves too little
Copies = dict[str, dict[str, list[Any] | None]]

ANSWERS: Mapping[str, Any] = {
    "guard": Guarded,
    "closed_to_nginx": ClosedToNginx,
    "not_ours": NotOurs,
    "mark": Nothing,
    "is_marked": Marked,
    "hello": Hello,
    "open": Nothing,
    "ping": Nothing,
    "state": State,
    "note": Nothing,
    "read_release": Nothing,
    "summaries": Summaries,
    "read_object": Nothing,
    "put_object": Stored,
    "missing": Nothing,
    "fetch": Nothing,
    "store": Count,
    "fetch_urls": Count,
    "build_release": Built,
    "verify": Verified,
    "look_at": Behind,
    "flip": Flipped,
    "confirm": Confirmed,
    "doubt": Nothing,
    "flip_back": Nothing,
    "encode": Nothing,
    "mismatched": Mismatched,
    "empty": Nothing,
    "snapshot": Snapshot,
    "restore": Changed,
    "to_lift": Lifted,
    "lift": Lifted,
    "lower": Nothing,
    "run": Ran,
    "learn": Nothing,
    "set_up": Nothing,
    "recall": Recalled,
    "replay": Replayed,
    "http": Answered,
    "look_at_lock": LookedAtLock,
    "lock": Locked,
    "beat": Beat,
    "unlock": Unlocked,
    "write_journal": Nothing,
    "prune": Pruned,
    "facts": Facts,
}
# the bytes that an answer's body may have; those of the other verbs have none
BODIES: Mapping[str, int] = {
    "read_release": 64 * MiB,  # of 200,000 files it is 50
    "read_object": 256 * MiB,  # a source map, say; the agent takes no larger frame either
    "encode": 64 * MiB,
    "recall": 64 * MiB,
}


def problem(verb: str, answer: Any) -> str | None:
    """Return what is wrong with an answer to a verb; None where nothing is.

    Keys that the shape does not name are let through: a later version may say more.
    """
    return misshapen(ANSWERS.get(verb, Nothing), answer)


def misshapen(shape: Any, value: Any) -> str | None:
    """Return what is wrong with a value that should have a shape; None where nothing is."""
    return _problem(shape, value, "")


def body_limit(verb: str, asked: int) -> int:
    """Return how many bytes the body of an answer may have; `asked` is the size of the request's."""
    return asked if verb == "missing" else BODIES.get(verb, 0)


def _problem(shape: Any, value: Any, at: str) -> str | None:
    if shape is Any:
        return None
    if is_typeddict(shape):
        return _problem_of_keys(shape, value, at)
    origin, parts = get_origin(shape), get_args(shape)
    if origin is Annotated:
        return _problem(parts[0], value, at) or _problem_of_moment(value, at)
    if origin in (Union, UnionType):
        found = [_problem(part, value, at) for part in parts if part is not NoneType]
        return None if value is None or None in found else found[0]
    if origin is list:
        if not isinstance(value, list):
            return _is_not(at, value, "a list")
        items = ((f"{at}[{place}]", item) for place, item in enumerate(value))
        return _first(parts[0], items)
    if origin is dict:
        if not isinstance(value, dict):
            return _is_not(at, value, "an object")
        return _first(parts[1], ((f"{at}.{key[:80]}", item) for key, item in value.items()))
    return _problem_of_plain(shape, value, at)


def _first(shape: Any, items: Any) -> str | None:
    return next((wrong for at, item in items if (wrong := _problem(shape, item, at))), None)


def _problem_of_keys(shape: Any, value: Any, at: str) -> str | None:
    if not isinstance(value, dict):
        return _is_not(at, value, "an object")
    for key, kind, is_optional in _keys_of(shape):
        place = f"{at}.{key}" if at else key
        if key not in value:
            if not is_optional:
                return f"{place} is missing"
        elif wrong := _problem(kind, value[key], place):
            return wrong
    return None


@cache  # a thousand hosts answer
def _keys_of(shape: Any) -> list[tuple[str, Any, bool]]:
    """Return the keys of a shape: name, shape of the value, and whether it may be missing."""
    found = []
    for key, kind in get_type_hints(shape, include_extras=True).items():
        is_marked = get_origin(kind) is NotRequired
        found.append(
            (key, get_args(kind)[0] if is_marked else kind, is_marked or not shape.__total__)
        )
    return found


def _problem_of_plain(shape: Any, value: Any, at: str) -> str | None:
    word = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}[shape]
    is_right = type(value) is shape or (shape is float and type(value) is int)
    if not is_right or (shape in (int, float) and not -MOST < value < MOST):
        return _is_not(at, value, word)
    return None


def _problem_of_moment(value: float, at: str) -> str | None:
    return None if 0 <= value <= LAST_MOMENT else _is_not(at, value, "a moment of our age")


def _is_not(at: str, value: Any, word: str) -> str:
    kinds = {bool: "true or false", str: "text", list: "a list", dict: "an object"}
    if isinstance(value, float) and not math.isfinite(value):
        shown = str(value)
    elif type(value) in (int, float):
        shown = str(value) if -MOST < value < MOST else "a number of many digits"
    else:
        shown = "null" if value is None else kinds[type(value)]
    return f"{at or 'it'} is {shown}, not {word}"
