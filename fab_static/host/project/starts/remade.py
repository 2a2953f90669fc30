"""What programs made that a run started, used again while a start of one would meet what it met then.

A start is known by its words, its folder and its environment. What it read is known by its trace. What it left are
the files that changed below the folders that the run works on, and what it printed. A program that left anything
elsewhere runs each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from typing import Any, Mapping, NamedTuple, Sequence

from fab_static.host.project.reads import compared
from fab_static.host.project.reads.notes import Notes
from fab_static.host.project.reads.outcome import Outcome
from fab_static.host.project.reads.programs import take_in
from fab_static.host.project.reads.states import FORMAT, Row
from fab_static.host.project.results import Results
from fab_static.host.project.starts.standing import Standing, View
from fab_static.host.project.traces.seen import ABSENT, Seen

RESULTS = "fab_static started 1"
MOST_BYTES = 64 << 20  # that one start left; more is made again
UNSTEADY = "it made something else of the same files"
Left = Sequence[Any]  # path, "file", "folder" or "absent", its mode, its size


class Start(NamedTuple):
    """A start of a program: where the program is, its words, where it runs, its variables.

    `streams` is what it finds at its input, its output and its standard error: "pipe", "file", "null" for /dev/null, or
    "stdout" where the last goes where its output goes. What goes to /dev/null is not kept.
    """

    program: str
    words: Sequence[str]
    folder: str
    environment: Mapping[str, str]
    streams: tuple[str, ...]

    @property
    def key(self) -> str:
        """What it is known by, except for its environment."""
        known = [FORMAT, "start", self.program, *self.words, self.folder, *self.streams]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()

    def given(self, salt: str) -> dict[str, Any]:
        """Return what it is given; its words may hold secrets, so the key stands for them."""
        return compared.given([self.program, self.key], self.folder, self.environment, salt)

    @property
    def name(self) -> str:
        """The name of the program, and of the script that it runs, as messages show them."""
        return " ".join(os.path.basename(word) for word in self.words[:2])


class Made(NamedTuple):
    """What a start printed to both streams, and what it left: with each file its bytes."""

    printed: tuple[bytes, bytes]
    left: Sequence[Left]
    files: Sequence[bytes]

    @property
    def data(self) -> bytes:
        """All bytes, one after the other."""
        return b"".join((*self.printed, *self.files))

    @property
    def outcome(self) -> tuple[object, ...]:
        """What another run's is compared with."""
        return (*self.printed, list(map(list, self.left)), list(self.files))


class Known(NamedTuple):
    """A start's result that holds; `made` is None where it once made something else of the same."""

    path: str
    made: Made | None
    seconds: float  # that it took
    inputs: list[Row]  # all that it read, inside the folders too


class Memory:
    """The results of starts, in the folder that other results are in."""

    def __init__(self, results: Results, standing: Standing) -> None:
        self._results = results
        self._standing = standing

    def find(self, start: Start, view: View) -> Known | None:
        """Return what a start left the last time that it met what it would meet now."""
        for path, head, data in self._results.of(start.key):
            try:
                record: Any = head["record"]
                if any(
                    view.state_of(aspect, inside) != state
                    for aspect, inside, state, _ in record["inside"]
                ) or compared.changed(record, start.given, {}):
                    continue
                made = None if head["unsteady"] else _made(head, data)
                known = Known(path, made, _seconds(head), [*record["inputs"], *record["inside"]])
            except (ValueError, TypeError, KeyError, IndexError):
                continue
            self._results.used(path)
            return known
        return None

    def keep(self, start: Start, reads: Reads, made: Made | None, seconds: float = 0) -> None:
        """Keep what a start left; None: only that it leaves something else each time."""
        record = {
            "format": FORMAT,
            "given": start.given(os.urandom(16).hex()),
            "inputs": reads.outside,
            "inside": reads.inside,
            "unseen": [],
        }
        states = [row[:3] for row in (*reads.outside, *reads.inside)]
        name = hashlib.sha256(json.dumps(states).encode()).hexdigest()[:32]
        head: dict[str, Any] = {"record": record, "unsteady": made is None, "seconds": seconds}
        if made:
            head.update(printed=[len(text) for text in made.printed], left=made.left)
        self._results.put(start.key, name, head, made.data if made else b"")

    def forget(self, start: Start, known: Known, reads: Reads) -> None:
        """Use a result no more, because the start has made something else of the same."""
        self._results.drop(known.path)
        self.keep(start, reads, None)

    def put_in_place(self, made: Made) -> None:
        """Leave what the program left."""
        files = iter(made.files)
        if any(
            path not in self._standing or path != self._standing.real(path)
            for path, *_ in made.left
        ):
            raise PermissionError(made.left)
        for path, kind, mode, _ in made.left:
            if kind == "folder":
                os.makedirs(path, exist_ok=True)
            elif kind == "file":
                _write(path, next(files), mode)
        for path, kind, _, _ in reversed(made.left):
            if kind == "absent" and os.path.isdir(path):
                os.rmdir(path)
            elif kind == "absent" and os.path.lexists(path):
                os.unlink(path)


