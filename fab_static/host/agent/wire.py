"""The channel of an agent: one request after the other comes in, and is answered, until the connection ends.

It speaks in frames, on its standard input and output:

    4 bytes  length of the head (big endian)
    4 bytes  length of the body
    head     one JSON object, ASCII; file names that are not Unicode travel as lone surrogates
    body     bytes, where a request or an answer has any

A request's head says what to `do`, and has a number, `n`; all frames of its answer have that number, and the
last one has `ok` or `error`. While it works the agent sends `tick` frames, so that a silent host is known from
a busy one; `moved` grows in them while the work goes on, so that a busy host is known from one that hangs.
Three frames are heard at once, whatever the agent works on: `alive`, `here`, and `cancel` with the numbers of
requests. `here` says nothing: it keeps the connection from looking idle.
A request with `after`, the number of the one before it, is refused unless that one was done.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
import zlib

# signal itself makes enums of all its numbers, which takes a millisecond
from _signal import SIG_IGN, SIGHUP, signal  # type: ignore[import-not-found]  # built in
from collections import deque
from importlib import import_module

from fab_static.host.agent.protocol import FRAME, HELLO, MAX_FRAME, TICK_SECONDS
from fab_static.host.agent.provisional import PROVISIONAL
from fab_static.host.agent.refusals import RefusedError, user
from fab_static.host.agent.store import Host
from fab_static.host.agent.work import END_SECONDS, Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from fab_static.host.agent.project_start import OneStart
    from fab_static.host.agent.protocol import Head, Verb

MANY = 32  # frames
MUCH = 4096  # bytes of an answer that are worth deflating
ROOMS = "fab_static.host.agent"  # where the modules of the verbs are

# what can be asked -> the module that has a function of this name; it is imported when it is first asked
VERBS = {
    "note": "noting",
    "write_journal": "noting",
    "adopt": "adopting",
    "ping": "state",
    "state": "state",
    "read_object": "transfer",
    "put_object": "transfer",
    "missing": "transfer",
    "fetch": "transfer",
    "store": "transfer",
    "fetch_urls": "fetching",
    "put_urls": "putting",
    "read_release": "releases",
    "summaries": "releases",
    "build_release": "releases",
    "take_seal": "taking",
    "verify": "releases",
    "look_at": "releases",
    "flip": "flip",
    "confirm": "flip",
    "doubt": "flip",
    "flip_back": "flip",
    "encode": "encoding",
    "encode_ahead": "encoding",
    "take_copies": "encoding",
    "deltas": "deltas",
    "mismatched": "copies",
    "hashes": "page_facts",
    "fonts": "page_facts",
    "other_bytes": "seals",
    "guard": "static_root",
    "not_ours": "static_root",
    "empty": "static_root",
    "snapshot": "static_root",
    "restore": "static_root",
    "guard_writes": "writes",
    "keep_writes": "writes",
    "put_writes_back": "writes",
    "to_lift": "lift",
    "lift": "lift",
    "lower": "lift",
    "run": "commands",
    "keep_programs": "programs",
    "learn": "project_modules",
    "recall": "recalling",
    "replay": "replaying",
    "pack": "carried",
    "unpack": "carried",
    "gather": "carried",
    "set_up": "project_start",
    "http": "web",
    "closed_to_nginx": "web",
    "look_at_lock": "lock",
    "lock": "lock",
    "beat": "lock",
    "unlock": "lock",
    "signers": "trust",
    "trust": "trust",
    "prune": "prune",
    "facts": "facts",
    "mark": "facts",
    "is_marked": "facts",
}


def function_of(do: str) -> Verb:
    """Return the function that answers requests to `do` something."""
    found: Verb = getattr(import_module(f"{ROOMS}.{VERBS[do]}"), do)
    return found


def plain(head: Head, body: bytes) -> bytes:
    """Return the body of a request as it was before it was deflated."""
    return zlib.decompress(body) if head.get("deflated") else body


class Waiting:
    """The frames that wait for their turn; who reads them waits where there are many: they take memory."""

    def __init__(self) -> None:
        # queue.Queue would do, but it takes long to load
        self._frames: deque[tuple[Head, bytes]] = deque()
        self._here = threading.Semaphore(0)
        self._room = threading.Semaphore(MANY)

    def put(self, frame: tuple[Head, bytes]) -> None:
        self._room.acquire()
        self._frames.append(frame)
        self._here.release()

    def put_back(self, frames: list[tuple[Head, bytes]]) -> None:
        self._frames.extendleft(reversed(frames))
        for _ in frames:
            self._here.release()

    def get(self) -> tuple[Head, bytes]:
        self._here.acquire()
        frame = self._frames.popleft()
        self._room.release()
        return frame


class Agent:
    """Answers the requests of one operator, one after the other, until the connection ends."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._writing = threading.Lock()
        self._frames = Waiting()
        self._busy = threading.Event()
        self._number: Any = None  # of the request at hand
        self._done: Any = None  # the number of the last that was done
        self._cancelled: list[Any] = []  # the numbers of those that nobody waits for
        self.children: set[int] = set()
        self.archive: bytes = getattr(globals().get("__loader__"), "archive", b"")  # our own
        self.project = b""  # the archive of host/project/, once it was sent
        self.start: OneStart | None = None
        self.starts_alone = False  # each command is a process of its own
        self.host: Host

    def serve(self) -> NoReturn:
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._tick, daemon=True).start()
        os.write(self._sink, HELLO)  # a login's greeting may stand before it
        self.send(
            {
                "agent": 1,
                "python": ".".join(map(str, sys.version_info[:3])),
                "user": user(),
                "machine": os.uname().nodename,
            }
        )
        while True:
            head, body = self.next_frame()
            self._begin(head)
            self._busy.set()
            try:
                answer, data = self._answer(head, body)
                answer["ok"] = True
                if not answer.get("code"):  # a command that failed is not done
                    self._done = self._number
                if head.get("deflates") and len(data) > MUCH:
                    answer["deflated"], data = True, zlib.compress(data, 3)
                self.send(answer, data)
            except Exception as error:
                from fab_static.host.agent.explaining import explained  # late: it is the exception

                self.send({"error": explained(error)})
            finally:
                self._busy.clear()

    def _begin(self, head: Any) -> None:
        """Take up a request: what is sent from here on has its number."""
        self._number = head.get("n") if isinstance(head, dict) else None
        Work.is_cancelled = self._number is not None and self._number in self._cancelled

    def _cancel(self, numbers: list[Any]) -> None:
        """End the work on requests that nobody waits for, and the commands that run for them."""
        self._cancelled = numbers
        if self._number in numbers:
            with Work.ending:
                Work.cancel()
                self._end_children()

    def _answer(self, head: Head, body: bytes) -> tuple[Head, bytes]:
        body = plain(head, body)
        if head["do"] == "open":
            self.host = Host(head["deploy_to"], head["app"], head["environment"])
            return {}, b""
        if head.get("after", self._done) != self._done:
            raise RefusedError(
                "what came before it was not done", "a request", "run the task again", "cancelled"
            )
        if "held" in head:
            from fab_static.host.agent.lock import refuse_lost  # late: few hosts keep a lock

            refuse_lost(self.host, head["held"])
        return function_of(head["do"])(self, head, body)

    def send(self, head: Head, body: bytes = b"") -> None:
        if self._number is not None:
            head = dict(head, n=self._number)
        text = json.dumps(head).encode("ascii")
        with self._writing:
            for data in (FRAME.pack(len(text), len(body)) + text, body):
                view = memoryview(data)
                while view:
                    view = view[os.write(self._sink, view) :]

    def next_frame(self) -> tuple[Head, bytes]:
        return self._frames.get()

    def next_to(self, do: str) -> bytes:
        """Return the body of the next request to do this, before those that came earlier."""
        earlier: list[tuple[Head, bytes]] = []
        while True:
            head, body = self._frames.get()
            if head.get("do") == do:
                self._frames.put_back(earlier)
                return plain(head, body)
            earlier.append((head, body))

    def _read(self) -> None:
        """Read ahead, so that the end of the connection is seen while a command runs."""
        try:
            while True:
                head_size, body_size = FRAME.unpack(self._exactly(FRAME.size))
                if head_size > MAX_FRAME or body_size > MAX_FRAME:
                    break
                head = json.loads(self._exactly(head_size).decode("ascii"))
                body = self._exactly(body_size)
                # these are not requests: they must be heard while one is worked on
                if isinstance(head, dict) and "here" in head:
                    continue
                if isinstance(head, dict) and "alive" in head:
                    self._heard()
                elif isinstance(head, dict) and "cancel" in head:
                    self._cancel(head["cancel"])
                else:
                    self._frames.put((head, body))
        except (EOFError, ValueError, OSError, RecursionError):
            pass
        self._end()

    def _heard(self) -> None:
        """Tell the watchdog of a provisional flip that the operator is there."""
        try:  # noqa: SIM105 - contextlib takes a millisecond to load
            os.utime(self.host.path(PROVISIONAL))
        except (FileNotFoundError, AttributeError):  # nothing is provisional, or no host is open
            pass

    def _exactly(self, size: int) -> bytes:
        pieces = []
        while size:
            piece = os.read(self._source, min(size, 1 << 20))
            if not piece:
                raise EOFError
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _end(self) -> NoReturn:
        """The operator is gone: end what runs for him. Files are safe at any point: renamed or not."""
        self._writing.acquire(timeout=END_SECONDS)  # and never let go: nobody reads any more
        Work.cancel()
        self._end_children()
        if hasattr(self, "host") and self.host.token:
            from fab_static.host.agent.lock import abandon_lock  # late: few agents hold it

            abandon_lock(self.host)
        if hasattr(self, "host") and self.host.lifted:
            from fab_static.host.agent.lift import lower_for_owner  # late: few agents lift

            lower_for_owner(self.host)
        os._exit(0)

    def _end_children(self) -> None:
        if self.children:
            from fab_static.host.agent.processes import end_all  # late: most hosts run nothing

            end_all(list(self.children))

    def _tick(self) -> None:
        while True:
            self._busy.wait()
            time.sleep(TICK_SECONDS)
            if self._busy.is_set():
                steps = Work.steps + int(
                    10 * time.process_time()
                )  # a hang takes no time of the CPU
                try:
                    self.send({"tick": True, "moved": steps})
                except OSError:
                    self._end()


def main() -> NoReturn:
    """Serve the connection this program was started for."""
    gc.set_threshold(100_000)  # objects: Python looks seldom for cycles, of which few arise
    os.umask(0o022)  # nginx must read what we write, whatever the umask of the login
    signal(SIGHUP, SIG_IGN)  # the end of the connection is seen as end of input
    # what a command or a bug prints must not come between the frames
    sink = os.dup(1)
    os.dup2(2, 1)
    Agent(0, sink).serve()
