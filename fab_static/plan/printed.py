"""What looking tasks print with --json: one shape for each."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from fab_static.plan.bundles import Bundle


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


class Forgotten(TypedDict):
    """What CloudFront is asked to forget."""

    paths: list[str]
    price_usd: float


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


class Step(TypedDict):
    """A step of a flip."""

    do: str  # flip, publish, invalidate or confirm
    hosts: NotRequired[list[str]]
    reloads: NotRequired[bool]
    bucket: NotRequired[str]
