"""What the operator asks a host's agent for: one type for each verb that takes words; verbs.py says which.

The keys are those of the request's head. A request may have a body too: the verb's function on the host says of what.
"""

from typing import Any, NotRequired, TypedDict

from fab_static.plan.wire.kept import Beside
from fab_static.plan.wire.urls import Lent


class Nothing(TypedDict):
    """The verb says it all; or the body does."""


class Learn(TypedDict):
    """The SHA-256 of an archive that the host may keep; else the body is the archive."""

    sha256: NotRequired[str]


class Note(TypedDict):
    """A line of the host's record."""

    entry: dict[str, Any]


class Adopt(TypedDict):
    """What is live, and what was; the body is the log and the journal."""

    current: str | None
    previous: str | None


class Release(TypedDict):
    """The id of a release."""

    release: str


class Object(TypedDict):
    """The SHA-256 of an object, and of one that the asker has: then the answer is the difference to it."""

    object: str
    like: NotRequired[str]


class Missing(TypedDict):
    """Whether we only look: what is missing is then not fetched from the static root."""

    look: NotRequired[bool]


class Deltas(TypedDict):
    """How long deltas may take, and to how many earlier releases; the body says of which objects."""

    seconds: float
    releases: int


class BuildRelease(Beside):
    """The roles whose part of a release is laid out; the body is the seal."""

    roles: list[str]
    anew: NotRequired[bool]  # the seal, though one is there


class TakeSeal(Beside):
    """A release by its seal's SHA-256; the body is the difference to the seal of `base`, or all of it."""

    release: str
    sha256: str
    base: str | None
    roles: list[str]
    builds: bool  # lay it out, if no object is missing
    lent: NotRequired[Lent | None]  # in place of the body
    anew: NotRequired[bool]  # the seal, though another is there


class Verify(TypedDict):
    """A release, null for the live one; `seal` is the SHA-256 that its seal must have, and null where nobody knows."""

    release: str | None
    roles: list[str]
    seal: NotRequired[str | None]
    bytes: NotRequired[bool]  # read them, and the signature; else sizes and times say enough
    signed: NotRequired[bool]  # its signature counts, or it was live when the list changed
    gone: NotRequired[bool]  # what only the release before had, too


class LookAt(TypedDict):
    """A path below the static root, and one of its versions."""

    path: str
    version: str | None


class Confirm(TypedDict):
    """The release that stays live; with what follows where the host has flipped to it."""

    release: str
    links: NotRequired[dict[str, str]]
    manifest: NotRequired[str | None]
    reload: NotRequired[str | None]
    confirm_timeout: NotRequired[float]
    entry: NotRequired[dict[str, Any]]


class Forth(TypedDict):
    """What a host goes to; plan/flip.py says what the keys mean."""

    release: str
    links: dict[str, str]
    manifest: str | None
    reload: str | None
    confirm_timeout: float
    entry: dict[str, Any]


class Lived(TypedDict):
    """A line of the record: a release that was made live elsewhere, and when, in seconds since 1970."""

    event: str
    release: str
    at: float
    joined: bool
    rolled_back: NotRequired[str]
    revision: NotRequired[str]


class Flip(Forth):
    """What a host goes to; `seal` is the SHA-256 that the release's seal must have."""

    seal: NotRequired[str | None]
    joins: NotRequired[list[Lived]]  # of a host that was away: each kept release's last line


class Back(Forth):
    """What a host goes back to, and what it had flipped to."""

    current: str | None
    previous: str | None


class Root(TypedDict):
    """A static root."""

    root: str


class Kept(TypedDict):
    """The folders that must not lie in a static root, by what they are; and those that must lie apart from it."""

    keep: dict[str, str]
    sources: dict[str, str]


class Guard(Root, Kept):
    """A static root, and the folder that the project's storage writes."""

    written: str | None


class Empty(Root, Kept):
    """A static root; with a listing it is made what that says."""

    listing: str | None


class Snapshot(TypedDict):
    """A static root, the files beside it, and the listing before, where one is known."""

    root: str
    extra: list[str]
    before: NotRequired[str | None]


class KeepWrites(TypedDict):
    """Files and folders of the checkout, relative to its folder."""

    folder: str
    paths: list[str]


class PutWritesBack(TypedDict):
    """The listing that such files and folders are made of again."""

    folder: str
    listing: str


class Restore(TypedDict):
    """The listing that a static root is made of again."""

    root: str
    listing: str


class Links(TypedDict):
    """A project's own files that are links: the file -> its place in `current`."""

    links: dict[str, str]


