"""The programs that this process starts: each runs under strace, where that can be, and tells what it reads.

subprocess, os.system and os.posix_spawn are replaced. Whoever calls them notices nothing: the process has the number,
the exit code, the output and the signals of the program itself.
"""

from __future__ import annotations

import inspect
import os
import shlex
import subprocess
import threading
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence

from fab_static.host.project.reads.notes import Notes
from fab_static.host.project.reads.programs import pipes_of, take_in
from fab_static.host.project.starts.answered import Answers, Begun
from fab_static.host.project.traces import pausing, strace
from fab_static.host.project.traces.running import Following, Trace
from fab_static.host.project.traces.seen import Seen, started_with

_AS_ANOTHER = ("user", "group", "extra_groups")  # it could not write its trace


class _Followed(NamedTuple):
    """A program that runs, or did: whether it has ended, and how."""

    following: Following
    has_ended: Callable[[], bool]
    code: Callable[[], int]
    begun: Begun | None  # where what it leaves may be kept


class Started:
    """Has the programs that this process starts traced, and takes in what they have read.

    Args:
        notes: is told what they read.
        trust: programs that the inventory vouches for: see `Seen`.
    """

    def __init__(self, notes: Notes, trust: Iterable[str]) -> None:
        self._notes = notes
        self._trust = tuple(trust)
        self._followed: list[_Followed] = []
        self._settling = threading.Lock()
        self._answers: Answers | None = None

    def begin(self) -> None:
        """Replace the functions that start programs."""
        pausing.paused = self._notes.paused
        subprocess.Popen.__init__ = self._popen(subprocess.Popen.__init__)  # type: ignore[method-assign]
        os.system = self._system(os.system)  # type: ignore[assignment]  # a path is not a command
        os.posix_spawn = self._spawn(os.posix_spawn)
        os.posix_spawnp = self._spawn(os.posix_spawnp)

    def settle(self, *, all_of_them: bool = False) -> None:
        """Take in what those have read that have ended: what they wrote is not an input of what comes after."""
        if all_of_them and self._answers:
            self._answers.tell()
        if not self._followed:
            return
        with self._settling, self._notes.paused():
            for one in list(self._followed):
                if all_of_them or one.has_ended():
                    self._followed.remove(one)
                    seen, start_ns = one.following.end(), one.following.trace.start_ns
                    if one.begun:
                        one.begun.ended(one.code(), seen, start_ns)
                    take_in(self._notes, seen, start_ns)

    def tell(self, seen: Seen, start_ns: int) -> None:
        """Take in what a command has read that another of our modules ran."""
        take_in(self._notes, seen, start_ns)

    def why_not(self) -> str:
        """Return why nothing can be traced here; "" where it can."""
        return strace.why_not()

    def _trace(self, words: list[str], folder: str, environment: Mapping[str, str]) -> Trace | None:
        """Return a trace for a command to come, or None if it must be started as it is."""
        with self._notes.paused():
            if strace.why_not():
                return None
            passed, found = _looked_for(words[0], folder, environment)
            for path in passed:
                self._notes.note("bytes", path)
            # what is not there cannot be started, and reads nothing
            self._notes.here.vouched = not found or _starts(found)
            return Trace(folder, Seen(trust=self._trust)) if found and _starts(found) else None

    def _begun(
        self, words: list[str], given: dict[str, Any], defaults: Mapping[str, Any]
    ) -> Begun | None:
        """Return a start that may be answered, or kept; None: it runs each time."""
        if self._answers is None or self._answers.standing.places != self._notes.inside.roots:
            self._answers = Answers(self._notes, self._trust)
        folder, environment = _folder(given), _environment(given)
        _, found = _looked_for(words[0], folder, environment)
        return self._answers.begin(found or "", words, folder, environment, given, defaults)

    def _start(
        self,
        trace: Trace,
        given: dict[str, Any],
        words: list[str],
        before: Callable[[], None],
        defaults: Mapping[str, Any],
    ) -> None:
        """Start a program that is traced, or one that stands for it.

        `given` are Popen's arguments, `defaults` those that it has for others; `before` starts what they name then.
        """
        process: subprocess.Popen[bytes] = given["self"]
        asked, pipes = given["args"], _descriptors(given)
        begun: Begun | None = None
        is_answered = has_begun = False
        try:
            with self._notes.paused():
                begun = self._begun(words, given, defaults)
                is_answered = begun is not None and begun.is_answered()
                if not is_answered:
                    variables = trace.variables(_environment(given))
                    given.update(args=trace.words(words), env=variables, shell=False)
                    given["executable"] = None
                    if begun:
                        begun.listen()
            before()
            has_begun = True
        finally:
            self._notes.here.vouched = False
            with self._notes.paused():
                if not has_begun or is_answered:
                    trace.drop()
                if begun and not has_begun:
                    begun.began(None)
        process.args = asked
        if begun and is_answered:
            begun.tell()
        else:
            self._follow(process, trace, begun, pipes)

    def _follow(
        self,
        process: subprocess.Popen[bytes],
        trace: Trace,
        begun: Begun | None,
        pipes: list[int],
    ) -> None:
        """Follow a program that has begun; `pipes` are those that its caller gave it to print to."""
        with self._notes.paused():
            following = Following(trace, process.pid, [*pipes_of(process), *pipes])
            if begun:
                begun.began(process)
                self._have_told(process, begun)
        has_ended = lambda: process.returncode is not None  # noqa: E731
        self._followed.append(_Followed(following, has_ended, lambda: process.returncode, begun))

    def _have_told(self, process: subprocess.Popen[bytes], begun: Begun) -> None:
        """Have all that a program printed told, and what it left kept, before its caller learns that it ended."""
        wait, poll = process.wait, process.poll

        def ended(code: int | None) -> None:
            if code is None:
                return
            self.settle()
            begun.has_printed()
            if begun.complaint:
                complaint, begun.complaint = begun.complaint, ""
                raise RuntimeError(complaint)

        def waited(timeout: float | None = None) -> int:
            code = wait(timeout=timeout)
            ended(code)
            return code

        def polled() -> int | None:
            code = poll()
            ended(code)
            return code

        process.wait, process.poll = waited, polled  # type: ignore[method-assign]

    def _popen(self, before: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(before)
        defaults = {name: each.default for name, each in signature.parameters.items()}

        def begin(process: subprocess.Popen[bytes], *args: object, **kwargs: object) -> None:
            here = self._notes.here
            if here.off or here.vouched:
                return before(process, *args, **kwargs)
            bound = signature.bind(process, *args, **kwargs)
            given = bound.arguments
            words = _words(given)
            trace = self._trace(words, _folder(given), _environment(given)) if words else None
            if trace is None:
                try:
                    return before(process, *args, **kwargs)
                finally:
                    here.vouched = False
            self._start(trace, given, words, lambda: before(*bound.args, **bound.kwargs), defaults)
            return None

        begin.__signature__ = signature  # type: ignore[attr-defined]
        return begin

    def _system(self, before: Callable[[str], int]) -> Callable[[str], int]:
        def system(command: str) -> int:
            line = os.fsdecode(command)
            words = ["/bin/sh", "-c", line]
            trace = None if self._notes.here.off else self._trace(words, os.getcwd(), os.environ)
            if trace is None:
                return before(command)
            variables = [f"{name}={value}" for name, value in strace.VARIABLES.items()]
            try:
                status = before(
                    "exec env " + " ".join(map(shlex.quote, [*variables, *trace.words(words)]))
                )
            finally:
                self._notes.here.vouched = False
                with self._notes.paused():
                    take_in(self._notes, trace.finish(), trace.start_ns)
            return status

        return system

    def _spawn(self, before: Callable[..., int]) -> Callable[..., int]:
        def spawn(path: str, argv: Sequence[str], env: Mapping[str, str], **kwargs: object) -> int:
            words = [os.fsdecode(each) for each in argv]
            is_plain = words and os.fsdecode(path) == words[0] and "setsid" not in kwargs
            variables = _text(env)
            trace = None
            if is_plain and not self._notes.here.off:
                trace = self._trace(words, os.getcwd(), variables)
            if trace is None:
                self._notes.here.vouched = False
                return before(path, argv, env, **kwargs)
            traced = trace.words(words)
            try:
                number = before(traced[0], traced, trace.variables(variables), **kwargs)
            finally:
                self._notes.here.vouched = False
            following = Following(trace, number, ())
            has_ended = lambda: not os.path.exists(f"/proc/{number}")  # noqa: E731
            self._followed.append(_Followed(following, has_ended, lambda: 0, None))
            return number

        return spawn


def _words(given: Mapping[str, Any]) -> list[str]:
    """Return the words of the command that Popen was asked for, or none if strace could not start the same."""
    if any(given.get(name) is not None for name in _AS_ANOTHER):
        return []
    asked, executable = given["args"], given.get("executable")
    is_one = isinstance(asked, (str, bytes, os.PathLike))
    words = [os.fsdecode(each) for each in ([asked] if is_one else asked)]
    if given.get("shell"):
        return [os.fsdecode(executable or "/bin/sh"), "-c", *words]
    if executable is not None and os.fsdecode(executable) != words[0]:
        return []
    return words


def _folder(given: Mapping[str, Any]) -> str:
    """Return the folder that Popen is to start a program in."""
    return os.fsdecode(given.get("cwd") or os.getcwd())


def _environment(given: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the variables that Popen is to give a program."""
    return os.environ if given.get("env") is None else _text(given["env"])


def _text(environment: Mapping[str, str]) -> dict[str, str]:
    return {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}


def _descriptors(given: Mapping[str, Any]) -> list[int]:
    """Return the pipes that the caller gave Popen to print to."""
    found = []
    for name in ("stdout", "stderr"):
        place = given.get(name)
        number = place if isinstance(place, int) else getattr(place, "fileno", lambda: -1)()
        if number >= 0:
            found.append(number)
    return found


def _looked_for(
    program: str, folder: str, environment: Mapping[str, str]
) -> tuple[list[str], str | None]:
    """Return where a program is looked for and is not, and where it is found; None: nowhere."""
    if "/" in program:
        places = [os.path.join(folder, program)]
    else:
        places = [os.path.join(folder, each, program) for each in os.get_exec_path(environment)]
    for at, place in enumerate(places):
        if os.path.isfile(place) and os.access(place, os.X_OK):
            return places[:at], place
    return places, None


def _starts(place: str) -> bool:
    """Tell whether the kernel starts a file: it is a program, or a script whose interpreter is there."""
    try:
        with open(place, "rb") as file:
            begin = file.read(4)
    except OSError:
        return False
    if strace.has_rights_of_its_own(place):
        return False
    return (begin[:2] == b"#!" or begin == b"\x7fELF") and all(
        map(os.path.exists, started_with(place))
    )
