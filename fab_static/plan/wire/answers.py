"""What a host's agent answers: one shape for each verb; verbs.py says which."""

from typing import Any, NotRequired, TypedDict

from fab_static.plan.wire.kept import Kept
from fab_static.plan.wire.shapes import Moment


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


class Signers(TypedDict):
    """The SHA-256 of the lists of signers and revoked keys that a host keeps, and why it cannot check signatures."""

    sha256: str | None
    unable: str | None


class Built(TypedDict):
    """Whether a seal that was here was mended."""

    mended: bool


class Taken(TypedDict):
    """Whether a seal could be made of what came, and the release was laid out.

    The body says which objects are missing. `why` tells why what was lent could not be had.
    """

    taken: bool
    built: bool
    mended: bool
    why: NotRequired[str]


class Stored(TypedDict):
    """The name of an object."""

    object: str
    size: int


class Count(TypedDict):
    """How many objects came."""

    stored: int


class Unreached(TypedDict):
    """Why a store could not be reached, and so not all was put; the body says what it answered to each object."""

    unreached: str | None


class StoreAnswer(TypedDict):
    """What a store answered to one object."""

    status: int
    headers: dict[str, str]
    body: str


class Verified(TypedDict):
    """How a release's files compare with its seal."""

    missing: int
    changed: int
    examples: list[str]
    versions_sha256: str | None
    offline_manifest_sha256: str | None
    release: NotRequired[str]
    seal_sha256: NotRequired[str]


class Behind(TypedDict):
    """The SHA-256 of what stands behind the URLs of one path."""

    current: str | None
    pool: str | None
    named: str | None
    gone: str | None


class Flipped(TypedDict):
    """What was live before a flip."""

    before: str | None


class Confirmed(TypedDict):
    """Whether a flip is final."""

    confirmed: bool


class Deltas(TypedDict):
    """How many were not made: the time was over, or bytes are not on the host."""

    left_out: int


class Mismatched(TypedDict):
    """Places in the list that was sent."""

    wrong: list[int]


class OtherBytes(TypedDict):
    """Path -> the releases in which a file of that name has other bytes."""

    releases: dict[str, list[str]]


class Snapshot(TypedDict):
    """The name of a listing, and the states of the files beside the static root."""

    listing: str
    read: int
    extra: dict[str, Kept | None]


class KeptWrites(TypedDict):
    """The name of a listing, and which files and folders are not there."""

    listing: str
    absent: list[str]


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
    written: NotRequired[list[str]]


class Recalled(TypedDict):
    """The recorded run that would read the same now; or why there is none, and how another ended."""

    token: NotRequired[str]
    why: NotRequired[str]
    ran: NotRequired[Ran]


class Packed(TypedDict):
    """What records say of this machine to others, and why some of them stay here."""

    places: dict[str, str]  # that lie elsewhere on each machine: name -> path
    given: str  # stands for what its runs are given
    why: dict[str, str]
    named: dict[str, list[str]]  # run -> those of the places that what it wrote names


class Unpacked(TypedDict):
    """Which candidate was taken, -1 for none, and why the first of them was not."""

    chosen: int
    why: str
    places: dict[str, str]


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
    token: NotRequired[str]  # proves the holder
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
    """The real path of a static root that a build may empty; `names` is the SHA-256 of the names of its files."""

    root: str
    names: str
    is_written: bool


class ClosedToNginx(TypedDict):
    """The folder that nginx's user may not enter, and who that is; whether its configuration knows no `pool/gone`."""

    folder: str | None
    user: str
    known_by: str
    lacks_gone: bool


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


# of `deltas`: object -> object that is held -> as of `encode`
# of `encode`: object -> ending of a copy -> the copy's object and size; null where it saves too little
Copies = dict[str, dict[str, tuple[str, int] | None]]
# SHA-256 of an object -> algorithm -> hash in hex
Hashes = dict[str, dict[str, str]]
# SHA-256 of a stylesheet -> the URLs of its fonts
Fonts = dict[str, list[str]]
