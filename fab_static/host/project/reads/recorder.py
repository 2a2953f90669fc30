"""Records what this process reads, from the moment it is started.

Code that knows better tells by audit events (`sys.audit` costs nothing where nobody listens):

    fab_static.child   the next process that this thread starts tells what it reads
    fab_static.read    path, state: it was read by such a process; SHA-256, "absent" or "folder". A third word names
                       another aspect of it than its bytes
    fab_static.seen    seen, start_ns: what programs have read and written since then: traces/seen
    fab_static.apart   path, then None: in between this thread reads that file; inside, only parts of it count
    fab_static.part    path, name, value: this part of it was asked for
    fab_static.cache   folder: what is in it never changes what a run makes
    fab_static.unseen  why: this run must not be used again
    fab_static.end     answer: the run is over, whatever ends the process; JSON that is kept with it
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Callable, Iterable

from fab_static.host.project.reads.databases import Databases
from fab_static.host.project.reads.inside import CHANGES
from fab_static.host.project.reads.looks import Looks
from fab_static.host.project.reads.natives import Natives
from fab_static.host.project.reads.notes import Notes
from fab_static.host.project.reads.outcome import Outcome
from fab_static.host.project.reads.paths import absolute
from fab_static.host.project.reads.states import Row, entries_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.project.reads.programs import Starts

STARTS = {
    "os.system": "it ran a shell command",
    "os.exec": "it became another program",
    "os.posix_spawn": "it started another program",
    "os.spawn": "it started another program",
    "os.fork": "it forked",
    "os.forkpty": "it forked",
    "pty.spawn": "it started another program",
}
FOLLOWING = "fab_static.host.project.starts.started"
NAMES = "fab_static.host.project.reads.machine"
VOUCHED = ("os.system", "os.posix_spawn")  # which starts/started has traced
CONNECTS = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname")
HEARD = frozenset(
    [
        *("open", "import", "os.listdir", "os.scandir", "subprocess.Popen", "sqlite3.connect"),
        *("ctypes.dlopen", "fab_static.child", "fab_static.read", "fab_static.cache"),
        *("fab_static.apart", "fab_static.part", "fab_static.seen", "socket.gethostname"),
        *("fab_static.unseen", "fab_static.end", *CHANGES, *STARTS, *CONNECTS),
    ]
)
_IMPORTER = "<frozen importlib._bootstrap_external>"
_METADATA = os.path.join("importlib", "metadata")


class Recorder(Notes):
    """Records what this process reads, from the moment it is started."""

    def __init__(self, start: float, inside: Iterable[str], trust: Iterable[str]) -> None:
        super().__init__(start, inside)
        self._trust = frozenset(trust)
        self._databases = Databases(self)
        self._natives = Natives(trust)
        # the programs that it starts; None: they are not followed
        self._started: Starts | None = None
        self.ended: Callable[[str], None] = lambda _: None

    def begin(self) -> None:
        """Listen from now on."""
        # what was imported so far was searched for here
        for folder in {*sys.path, *sys.path_importer_cache}:
            self.note("modules", folder)
            self._note_path_files(folder)
        Looks(self).begin()
        self._natives.begin()
        self._follow()
        sys.addaudithook(self.hook)

    def _follow(self) -> None:
        """Follow what this process starts, where it is a build: to other hosts that is not sent."""
        if find_spec(FOLLOWING) is None:
            return
        import_module(NAMES).begin(self)
        self._started = import_module(FOLLOWING).Started(self, self._trust)
        self.settle = self._started.settle
        self._started.begin()

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what an audit event tells of."""
        if event not in HEARD:
            return
        if event == "fab_static.apart":
            self.here.off = arguments[0] is not None and arguments[0] in self.inside
        if self.here.off:
            return
        self.settle()
        if event == "open" and self.is_left_out(arguments[0]):
            if arguments[0] in self.inside:
                self.inside.opened(*arguments)
            return
        self.here.off = True
        try:
            self._heard(event, arguments)
        except Exception as error:  # the project must not fail of it
            self.is_unseen(f"what it did could not be recorded: {error!r}")
        finally:
            self.here.off = False

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        self._databases.listen_to_django()
        if event == "import":
            self._databases.watch_doors()
        elif event == "open":
            self.opened(*arguments)
        elif event in ("os.listdir", "os.scandir"):
            self.note(_listing_for(sys._getframe(2).f_code.co_filename), arguments[0])
        elif event in CHANGES:
            self.inside.changed(event, arguments)
            for at in CHANGES[event]:
                path = absolute(arguments[at])
                if path and path not in self.inside:
                    self.wrote(path)
        elif event == "subprocess.Popen":
            self._begins(*_shown(arguments[0], arguments[1]))
        elif event in STARTS:
            if self.here.vouched and event in VOUCHED:
                self.here.vouched = False
            else:
                self.is_unseen(STARTS[event])
        elif event in CONNECTS:
            if not str(arguments[-1]).startswith("/dev/log"):
                self.is_unseen("it asked the network")
        elif event == "socket.gethostname":
            self.more["knows_machine"] = True
        elif event == "sqlite3.connect":
            self._databases.opened(arguments[0])
        elif event == "ctypes.dlopen":
            if arguments[0]:
                self._natives.loads(os.fsdecode(arguments[0]))
        elif event == "fab_static.child":
            self.here.vouched = True
        elif event == "fab_static.read":
            path, state, *aspect = arguments
            self.note(aspect[0] if aspect else "bytes", path, state)
        elif event == "fab_static.seen":
            if self._started:
                self._started.tell(*arguments)
        elif event == "fab_static.part":
            self.inside.asked(*arguments)
        elif event == "fab_static.cache":
            path = os.path.abspath(arguments[0])
            self.caches.add(path)
            self.leave_out(path)
        elif event == "fab_static.unseen":
            self.is_unseen(str(arguments[0]))
        elif event == "fab_static.end":
            self.ended(arguments[0])

    def _begins(self, program: str, told: str) -> None:
        """Note that a program starts."""
        if self.here.vouched:
            self.here.vouched = False
        elif program not in self._trust:
            why = self._started.why_not() if self._started else ""
            self.is_unseen(f"it started {told}" + (f", and {why}" if why else ""))

    def _note_path_files(self, folder: str) -> None:
        """Note the .pth files that were read before we listened."""
        try:
            names = entries_of(folder)
        except OSError:
            return
        for name, _ in names:
            if name.endswith(".pth"):
                self.note("bytes", os.path.join(folder, name))

    def record(self) -> tuple[list[Row], list[str]]:
        """Return the inputs with their states, and why the run must not be used again, if it must not."""
        self.settle(all_of_them=True)
        self.here.off = True
        self._natives.judge(self, sys.modules)
        return Outcome(self).rows()


def _listing_for(file: str) -> str:
    """Return which of a folder's names the code that lists it cares for."""
    if file == _IMPORTER:
        return "modules"
    return "packages" if _METADATA in file else "names"


def _shown(program: Any, arguments: Any) -> tuple[str, str]:
    """Return the name of a program, and the name to tell: for a shell line, its first program's."""
    given = arguments if isinstance(arguments, (list, tuple)) else [program]
    words = [os.fsdecode(word) for word in given] or [str(program)]
    line = words[2].split() if words[1:2] == ["-c"] else []
    told = next((word for word in line if "=" not in word), words[0])
    return os.path.basename(words[0]), os.path.basename(told)
