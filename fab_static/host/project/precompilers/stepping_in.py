"""Takes the place of django-compressor's own call of a command, for as long as this process lives.

compressor's CompilerFilter does all that it does otherwise: it makes the command line, reads the outfile, and tells of
a failure. What differs is how it starts the program, which we watch, and that it need not, where we know the result.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, Callable

from fab_static.host.project.precompilers.call import SHELL, Call
from fab_static.host.project.precompilers.kept import Kept
from fab_static.host.project.reads.programs import again

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    from fab_static.host.project.precompilers.observing import Observe
    from fab_static.host.project.reads.programs import Ran

_PIPE = -1  # subprocess.PIPE
UNSTEADY = "it made something else of the same files"


class Calls:
    """All calls of one compress.

    Args:
        observe: runs a program and says what it read; or why nothing here does.
        kept: what calls made before.
        verifies: make everything anyway, and fail where what is kept differs.

    `in_vain` is called when the result of a call will not be kept.
    """

    def __init__(self, observe: Observe | str, kept: Kept, *, verifies: bool = False) -> None:
        self._observe = observe
        self.kept = kept
        self._verifies = verifies
        self._here = threading.local()
        self._locks: dict[str, threading.Lock] = {}
        self._said: set[str] = set()
        self.asked = self.made = 0
        self.in_vain: Callable[[], object] = int

    def answer(self, call: Call, make: Callable[[], str]) -> str:
        """Return what is kept of a call, if it still holds, else what is made now."""
        if isinstance(self._observe, str):
            self.in_vain()
            self._say(f"{call.program} runs each time: {self._observe}", call.program)
            return make()
        lock = self._locks.setdefault(call.key, threading.Lock())
        if not lock.acquire(blocking=False):
            sys.audit(
                "fab_static.waits"
            )  # another thread makes the same: ours need not hold up others
            lock.acquire()
        try:
            return self._answer(call, make)
        finally:
            lock.release()

    def _answer(self, call: Call, make: Callable[[], str]) -> str:
        self.asked += 1
        found = self.kept.find(call)
        if found.text is not None and not self._verifies:
            again(found.inputs)
            return found.text
        if found.is_unsteady:
            self.in_vain()
        self.made += 1
        made = self._make(call, make)
        if found.is_unsteady:
            call.why_not = call.why_not or UNSTEADY
        if call.why_not:
            self.in_vain()
            self._say(f"{call.program} runs each time: {call.why_not} ({call.where})", call.program)
        elif found.text is None:
            self.kept.keep(call, made)
        elif found.text != made:
            self.kept.forget(call, found)
            raise _differs(call)
        return made

    def _make(self, call: Call, make: Callable[[], str]) -> str:
        self._here.call = call
        try:
            with call.temporary_files():
                made = make()
                call.made(made)
                return made
        except Exception:
            if call.why_not:
                self.in_vain()
            raise
        finally:
            self._here.call = None

    def _say(self, words: str, program: str) -> None:
        if program not in self._said:
            self._said.add(program)
            sys.stderr.write(f"fab_static: {words}\n")

    @property
    def current(self) -> Call | None:
        """The call that this thread makes now."""
        return getattr(self._here, "call", None)

    def start(self, call: Call, line: str, folder: str | None) -> Program:
        """Return the program that compressor starts."""
        observe = self._observe
        assert not isinstance(observe, str)  # noqa: S101  # a call that nobody observes is not ours
        return Program(call, lambda data: observe([SHELL, "-c", line], folder or os.getcwd(), data))


class Program:
    """A program that is watched, in the place of subprocess.Popen: what compressor does with that."""

    def __init__(self, call: Call, run: Callable[[bytes], Ran]) -> None:
        self._call = call
        self._run = run
        self._code = 0

    def communicate(self, data: bytes | None = None) -> tuple[bytes, bytes]:
        """Run it; return what it printed, and its standard error."""
        ran = self._run(data or b"")
        self._code = ran.code
        self._call.has_read(ran.inputs, ran.written, ran.unseen)
        return ran.output, ran.errors

    def wait(self) -> int:
        """Return its exit code."""
        return self._code


class Subprocess:
    """The module subprocess, as compressor.filters.base sees it."""

    def __init__(self, real: Any, calls: Calls) -> None:
        self._real = real
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def Popen(self, command: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N802  # its name there
        """Start a program; a call's is watched."""
        call = self._calls.current
        if call is None or not isinstance(command, str) or not kwargs.get("shell"):
            return self._real.Popen(command, *args, **kwargs)
        return self._calls.start(call, command, kwargs.get("cwd"))


def step_in(base: Any, calls: Calls) -> None:
    """Answer the calls of the module compressor.filters.base from now on."""
    compile, temporary_file = base.CompilerFilter.input, base.NamedTemporaryFile

    def answered(self: Any, **kwargs: Any) -> str:
        call = call_of(self)
        if call is None or calls.current is not None:
            return str(compile(self, **kwargs))
        return calls.answer(call, lambda: str(compile(self, **kwargs)))

    def temporary(*args: Any, **kwargs: Any) -> IO[Any]:
        call = calls.current
        return call.temporary_file(*args, **kwargs) if call else temporary_file(*args, **kwargs)

    base.CompilerFilter.input = answered
    base.subprocess = Subprocess(base.subprocess, calls)
    base.NamedTemporaryFile = temporary


def call_of(compiler: Any) -> Call | None:
    """Return the call that a filter of compressor's would make, or None if it does something of its own."""
    pipes = (compiler.stdin, compiler.stdout, compiler.stderr)
    if pipes != (_PIPE,) * 3 or compiler.infile is not None or compiler.outfile is not None:
        return None
    options = dict(compiler.options)
    if not {"infile", "outfile"}.isdisjoint(options):
        return None
    more = [compiler.type, compiler.charset, compiler.default_encoding]
    return Call(
        compiler.command,
        list(options.items()),
        compiler.content,
        compiler.filename,
        more,
        compiler.cwd,
    )


def _differs(call: Call) -> Exception:
    from compressor.exceptions import FilterError

    told: Exception = FilterError(
        f"{call.program} has made something else of the same files than it did before, and what it made then would "
        f"have been used again\n  where: {call.where}\n  mend:  let `{call.command}` make the same each time: no "
        "clock, no chance; until then it runs each time"
    )
    return told
