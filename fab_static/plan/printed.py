"""What looking tasks print with --json, and what hooks are told of pages: one shape for each."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from fab_static.plan.bundles import Bundle
from fab_static.plan.downloads import Downloads


class Finding(TypedDict):
    """What a doctor has found; `mend` is null where all is well."""

    where: str  # a host, or a part
    subject: str
    ok: bool
    what: str  # one sentence
    mend: str | None
    advice: NotRequired[bool]  # a deploy will do well without it
    details: NotRequired[object]  # of a template, as host/project/lint gives them


class ReleaseLine(TypedDict):
    """A release that any host holds."""

    id: str
    state: str  # live, previous, kept, staged or bad
    revision: str | None
    created_at: str
    created_by: str
    sealed_in: str  # the environment
    files: int
    bytes: int


class Joined(TypedDict):
    """What a host was given that was away, or is new."""

    host: str
    was: str | None  # live there before
    live: str
    previous: str | None
    releases: list[str]  # all that are kept, the live one at the end


class Forgotten(TypedDict):
    """What CloudFront is asked to forget."""

    paths: list[str]
    price_usd: float


class MadeOf(TypedDict):
    """A compress block, the URLs that it names, and the files that LESS and SCSS among them import."""

    template: str
    block: int
    line: int | None
    language: str | None
    sources: list[str]
    imports: list[str]


class Outcome(TypedDict):
    """What a run left on a host: seconds in which it was at work, bytes sent to it."""

    host: str
    roles: list[str]
    live: str | None
    seconds: float
    sent: int
    is_left_out: bool


class Difference(TypedDict):
    """What differs between two releases, for visitors and for caches."""

    old: str | None
    new: str
    added: list[str]
    changed: list[str]
    removed: list[str]
    unversioned: list[str]
    urls: list[dict[str, str | None]]
    bundles: list[Bundle]
    invalidation: Forgotten
    has_cdn: NotRequired[bool]  # whether anybody is asked to forget
    downloads: Downloads


class Step(TypedDict):
    """A step of a flip."""

    do: str  # flip, publish, invalidate or confirm
    hosts: NotRequired[list[str]]
    reloads: NotRequired[bool]
    checks: NotRequired[bool]
    bucket: NotRequired[str]


class Asset(TypedDict):
    """A file that a page names; `sent` is its size as it goes over the wire."""

    path: str
    bytes: int
    sent: int


class Weight(TypedDict):
    """What a first visit to a page downloads from the static root."""

    requests: int
    bytes: int
    sent: int


class Page(Weight):
    """A probed page, now and in the release before."""

    page: str  # its URL
    before: Weight | None
    assets: list[Asset]


class Unasked(TypedDict):
    """A host that did not answer."""

    host: str
    error: str


class Held(TypedDict):
    """The SHA-256 of what a static host has behind each URL of a path; see looking/why."""

    host: str
    current: str | None
    pool: str | None
    named: str | None
    gone: str | None
    as_sealed: bool


# a compress block that asks for a key, and the lines that compare it with the nearest one built
AskedBy = TypedDict(
    "AskedBy",
    {
        "host": str,
        "template": str,
        "in": str,
        "block": int,
        "line": int | None,
        "context": int,
        "language": str | None,
        "text": str,
        "nearest": list[str],
    },
)
