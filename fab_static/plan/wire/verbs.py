"""What a host can be asked to do: for each verb its name, and the types of its request and its answer.

`RemoteHost.ask` takes a verb and its request, and returns its answer: the type checker knows both. The
agent's own table (host/agent/wire.py) has the same names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fab_static.plan.wire import answers, asks
from fab_static.plan.wire.kept import Beside
from fab_static.plan.wire.shapes import misshapen
from fab_static.plan.wire.urls import FetchUrls, PutUrls

MiB = 1024 * 1024
R = TypeVar("R")
A = TypeVar("A")


@dataclass(frozen=True)
class Verb(Generic[R, A]):
    """One thing that a host can be asked to do."""

    name: str
    request: type[R]
    answer: type[A]
    most_body: int = 0  # the bytes that the answer's body may have
    changes_nothing: bool = False  # on the host
    adds_only: bool = False  # what is named by its own bytes: asked again, it finds that there

    @property
    def may_repeat(self) -> bool:
        """Whether it may be asked again where the connection was lost: though it was done, that does no harm.

        A verb that moves a name, empties a folder or runs a command is never asked again: an agent that was cut off
        may work on it still, while the next one has gone further.
        """
        return self.changes_nothing or self.adds_only


PING = Verb("ping", asks.Nothing, answers.Nothing, changes_nothing=True)
STATE = Verb("state", asks.Nothing, answers.State, changes_nothing=True)
FACTS = Verb("facts", asks.Nothing, answers.Facts, changes_nothing=True)
MARK = Verb("mark", asks.Mark, answers.Nothing)
IS_MARKED = Verb("is_marked", asks.Marks, answers.Marked, changes_nothing=True)

NOTE = Verb("note", asks.Note, answers.Nothing)
ADOPT = Verb("adopt", asks.Adopt, answers.Nothing)
WRITE_JOURNAL = Verb("write_journal", asks.Nothing, answers.Nothing)

LOOK_AT_LOCK = Verb("look_at_lock", asks.Nothing, answers.LookedAtLock, changes_nothing=True)
LOCK = Verb("lock", asks.Lock, answers.Locked)
BEAT = Verb("beat", asks.Beat, answers.Beat)
UNLOCK = Verb("unlock", asks.Unlock, answers.Unlocked)

# a release's seal of 200,000 files is 50 MiB
READ_RELEASE = Verb("read_release", asks.Release, Beside, 64 * MiB, changes_nothing=True)
SUMMARIES = Verb("summaries", asks.Nothing, answers.Summaries, changes_nothing=True)
BUILD_RELEASE = Verb("build_release", asks.BuildRelease, answers.Built, adds_only=True)
# the body: a bit for each of 8 million objects at most
TAKE_SEAL = Verb("take_seal", asks.TakeSeal, answers.Taken, MiB, adds_only=True)
# a wrong file gets another time, however often it is asked
VERIFY = Verb("verify", asks.Verify, answers.Verified, changes_nothing=True)
LOOK_AT = Verb("look_at", asks.LookAt, answers.Behind, changes_nothing=True)
SIGNERS = Verb("signers", asks.Nothing, answers.Signers, changes_nothing=True)
TRUST = Verb("trust", asks.Trust, answers.Nothing)
PRUNE = Verb("prune", asks.Prune, answers.Pruned)

# a source map, say; the agent takes no larger frame either
READ_OBJECT = Verb("read_object", asks.Object, answers.Nothing, 256 * MiB, changes_nothing=True)
PUT_OBJECT = Verb("put_object", asks.Nothing, answers.Stored, adds_only=True)
# a whole object that was touched gets its own time back, however often it is asked
MISSING = Verb("missing", asks.Missing, answers.Nothing, changes_nothing=True)
FETCH = Verb("fetch", asks.Nothing, answers.Nothing)
STORE = Verb("store", asks.Nothing, answers.Count)
FETCH_URLS = Verb("fetch_urls", FetchUrls, answers.Count)
PUT_URLS = Verb("put_urls", PutUrls, answers.Unreached, 16 * MiB)
ENCODE = Verb("encode", asks.Nothing, answers.Nothing, 64 * MiB)
ENCODE_AHEAD = Verb("encode_ahead", asks.Nothing, answers.Nothing)
DELTAS = Verb("deltas", asks.Deltas, answers.Deltas, 64 * MiB)
MISMATCHED = Verb("mismatched", asks.Nothing, answers.Mismatched, changes_nothing=True)
HASHES = Verb("hashes", asks.Nothing, answers.Nothing, 64 * MiB, changes_nothing=True)
FONTS = Verb("fonts", asks.Nothing, answers.Nothing, 64 * MiB, changes_nothing=True)
OTHER_BYTES = Verb("other_bytes", asks.Nothing, answers.OtherBytes, changes_nothing=True)

FLIP = Verb("flip", asks.Flip, answers.Flipped)
CONFIRM = Verb("confirm", asks.Confirm, answers.Confirmed)
DOUBT = Verb("doubt", asks.Back, answers.Nothing)
FLIP_BACK = Verb("flip_back", asks.Back, answers.Nothing)

GUARD = Verb("guard", asks.Guard, answers.Guarded, changes_nothing=True)
NOT_OURS = Verb("not_ours", asks.Root, answers.NotOurs, changes_nothing=True)
EMPTY = Verb("empty", asks.Empty, answers.Nothing)
SNAPSHOT = Verb("snapshot", asks.Snapshot, answers.Snapshot, 64 * MiB, adds_only=True)
RESTORE = Verb("restore", asks.Restore, answers.Changed)
GUARD_WRITES = Verb("guard_writes", asks.KeepWrites, answers.Nothing, changes_nothing=True)
KEEP_WRITES = Verb("keep_writes", asks.KeepWrites, answers.KeptWrites, adds_only=True)
PUT_WRITES_BACK = Verb("put_writes_back", asks.PutWritesBack, answers.Changed)
TO_LIFT = Verb("to_lift", asks.Links, answers.Lifted, changes_nothing=True)
LIFT = Verb("lift", asks.Links, answers.Lifted)
LOWER = Verb("lower", asks.Lower, answers.Nothing)

RUN = Verb("run", asks.Run, answers.Ran)
KEEP_PROGRAMS = Verb("keep_programs", asks.Nothing, answers.Nothing)
LEARN = Verb("learn", asks.Learn, answers.Nothing)
SET_UP = Verb("set_up", asks.SetUp, answers.Nothing)
RECALL = Verb("recall", asks.Recall, answers.Recalled, 64 * MiB)
REPLAY = Verb("replay", asks.Replay, answers.Replayed, 64 * MiB)
PACK = Verb("pack", asks.Here, answers.Packed, 256 * MiB)
UNPACK = Verb("unpack", asks.Unpack, answers.Unpacked)
GATHER = Verb("gather", asks.Gather, answers.Nothing)
TAKE_COPIES = Verb("take_copies", asks.Nothing, answers.Nothing)

HTTP = Verb("http", asks.Http, answers.Answered)
CLOSED_TO_NGINX = Verb(
    "closed_to_nginx", asks.ClosedToNginx, answers.ClosedToNginx, changes_nothing=True
)

VERBS: Mapping[str, Verb[Any, Any]] = {
    verb.name: verb for verb in tuple(globals().values()) if isinstance(verb, Verb)
}
# by the name of the verb; an agent says hello unasked, and is told once which folder it is for
ANSWERS: Mapping[str, Any] = {
    "hello": answers.Hello,
    "open": answers.Nothing,
    **{name: verb.answer for name, verb in VERBS.items()},
}


def problem(name: str, answer: Any) -> str | None:
    """Return what is wrong with an answer to a verb, or None if nothing is.

    Keys that the shape does not name are let through: a later version may say more.
    """
    return misshapen(ANSWERS.get(name, answers.Nothing), answer)


def body_limit(name: str, asked_bytes: int) -> int:
    """Return how many bytes the body of an answer may have; `asked_bytes` is the size of the request's."""
    if name in (MISSING.name, GATHER.name):
        return asked_bytes
    return VERBS[name].most_body if name in VERBS else 0
