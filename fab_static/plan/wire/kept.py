"""What a host keeps for the operator, as JSON: listings of the static root, and the journal."""

from typing import Any, NotRequired, TypedDict

from fab_static.plan.wire.questions import BlockPlace

Json = dict[str, Any]  # a line of the log, or the journal, before it is judged
Kept = tuple[str, int, str]  # a file that is kept as an object: SHA-256, size, version


class Beside(TypedDict):
    """What stands beside a seal: how it was built, an in-toto statement; and the signature of both."""

    signature: NotRequired[str | None]
    statement: NotRequired[str | None]


def beside_of(found: Beside) -> Beside:
    """Return what stands beside a seal, of a note that tells of more."""
    return {
        "signature": found.get("signature"),
        "statement": found.get("statement"),
    }


class Listing(TypedDict):
    """What a build phase left: path below the static root -> its file; `extra`: files beside it."""

    files: dict[str, Kept]
    extra: dict[str, Kept | None]


class Left(TypedDict):
    """What the journal keeps of what a build phase left. Objects are named by their SHA-256."""

    listing: NotRequired[str | None]  # object: the static root's state after it
    base: NotRequired[str | None]  # object: the state that it worked on
    record: NotRequired[str | None]  # the recorded run
    unseen: NotRequired[str | None]  # why that must not be used again
    wrote_sources: NotRequired[list[str]]
    left_out: NotRequired[list[str]]  # what collectstatic did not collect, which may be meant so
    places: NotRequired[list[BlockPlace]]  # of compress blocks
    reused: NotRequired[bool]
    is_own: NotRequired[bool]  # a phase of the project's own
    wrote: NotRequired[str | None]  # object: the files that it made in the checkout


class Done(Left):
    """What the journal keeps of the success of a phase."""

    seconds: float  # that it took
    at: NotRequired[float]  # seconds since 1970
    by: NotRequired[str | None]
    release: NotRequired[str | None]  # of phases that do not build
    project_path: NotRequired[str | None]
    promoted_from: NotRequired[str | None]
    versions_file: NotRequired[str | None]
    root: NotRequired[str | None]


class Entry(Done):
    """What the journal says of the last success of a phase; `ran` grows with every run."""

    ran: int


class Request(TypedDict):
    """A request that CloudFront has accepted."""

    id: str
    reference: str
    paths: list[str]


class Asked(TypedDict):
    """What `invalidate` has asked CloudFront for."""

    live: str | None
    changed: dict[str, list[str] | None]
    reference: str
    batches: list[list[str]]
    requests: NotRequired[list[Request]]
