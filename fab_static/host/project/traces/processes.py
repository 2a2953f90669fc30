"""Which process of a trace runs in which folder, which program it is, and which process began it."""

from __future__ import annotations

from typing import Iterable, Iterator

from fab_static.host.project.traces.lines import STARTING, Begun, Call


class Folder:
    """The folder that a process runs in; threads share it. "": it is not known."""

    def __init__(self, path: str) -> None:
        self.path = path


class Process:
    """A process of a trace: where it runs, and the names of the programs that it became, first to last.

    `names` are those, and of the scripts that they run: `r.js` of `node r.js`.
    """

    def __init__(
        self, folder: Folder, programs: tuple[str, ...] = (), names: tuple[str, ...] = ()
    ) -> None:
        self.folder = folder
        self.programs = programs
        self.names = names
        self._is_another = True  # it has become no program of its own yet

    def becomes(self, program: str, script: str = "") -> None:
        """Be another program now, as `npm` becomes `env`, and then `node`."""
        if self._is_another:
            self.programs = self.names = ()
        self.programs = (*self.programs, program)
        self.names = (*self.names, program, *([script] if script else []))
        self._is_another = False

    def child(self, how: str) -> Process:
        """Return a process that it begins: in the same folder, for a thread, or in a copy."""
        folder = self.folder if "CLONE_FS" in how else Folder(self.folder.path)
        return Process(folder, self.programs, self.names)


class Processes:
    """The processes of a trace.

    A new process may be heard before the call has returned by which another began it. Its calls wait until that one
    is known: it says in which folder they are made.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._known: dict[int, Process] = {}
        self._beginning: dict[int, str] = {}  # process -> how it begins another, now
        self._ahead: set[int] = set()  # begun, before the call has returned
        self._waiting: dict[int, list[Call | Begun]] = {}

    def __getitem__(self, number: int) -> Process:
        return self._known[number]

    def name_of(self, number: int) -> str:
        """Return the name of the program that a process is now."""
        known = self._known.get(number)
        return known.programs[-1] if known and known.programs else f"process {number}"

    def in_turn(self, calls: Iterable[Call | Begun]) -> Iterator[Call]:
        """Yield calls, each when its process is known."""
        for call in calls:
            yield from self._next(call)

    def begun_by_nobody(self) -> Iterator[Call]:
        """Yield at the end the calls of processes whose beginning was never told."""
        while self._waiting:
            yield from self._begins(next(iter(self._waiting)), Process(Folder("")))

    def _next(self, call: Call | Begun) -> Iterator[Call]:
        number = call.process
        if not self._known:
            self._known[number] = Process(Folder(self._folder))
        if number not in self._known:
            self._waiting.setdefault(number, []).append(call)
            if len(self._beginning) == 1 and len(self._waiting) == 1:  # no other can have begun it
                parent, how = self._beginning.popitem()
                self._ahead.add(number)
                yield from self._begins(number, self._known[parent].child(how))
        elif isinstance(call, Begun):
            self._beginning[number] = call.arguments
        elif call.name in STARTING:
            self._beginning.pop(number, None)
            yield call
            if call.value in self._ahead:
                self._ahead.discard(call.value)
            elif call.value and call.value > 0:
                yield from self._begins(call.value, self._known[number].child(call.arguments))
        else:
            yield call

    def _begins(self, number: int, process: Process) -> Iterator[Call]:
        """Make a process known, and take what it has done meanwhile."""
        self._known[number] = process
        for call in self._waiting.pop(number, ()):
            yield from self._next(call)
