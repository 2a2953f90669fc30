"""What programs read that a run starts, as the run's own record has it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import Callable, Iterable, Mapping, NamedTuple, Protocol, Sequence

from fab_static.host.project.reads.notes import Notes
from fab_static.host.project.reads.outcome import Outcome
from fab_static.host.project.reads.states import Entry, Row, stamp_of
from fab_static.host.project.traces import pausing, strace
from fab_static.host.project.traces import seen as traces
from fab_static.host.project.traces.running import Following, Trace
from fab_static.host.project.traces.seen import ABSENT, Seen, cache_of

GIT_INDEX = "/.git/index"  # git notes there by the way which files are as they were, and nothing else changes


class Starts(Protocol):
    """What follows the programs that this process starts: host/project/starts."""

    def begin(self) -> None:
        """Follow programs from now on."""

    def settle(self, *, all_of_them: bool = False) -> None:
        """Note what those have read that have ended."""

    def tell(self, seen: Seen, start_ns: int) -> None:
        """Note what a program has read that another of our modules ran."""

    def why_not(self) -> str:
        """Return why nothing can be followed here; "" where it can."""


class Ran(NamedTuple):
    """What a command printed, and what it read.

    `inputs` are rows as of a record; compared.first_change(inputs) says whether one of them is another now.
    `written` are the files that it left. Where `unseen` says why, it must not be taken for the same again.
    """

    code: int
    output: bytes
    errors: bytes
    inputs: Sequence[Row]
    written: Sequence[str]
    unseen: Sequence[str]


def run(
    command: str | Sequence[str],
    *,
    given: bytes = b"",
    folder: str | None = None,
    environment: Mapping[str, str] | None = None,
    trust: Iterable[str] = (),
) -> Ran:
    """Run a shell line, or the words of a command, and see what it reads.

    Where nothing can be traced it runs as well, and `unseen` says why. The record of this process learns of all that
    it read; where the answer is used again, tell it with `again`.

    Args:
        command: what to run.
        given: its standard input.
        folder: where; None: here.
        environment: its variables; None: ours.
        trust: programs that the inventory vouches for: see `Seen`.
    """
    words = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
    with pausing.paused():
        why = strace.why_not()
        trace = None if why else Trace(folder or ".", Seen(trust=trust))
        variables = dict(os.environ if environment is None else environment)
        try:
            process = subprocess.Popen(  # noqa: S603
                trace.words(words) if trace else words,
                cwd=folder,
                env=trace.variables(variables) if trace else variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except BaseException:
            if trace:
                trace.drop()
            raise
        following = Following(trace, process.pid, pipes_of(process)) if trace else None
        output, errors = process.communicate(given)
        seen = following.end() if following else Seen()
    if trace is None:
        seen.is_unseen(f"it started {os.path.basename(words[0])}, and {why}")
    start_ns = trace.start_ns if trace else 0
    sys.audit("fab_static.seen", seen, start_ns)
    with pausing.paused():
        notes = Notes(start_ns / 1e9, ())
        take_in(notes, seen, start_ns)
        inputs, unseen = Outcome(notes).rows()
    return Ran(process.returncode, output, errors, inputs, notes.more.get("written", []), unseen)


def pipes_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the pipes that we read what a process prints from."""
    return [pipe.fileno() for pipe in (process.stdout, process.stderr) if pipe]


def again(inputs: Iterable[Row]) -> None:
    """Tell the record of this process that what these rows name was read, by a command whose answer is used again."""
    for aspect, path, state, stamp in inputs:
        is_same = aspect == "bytes" and stamp is not None and tuple(stamp) == stamp_of(path)
        # known by stat data alone, or not read again before the end: it is the same file still
        sys.audit("fab_static.read", path, None if is_same or not state else state, aspect)


