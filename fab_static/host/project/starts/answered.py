"""Answers a start of a program from what the program made before, or keeps what it makes.

Whoever starts it notices nothing: where an answer is known, a process starts that prints the same, and ends.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from typing import Any, Iterable, Mapping

from fab_static.host.project.reads.notes import Notes
from fab_static.host.project.reads.programs import again
from fab_static.host.project.results import SIZE, Results, base_folder
from fab_static.host.project.starts.hashed import Hashed
from fab_static.host.project.starts.passing_on import Passing, is_at_its_end, put_between
from fab_static.host.project.starts.remade import (
    RESULTS,
    UNSTEADY,
    Made,
    Memory,
    Reads,
    Start,
    left_by,
    temporary_now,
)
from fab_static.host.project.starts.standing import Standing, View
from fab_static.host.project.traces import temporary
from fab_static.host.project.traces.seen import Seen

# Popen's arguments that make the program no other, or that are part of what a start is known by
_UNDERSTOOD = frozenset(
    [
        *("self", "args", "bufsize", "executable", "stdin", "stdout", "stderr", "shell", "cwd"),
        *("env", "universal_newlines", "text", "encoding", "errors", "pipesize"),
    ]
)
_SAYS = 'cat "$1/out"; cat "$1/err" >&2; rm -r "$1"'
_PIPE, _STDOUT, _DEVNULL = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL
_NAMES = ("stdout", "stderr")
_TO_STDOUT = "stdout"  # of its standard error: it goes where its output goes
# To look at all that stands costs more than a start of `true`, and a phase may start thousands. So the looks of a run
# may take this many seconds, and this part of what its programs take, or would have taken.
_LOOKS_SECONDS, _LOOKS_PART = 2.0, 0.25


class Answers:
    """What is known of the starts of one run.

    Args:
        notes: of the run.
        trust: programs that the inventory vouches for.
    """

    def __init__(self, notes: Notes, trust: Iterable[str]) -> None:
        self.notes = notes
        self.standing = Standing(notes.inside.roots)
        self.verifies = os.environ.get("FAB_STATIC_VERIFY_CACHE", "0") != "0"
        self.asked = self.answered = 0
        self.ran_seconds = self._looked_seconds = 0.0
        self.memory: Memory | None = None
        self._hashed: Hashed | None = None
        self._said: set[str] = set()
        folder = base_folder(_setting("FAB_STATIC_CACHE", True), os.getcwd())
        if folder:
            results = os.path.join(folder, "results")
            notes.leave_out(results)
            size = _setting("FAB_STATIC_CACHE_SIZE", SIZE)
            kept = Results(results, RESULTS, size, trust)
            self.memory = Memory(kept, self.standing)
            self._hashed = Hashed(kept, self.standing)
            self._hashed.take()

    def begin(
        self,
        program: str,
        words: list[str],
        folder: str,
        environment: Mapping[str, str],
        popen: dict[str, Any],
        defaults: Mapping[str, Any],
    ) -> Begun | None:
        """Return a start that is about to be, or None for one that cannot be known again.

        `program` is where it is. `popen` are the arguments of Popen; for those that it was not given stand `defaults`.
        """
        if (
            self.memory is None
            or not self._may_look()
            or any(
                name not in _UNDERSTOOD and value != defaults.get(name)
                for name, value in popen.items()
            )
        ):
            return None
        streams = _streams(popen)
        if streams is None:
            return None
        here = os.getcwd()
        start = Start(
            os.path.join(here, program),
            words,
            os.path.join(here, folder),
            environment,
            streams,
        )
        begun = Begun(self, self.memory, start, popen)
        return begun if begun.is_plain else None

    def look(self) -> View | None:
        """Return what stands where the run works, or None if links do."""
        began = time.monotonic()
        view = self.standing.look()
        self._looked_seconds += time.monotonic() - began
        return view

    def _may_look(self) -> bool:
        """Tell whether another look is worth its time; say so once where it is not."""
        may = self._looked_seconds <= _LOOKS_SECONDS + _LOOKS_PART * self.ran_seconds
        if not may and "" not in self._said:
            self._said.add("")
            sys.stderr.write(
                "fab_static: further programs run each time: looking at the static root takes longer than they do\n"
            )
        return may

    def say(self, start: Start, why: str) -> None:
        """Say once of a program why it runs each time."""
        if start.name not in self._said:
            self._said.add(start.name)
            sys.stderr.write(f"fab_static: {start.name} runs each time: {why}\n")

    def tell(self) -> None:
        """Tell how many starts were answered; the run is over."""
        if self._hashed:
            with self.notes.paused():
                self._hashed.keep()
        if self.answered:
            told = f"{self.answered} of {self.asked} programs did not run: all that they read is as it was\n"
            sys.stdout.write(told)
            sys.stdout.flush()


class Begun:
    """One start, until what it left is kept."""

    def __init__(self, all: Answers, memory: Memory, start: Start, popen: dict[str, Any]) -> None:
        self._all, self._memory, self._start, self._popen = all, memory, start, popen
        self._temporary = temporary_now()
        self._before = all.look()
        self._known = memory.find(start, self._before) if self._before else None
        self._texts: list[Passing | _File | None] = [None, None]
        self._ours: list[int] = []  # the ends of pipes that the program prints to
        self._inherited: list[Passing] = []
        self._began = time.monotonic()
        self.complaint = ""
        all.asked += 1

    @property
    def is_plain(self) -> bool:
        """Whether it is known what stands where the run works."""
        return self._before is not None

    def is_answered(self) -> bool:
        """Tell whether it is known what comes of it. Then that is put in place, and a process starts that prints the same."""
        known = self._known
        made = known.made if known and not self._all.verifies else None
        if known is None or made is None:
            return False
        self._memory.put_in_place(made)
        words = ["/bin/sh", "-c", "exit 0"]
        if any(made.printed):
            place = temporary.folder()
            for name, text in zip(("out", "err"), made.printed):
                with open(os.path.join(place, name), "wb") as file:
                    file.write(text)
            words = ["/bin/sh", "-c", _SAYS, "fab_static", place]
        self._popen.update(args=words, env={"PATH": os.defpath}, shell=False, executable=None)
        self._all.answered += 1
        self._all.ran_seconds += known.seconds
        return True

    def tell(self) -> None:
        """Tell the record of this process what the program would have read and written."""
        if self._known and self._known.made:
            again(self._known.inputs)
            for path, *_ in self._known.made.left:
                self._all.notes.inside.wrote(path)

    def listen(self) -> None:
        """Have the program print where we hear it: into a pipe in place of what it would inherit."""
        for at, name in enumerate(_NAMES):
            asked = self._popen.get(name)
            if asked is None and self._start.streams[at + 1] == _TO_STDOUT:
                self._popen[name] = _STDOUT
            elif asked is None:
                reading, writing = os.pipe()
                passing = Passing(reading, os.dup(at + 1))
                self._texts[at] = passing
                self._inherited.append(passing)
                self._ours.append(writing)
                self._popen[name] = writing
            elif asked not in (_PIPE, _STDOUT, _DEVNULL):
                number = asked if isinstance(asked, int) else asked.fileno()
                self._texts[at] = _File(number) if stat.S_ISREG(os.fstat(number).st_mode) else None

    def began(self, process: subprocess.Popen[bytes] | None) -> None:
        """Note that the program has begun, or could not; the caller's pipes pass through us from now on."""
        self._began = time.monotonic()
        for end in self._ours:
            os.close(end)
        for at, pipe in enumerate((process.stdout, process.stderr) if process else ()):
            if pipe is not None:
                self._texts[at] = put_between(pipe.fileno())

    def has_printed(self) -> None:
        """Wait until what it printed where it would have inherited is passed on."""
        for passing in self._inherited:
            passing.end()

    def ended(self, code: int, seen: Seen, start_ns: int) -> None:
        """Keep what it left, once it has ended and all is known that it read."""
        seconds = time.monotonic() - self._began
        self._all.ran_seconds += seconds
        texts = [text.text() if text else b"" for text in self._texts]
        if code or self._before is None:
            return
        try:
            why = self._kept(texts, self._before, seen, start_ns, seconds)
        except OSError as error:
            why = f"what it left cannot be read: {error}"
        if why:
            self._all.say(self._start, why)

    def _kept(
        self,
        texts: list[bytes | None],
        before: View,
        seen: Seen,
        start_ns: int,
        seconds: float,
    ) -> str | None:
        """Keep what it left; return why it is not kept, or None."""
        standing = self._all.standing
        after = self._all.look()
        if None in texts:
            return "somebody stopped listening to it"
        if after is None:
            return "there are links where it works"
        reads = Reads.of(seen, start_ns, standing, before, self._temporary, self._all.notes.builds)
        if reads.why_not:
            return reads.why_not
        apart = frozenset(text.path for text in self._texts if isinstance(text, _File))
        left, files, why = left_by(reads, before, after, apart)
        printed = (texts[0] or b"", texts[1] or b"")
        return why or self._keep(reads, Made(printed, left, files), seconds)

    def _keep(self, reads: Reads, made: Made, seconds: float) -> str | None:
        known = self._known
        if known is None:
            self._memory.keep(self._start, reads, made, seconds)
        elif known.made is None:
            return UNSTEADY
        elif known.made.outcome != made.outcome:
            self._memory.forget(self._start, known, reads)
            self.complaint = (
                f"{self._start.name} has made something else of the same files than it did before, and what it "
                f"made then would have been used again\n  where: {self._start.folder}\n  mend:  let it make the "
                "same each time: no clock, no chance; until then it runs each time"
            )
        return None