class Lower(Links):
    """Those of them that were lifted."""

    lifted: list[str]


class Trust(TypedDict):
    """The body is a list of allowed signers, of `size` bytes, and revoked keys; one on the list before has signed."""

    size: int
    signature: str | None


class Trusted(TypedDict):
    """Native modules that read nothing unseen, and programs whose connections do not count."""

    trust: list[str]
    redirected: NotRequired[list[str]]  # files in whose place a project is shown others


class Collect(TypedDict):
    """The static root, and the run that left what is in it; null: it is empty."""

    root: str
    onto: str | None


class Record(Trusted):
    """What a run is recorded as; host/project/reads/ takes it."""

    name: str
    what: list[str]
    inside: list[str]  # files and folders whose states the caller keeps
    builds: NotRequired[list[str]]  # those that builds make
    manage: NotRequired[list[str]]  # the words of manage.py
    main: NotRequired[str]  # in its place: the module of host/project/
    collect: NotRequired[Collect]
    begins: NotRequired[str]  # the module of host/project/ whose begin() is called first
    variables: NotRequired[dict[str, str]]


class OwnRecord(TypedDict):
    """What a shell line is recorded as; its globs are relative to the folder."""

    name: str
    what: list[str]
    folder: str
    reads: list[str]
    writes: list[str]
    inside: list[str]  # files and folders whose states the caller keeps
    builds: list[str]  # those that builds make
    trust: list[str]  # programs whose connections do not count


class Run(TypedDict):
    """A command, and what it runs in."""

    command: list[str]
    folder: str | None
    environment: dict[str, str]
    timeout: float  # seconds
    main: str | None  # the module of host/project/ that the command, a Python, runs
    record: Record | OwnRecord | None  # of what it reads
    shares_start: bool  # it may run in a fork of a process that has set the project up


class Ahead(TypedDict):
    """A compress to come, whose sheets are to be compiled before: host/project/ahead.py."""

    words: list[str]  # of its command
    trust: list[str]  # native modules and programs that the inventory vouches for
    commands: bool  # whether such precompilers are known to write nothing else; if not: confined


class SetUp(TypedDict):
    """The project's interpreter, and with what it is to be started."""

    command: list[str]
    folder: str
    environment: dict[str, str]
    timeout: float
    record: Trusted
    ahead: NotRequired[Ahead]


class Recall(TypedDict):
    """A recorded run, and what it would be given now."""

    name: str
    what: list[str]
    folder: str
    environment: dict[str, str]
    left: dict[str, list[str | None]]  # file -> the SHA-256s that it may have
    shown: dict[str, str]
    keep: bool  # note that it was used
    anew: NotRequired[Run]  # in this folder and environment, where it would read something else


class Here(TypedDict):
    """What is elsewhere on each machine, and what it gives to a run."""

    folder: str  # the checkout
    python: str
    root: str  # STATIC_ROOT
    environment: dict[str, str]


class Unpack(Here):
    """A recorded run of another machine, and what it would run here; the body has candidates."""

    name: str
    what: list[str]
    keep: bool  # else it is only looked for


class Gather(TypedDict):
    """Objects that hold others; the body says which of those are wanted."""

    packs: list[str]


class Replay(TypedDict):
    """A recorded run, and the listings of what it was given, what it left, and what it would be given now."""

    name: str
    token: str
    root: str
    was: str
    left: str | None
    now: str
    keep: bool


class Http(TypedDict):
    """A URL; with a release, its answer says which one runs. `once`: whatever it answers first."""

    url: str
    timeout: float
    once: NotRequired[bool]
    release: NotRequired[str]


class ClosedToNginx(TypedDict):
    """A file below `deploy_to`; null: the folder itself."""

    path: str | None


class Lock(TypedDict):
    """Who wants the lock, and at which phase."""

    owner: str
    phase: str
    process: NotRequired[int]
    steal: NotRequired[bool]


class Beat(TypedDict):
    """The phase that the holder is at, and what proves him, where another agent took the lock for him."""

    phase: str
    token: NotRequired[str]


class Unlock(TypedDict):
    """What proves the holder, where another agent took the lock for him."""

    token: NotRequired[str]


class Prune(TypedDict):
    """The releases that go."""

    releases: list[str]
    roles: list[str]


class Mark(TypedDict):
    """The name of a mark; it is set, or removed."""

    mark: str
    remove: NotRequired[bool]


class Marks(TypedDict):
    """The marks of all hosts."""

    marks: list[str]