def take_in(notes: Notes, seen: Seen, start_ns: int) -> None:
    """Note what programs have read and written since `start_ns`."""
    for why in seen.unseen:
        notes.is_unseen(why)
    caches = seen.caches()
    # who else has files there is chance; postcss lists each folder above the file that it reads
    temporary = os.path.realpath(tempfile.gettempdir())
    _judge_changed(seen, start_ns)
    _forget_installed(seen)

    def is_left_out(path: str) -> bool:
        return seen.is_apart(path) or cache_of(path) in caches

    for (aspect, path), state in seen.inputs.items():
        if is_left_out(path):
            continue
        if state == ABSENT:
            _note_absent(notes, seen, aspect, path)
            continue
        if aspect == "bytes" and os.path.isdir(path):
            aspect = "kind"  # opened as files are, and found to be a folder: programs in Go do so
        is_ours = path in seen.written or path in notes.written or path in notes.inside
        if aspect == "bytes" and not is_ours and _is_newer(path, start_ns):
            notes.is_unseen(f"{path} changed while it was read")
        notes.note(aspect, path)
    for folder, entries in seen.listed.items():
        if is_left_out(folder) or folder == temporary:
            continue
        if entries is None:
            notes.note("names", folder)
        else:
            notes.lists(folder, _counting(folder, entries, is_left_out), is_left_out)
    for path, is_read in seen.written.items():
        if path in notes.inside:
            notes.inside.wrote(path)
        elif not is_left_out(path):
            is_read = is_read and not path.endswith(GIT_INDEX)
            notes.written.setdefault(path, is_read)
            if is_read:
                notes.is_unseen(f"it read {path} and wrote it")


def _judge_changed(seen: Seen, start_ns: int) -> None:
    """Tell of files opened to be read and written whether they were."""
    for path in seen.changed:
        if path in seen.written:
            continue
        stamp = stamp_of(path)
        if stamp is None or not _is_newer(path, start_ns):
            seen.inputs.setdefault(("bytes", path), None)
        else:
            seen.written[path] = stamp[0] > 0  # an empty one is a lock


def _forget_installed(seen: Seen) -> None:
    """Forget what the run met in a folder where it has installed packages: it made that what the lock file says.

    Of what it wrote there the installer's own file alone has to stay: it tells what is installed. What the run has
    read and left as it was remains an input.
    """
    for folder, marker in seen.installed().items():

        def is_its_own(path: str, folder: str = folder) -> bool:
            return path == folder or (path.startswith(folder + "/") and seen.is_own(path))

        for look in [look for look in seen.inputs if is_its_own(look[1])]:
            del seen.inputs[look]
        for listed in list(filter(is_its_own, seen.listed)):
            del seen.listed[listed]
        for path in [path for path in seen.written if path.startswith(folder + "/")]:
            del seen.written[path]
        seen.written[marker] = False


def _note_absent(notes: Notes, seen: Seen, aspect: str, path: str) -> None:
    """Note that a path was looked for and not found; where its folder is not there, the folder's absence tells."""
    if path in notes.inside:
        notes.inside.looked(path, (aspect,))
        return
    if seen.is_own(path) and os.path.lexists(path):
        return  # it made that file, and that it is there as it left it is what counts
    above = os.path.dirname(path)
    while len(above) > 1 and not os.path.lexists(above) and above not in seen.written:
        path, above = above, os.path.dirname(above)
    if ("bytes", path) not in notes.inputs:
        notes.note("bytes", path, ABSENT)


def _counting(
    folder: str, entries: Iterable[traces.Entry], is_left_out: Callable[[str], bool]
) -> list[Entry]:
    """Return the names of a folder that count."""
    places = ((name, os.path.join(folder, name), kind) for name, kind in entries)
    return [
        (name, _is_folder(place, kind)) for name, place, kind in places if not is_left_out(place)
    ]


def _is_folder(path: str, kind: str) -> bool:
    return kind == "DT_DIR" or (kind in ("DT_LNK", "DT_UNKNOWN", "") and os.path.isdir(path))


def _is_newer(path: str, start_ns: int) -> bool:
    stamp = stamp_of(path)
    return stamp is not None and stamp[2] >= start_ns