class Reads(NamedTuple):
    """What a start read, in rows as of a record, and the paths that it wrote inside; or why that is not all."""

    outside: list[Row]
    inside: list[Row]
    writes: frozenset[str]
    why_not: str | None

    @classmethod
    def of(
        cls,
        seen: Seen,
        start_ns: int,
        standing: Standing,
        view: View,
        temporary: frozenset[str],
        builds: frozenset[str],
    ) -> Reads:
        """Return what a trace tells.

        Args:
            seen: what it tells.
            start_ns: when the program started.
            standing: the folders that the run works on.
            view: what stood there then.
            temporary: what stood in the folder for temporary files then: `temporary_now`.
            builds: what builds make: nobody who lists their folders depends on them.
        """
        notes = Notes(start_ns / 1e9, standing.places)
        notes.builds = builds
        looks = {("bytes", path) for path in seen.changed if path in standing}
        absent = {path for (_, path), state in seen.inputs.items() if state == ABSENT}
        is_installer = bool(seen.installed())
        take_in(notes, seen, start_ns)
        outside, unseen = Outcome(notes).rows()
        document = notes.inside.document((), ())
        looks.update((aspect, path) for aspect, path in document["reads"])
        # that a name came, or went, tells what was there
        looks.update(("kind", path) for path in document["writes"])
        why_not = ["it installed packages"] if is_installer else list(unseen)
        why_not += _effects_elsewhere(notes, absent, temporary)
        inside = []
        for aspect, path in sorted(looks):
            try:
                inside.append([aspect, path, view.state_of(aspect, path), None])
            except KeyError:
                why_not.append(f"it looked at {path} in a way that is not known")
        writes = frozenset(map(standing.real, document["writes"]))
        return cls(outside, inside, writes, next(iter(why_not), None))


def _effects_elsewhere(notes: Notes, absent: set[str], temporary: frozenset[str]) -> list[str]:
    """Return in words what a start wrote and removed outside; `absent` was not there before."""
    removed = (path for path in notes.written if not os.path.lexists(path) and path not in absent)
    return [
        *(f"it wrote {path}" for path in notes.more.get("written", ())),
        *(f"it removed {path}" for path in removed if not _is_temporary(path, temporary)),
    ]


def temporary_now() -> frozenset[str]:
    """Return what stands in the folder for temporary files: a program may remove there what came later."""
    return frozenset(os.listdir(tempfile.gettempdir()))


def _is_temporary(path: str, before: frozenset[str]) -> bool:
    folder = os.path.join(os.path.realpath(tempfile.gettempdir()), "")
    return path.startswith(folder) and path[len(folder) :].split("/")[0] not in before


def left_by(
    reads: Reads, before: View, after: View, apart: frozenset[str]
) -> tuple[Sequence[Left], Sequence[bytes], str | None]:
    """Return what a start left, with the bytes of its files; or why that is not known.

    Args:
        reads: what it read and wrote.
        before: what stood there before it.
        after: what stands there now.
        apart: files that it printed to.
    """
    changed = after.changed_since(before) - apart
    if not apart.isdisjoint(reads.writes):
        return [], [], "it wrote the file that it printed to"
    made = tuple(path + "/" for path in reads.writes if path in after.folders)
    for path in sorted(changed - reads.writes):
        if not path.startswith(made):
            return [], [], f"{path} changed meanwhile"
    left: list[Left] = []
    files: list[bytes] = []
    for path in sorted(changed | reads.writes):
        if (path in before.folders) != (path in after.folders) and path in {
            **before.files,
            **after.files,
        }:
            return [], [], f"it made a folder of {path}, or a file of that"
        if path in after.files:
            with open(path, "rb") as file:
                files.append(file.read())
                mode = os.fstat(file.fileno()).st_mode & 0o777
            left.append([path, "file", mode, len(files[-1])])
            if hashlib.sha256(files[-1]).hexdigest() != after.files[path].sha256:
                return [], [], f"{path} changed meanwhile"
        elif path in after.folders:
            left.append([path, "folder", 0, 0])
        elif path in before.files or path in before.folders:
            left.append([path, "absent", 0, 0])
    if sum(map(len, files)) > MOST_BYTES:
        return [], [], "it left more than can be kept"
    return left, files, None


def _seconds(head: Mapping[str, object]) -> float:
    """Return how long a start took that left a result.

    Raises:
        ValueError: it does not say so.
    """
    seconds = head["seconds"]
    if not isinstance(seconds, (int, float)):
        raise ValueError(seconds)
    return seconds


def _made(head: Mapping[str, Any], data: bytes) -> Made:
    """Return what a result's data holds.

    Raises:
        ValueError: it is not as long as the head says.
    """
    pieces, at = [], 0
    sizes = [*head["printed"], *(size for _, kind, _, size in head["left"] if kind == "file")]
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    if at != len(data):
        raise ValueError(at)
    return Made((pieces[0], pieces[1]), head["left"], pieces[2:])


def _write(path: str, data: bytes, mode: int) -> None:
    """Write a file aside, and rename it: what stands there may have another name, a source's."""
    if os.path.isdir(path):
        raise IsADirectoryError(path)
    handle, aside = tempfile.mkstemp(prefix=".fab-static-", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