class _File:
    """A file that the program prints to, at its end."""

    def __init__(self, number: int) -> None:
        self._number = os.dup(number)
        self.path = os.path.realpath(f"/proc/self/fd/{number}")
        self._begin = os.fstat(number).st_size

    def text(self) -> bytes | None:
        """Return what was added to it."""
        try:
            with open(f"/proc/self/fd/{self._number}", "rb") as file:
                file.seek(self._begin)
                return file.read()
        except OSError:
            return None
        finally:
            os.close(self._number)


def _streams(popen: Mapping[str, object]) -> tuple[str, ...] | None:
    """Return what a program finds at its three streams, or None where what goes there cannot be known again."""
    places = [_place(popen.get(name), at) for at, name in enumerate(_NAMES, 1)]
    if None in places or not _reads_nothing(popen.get("stdin")):
        return None
    asked = [popen.get(name) for name in _NAMES]
    if places[0] == places[1] and asked not in ([None, None], [_DEVNULL, _DEVNULL]):
        return None
    kinds = [_kind(popen.get("stdin"), 0), _kind(asked[0], 1), _kind(asked[1], 2)]
    if asked == [None, None] and places[0] == places[1]:
        kinds[2] = _TO_STDOUT
    return tuple(kinds)


def _place(asked: Any, at: int) -> tuple[int, int] | None:
    """Return what stands for where a stream goes, or None where what is printed there cannot be known again."""
    if asked in (_PIPE, _STDOUT, _DEVNULL):
        return (asked, at if asked == _PIPE else 0)
    try:
        number = at if asked is None else asked if isinstance(asked, int) else asked.fileno()
        found = os.fstat(number)
        if stat.S_ISREG(found.st_mode):
            is_at_end = os.lseek(number, 0, os.SEEK_CUR) == found.st_size
            is_known = is_at_end and os.path.lexists(os.readlink(f"/proc/self/fd/{number}"))
        elif stat.S_ISCHR(found.st_mode):
            is_known = is_at_its_end(number)
        else:
            is_known = asked is None
    except (OSError, ValueError, AttributeError):
        return None
    return (found.st_dev, found.st_ino) if is_known else None


def _kind(asked: Any, at: int) -> str:
    """Return what a program finds at one of its streams; of one that goes to /dev/null nothing is known afterwards."""
    if asked == _STDOUT:
        return _TO_STDOUT
    if asked in (_PIPE, _DEVNULL) or (asked is None and at):
        return "null" if asked == _DEVNULL else "pipe"
    mode = os.fstat(asked if isinstance(asked, int) else asked.fileno() if asked else 0).st_mode
    return "null" if stat.S_ISCHR(mode) else "file" if stat.S_ISREG(mode) else "pipe"


def _reads_nothing(asked: Any) -> bool:
    """Tell whether a standard input is empty."""
    if asked == _DEVNULL:
        return True
    try:
        return asked != _PIPE and is_at_its_end(
            0 if asked is None else asked if isinstance(asked, int) else asked.fileno()
        )
    except (OSError, ValueError, AttributeError):
        return False


def _setting(name: str, default: object) -> Any:
    """Return a setting of the project's, where it has been set up."""
    conf = sys.modules.get("django.conf")
    if conf is None or not conf.settings.configured:
        return default
    return getattr(conf.settings, name, default)
