"""Asks one agent: one request at a time, each with a number, an answer and an end."""

from __future__ import annotations

import contextlib
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from fab_static.errors import FabStaticError, RemoteError
from fab_static.plan.inventory import Ssh
from fab_static.plan.wire import verbs
from fab_static.remote import patience
from fab_static.remote.agent_channel import MAX_PACK, AgentChannel
from fab_static.remote.frames import Head
from fab_static.remote.output import Output
from fab_static.remote.sent import Deflated

A = TypeVar("A")
Params = Mapping[str, Any]
Later = tuple[str, Params, bytes]  # what to do, its words, its body
# their answers are texts: less than half of them goes over the line
DEFLATED = ("read_object", "read_release", "recall", "encode", "put_urls")
STREAMS = ("fetch", "store")  # nothing can be said between their frames: they end with the channel


class Requests:
    """The requests to one agent. Whoever leaves one early also ends the work on it."""

    def __init__(self, agent: AgentChannel, ssh: Ssh) -> None:
        self.agent = agent
        self._ssh = ssh
        self._number = 0  # of the last request
        self._last = 0, ""  # the last of those that were sent with it, and its verb
        self._under_way: str | None = None  # the verb whose answer has not come to its end
        self._asked = 0  # bytes of that request
        self._turn = threading.Lock()  # one request at a time
        self._later: dict[int, Later] = {}  # number -> a request whose answer nobody waited for

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return self._under_way is None

    def ask(
        self,
        do: str,
        params: Params,
        body: bytes,
        on_output: Callable[[bytes], None] | None = None,
        timeout_seconds: float | None = None,
    ) -> tuple[Head, bytes]:
        """Send a request and return its answer. Ask again if the idle channel had been closed meanwhile."""

        def once() -> tuple[Head, bytes]:
            with self.begun(do, params, body):
                return self._answer(do, on_output, timeout_seconds)

        return self._or_again(once, [do])

    def _or_again(self, ask: Callable[[], A], what: Iterable[str]) -> A:
        """Ask, and once more where the idle channel had been closed meanwhile, and all of it may be asked twice."""
        was_open = self.agent.is_open
        try:
            return ask()
        except RemoteError:
            may_repeat = was_open and all(verbs.VERBS[do].may_repeat for do in what)
            if not (may_repeat and self.agent.is_lost_unheard):
                raise
        return ask()

    def later(self, do: str, params: Params, body: bytes) -> None:
        """Send a request that may be done twice, and wait for nothing: the next one hears whether it was done."""
        with self._turn:
            self._send_later(do, params, body)

    def settle(self) -> None:
        """Wait for the answers that nobody waited for.

        Raises:
            RemoteError: one of these requests was refused, or the connection was cut.
        """
        if self._later:
            self.ask(verbs.PING.name, {}, b"")

    def _send(self, do: str, params: Params, body: bytes) -> None:
        self.agent.send(self._head(self._number, do, params), body)

    def _head(self, number: int, do: str, params: Params) -> Head:
        head = {"do": do, **params, "n": number}
        if do in DEFLATED and not self.agent.is_here:
            head["deflates"] = True
        return head

    def _send_later(self, do: str, params: Params, body: bytes) -> None:
        self._number += 1
        self._later[self._number] = do, params, body
        try:
            self._send(do, params, body)
        except BaseException:
            self._later.clear()
            raise

    def _send_again(self) -> None:
        """Send again what an agent that has ended may not have done."""
        if self._later and (not self.agent.is_open or self.agent.has_ended):
            lost, self._later = list(self._later.values()), {}
            for one in lost:
                self._send_later(*one)

    def together(self, questions: Sequence[Later]) -> list[tuple[Head, bytes] | None]:
        """Send several requests that change nothing, then read their answers: one trip for all.

        None stands for what was refused, and for all that follows once the connection is lost: whoever asks
        that on its own is told why.
        """
        answers: list[tuple[Head, bytes] | None] = [None] * len(questions)
        with self._turn:
            self._send_again()
            first = self._number + 1
            self._last = self._number + len(questions), ""
            try:
                self.agent.send_all(
                    [
                        (self._head(number, do, params), body)
                        for number, (do, params, body) in enumerate(questions, first)
                    ]
                )
                for at, (do, _, body) in enumerate(questions):
                    self._number, self._under_way, self._asked = first + at, do, _size_of(body)
                    with contextlib.suppress(FabStaticError):
                        answers[at] = self._answer(do)
                    if not self.agent.is_open:
                        break
            except FabStaticError:
                pass
            finally:
                if self._under_way:
                    self.agent.close()
                self._number, self._under_way = self._last[0], None
        return answers

    def chained(
        self,
        requests: Sequence[Later],
        needed: int,
        on_output: Callable[[bytes], None] | None = None,
        timeout_seconds: float | None = None,
    ) -> list[tuple[Head, bytes]]:
        """Send requests each of which is done only where the one before it was; return their answers: one trip for all.

        With `timeout_seconds` each may take so long, and no longer. There are fewer answers where one was refused, and so
        those after it, or the connection was cut: whoever asks for one of these on its own is told why.

        Raises:
            FabStaticError: that befell one of the first `needed`.
        """
        return self._or_again(
            lambda: self._chained(requests, needed, on_output, timeout_seconds),
            [do for do, *_ in requests],
        )

    def _chained(
        self,
        requests: Sequence[Later],
        needed: int,
        on_output: Callable[[bytes], None] | None,
        timeout_seconds: float | None,
    ) -> list[tuple[Head, bytes]]:
        answers: list[tuple[Head, bytes]] = []
        with self._turn:
            self._send_again()
            first = self._number + 1
            self._last = first + len(requests) - 1, requests[-1][0]
            self.agent.expect_answer()
            try:
                self._number, self._under_way = first, requests[0][0]
                self.agent.send_all(
                    [
                        (self._head(number, do, {**params, **_after(number, first)}), body)
                        for number, (do, params, body) in enumerate(requests, first)
                    ]
                )
                for number, (do, _, body) in enumerate(requests, first):
                    self._number, self._under_way, self._asked = number, do, _size_of(body)
                    own = on_output if do == verbs.RUN.name else None
                    answers.append(self._answer(do, own, timeout_seconds))
            except FabStaticError:
                if len(answers) < needed:
                    raise
            finally:
                if self._under_way:
                    self._cancel_and_wait()
                self._number, self._under_way = self._last[0], None
        return answers

    def take(self, do: str, frames: Iterable[tuple[Head, bytes]]) -> Head:
        """Send a request and a stream of frames after it, and return the answer's head."""
        with self.begun(do, {}, b""):
            for head, body in frames:
                self.agent.send(head, body)
            self.agent.send({"end": True}, b"")
            return self._answer(do)[0]

    @contextmanager
    def begun(self, do: str, params: Params, body: bytes) -> Iterator[None]:
        """Send a request. Whoever leaves before its answer has ended also ends the work on it."""
        with self._turn:
            self._send_again()
            self._number += 1
            self.agent.expect_answer()
            self._under_way = do
            self._asked, self._last = _size_of(body), (self._number, do)
            try:
                self._send(do, params, body)
                yield
            finally:
                if self._under_way:
                    self._cancel_and_wait()
                self._under_way = None

    def cancel(self) -> None:
        """Have the agent end what it works on. Whoever waits for the answer is told. Any thread may call it."""
        do = self._under_way
        seconds = patience.CANCEL_SECONDS / 4
        numbers = [*range(self._number, self._last[0] + 1)]
        if do in STREAMS or (do and not self.agent.tell({"cancel": numbers}, seconds)):
            self.agent.close()

    def _cancel_and_wait(self) -> None:
        """End the work on a request and wait for its end: what it wrote may have to be put back."""
        try:
            self.cancel()
            self._number, self._under_way = self._last  # when that has ended, all have
            deadline = time.monotonic() + patience.CANCEL_SECONDS
            with contextlib.suppress(FabStaticError):
                while self._under_way and self.agent.is_open and time.monotonic() < deadline:
                    self.frame(max(0.05, deadline - time.monotonic()))
        finally:
            if self._under_way:
                self.agent.close()

    def _answer(
        self,
        do: str,
        on_output: Callable[[bytes], None] | None = None,
        timeout_seconds: float | None = None,
    ) -> tuple[Head, bytes]:
        """Read to the end of the answer to a request; what a command prints is the body where nobody takes it."""
        printed = Output()
        limit = timeout_seconds or patience.stall_seconds(self._ssh)
        deadline, moved = time.monotonic() + limit, None
        while True:
            head, data = self.frame()
            if "ok" in head:
                return head, data or printed.all()
            if "output" in head:
                (on_output or printed.add)(data)
            if timeout_seconds is None and head.get("moved", moved) != moved:
                deadline, moved = time.monotonic() + limit, head["moved"]
            if time.monotonic() > deadline:
                raise self._too_long(do, limit) if timeout_seconds else self.stalled(do, limit)

    def frame(self, timeout_seconds: float | None = None) -> tuple[Head, bytes]:
        """Return the next frame of the answer that is under way.

        Raises:
            RemoteError: the host was silent, the connection was cut, or the agent refused.
        """
        do = self._under_way or ""
        silence = timeout_seconds or patience.silence_seconds(self._ssh)
        most = verbs.body_limit(do, self._asked)
        head, body = self._of_this_request(silence, most)
        if head.pop("deflated", False) is True:
            body = self._inflated(do, body, most)
        if "error" in head:
            self._under_way = None
            self.agent.refuse_error(head)
        if "ok" in head:
            if len(body) > verbs.body_limit(do, self._asked):
                words = f"a body of {len(body):,} bytes, which {do} does not have"
                raise self.agent.malformed(words)
            self.agent.believed(do, head)
            self._under_way = None
        return head, body

    def _of_this_request(self, silence_seconds: float, most_body: int) -> tuple[Head, bytes]:
        """Return the next frame, past those that belong to a request which was given up."""
        most = max(MAX_PACK, most_body)
        deadline = time.monotonic() + silence_seconds
        head, body = self.agent.received(silence_seconds, most)
        while (number := head.get("n", self._number)) != self._number:
            if type(number) is int and number in self._later:
                self._ended_later(number, head)
            elif "lacks" in head and self.agent.lacks(head["lacks"]):
                pass
            elif type(number) is not int or number > self._number or time.monotonic() > deadline:
                raise self.agent.malformed(f"an answer to the request {str(number)[:20]}")
            head, body = self.agent.received(silence_seconds, most)
        return head, body

    def _inflated(self, do: str, body: bytes, most: int) -> bytes:
        """Return the body of an answer as it was; no more of it than that answer may have."""
        inflating = zlib.decompressobj()
        try:
            whole = inflating.decompress(body, most + 1)
        except zlib.error as error:
            raise self.agent.malformed(f"{do}: {error}") from error
        if len(whole) > most:
            raise self.agent.malformed(
                f"a body of more than {most:,} bytes, which {do} does not have"
            )
        if not inflating.eof:
            raise self.agent.malformed(f"{do}: a body that breaks off")
        return whole

    def _ended_later(self, number: int, head: Head) -> None:
        """Take in the answer to a request that nobody waited for.

        Raises:
            FabStaticError: it was refused.
        """
        if "error" in head:
            self._later.clear()
            self.agent.refuse_error(head)
        if "ok" in head:
            del self._later[number]

    def stalled(self, do: str, seconds: float) -> RemoteError:
        """End the agent, whose work has not moved for so long; return the error that says so."""
        self.agent.close()
        return RemoteError(
            f"{do} stands still: nothing has moved for {seconds:g} seconds",
            where=self.agent.name,
            mend="see whether its disks and network file systems answer: "
            f"{self.agent.ssh_command}; then run it again",
        )

    def _too_long(self, do: str, seconds: float) -> RemoteError:
        self.agent.close()
        return RemoteError(
            f"{do} was not done after {seconds:g} seconds",
            where=self.agent.name,
            mend="raise ssh.command_timeout if that is not long for this host",
        )


def _after(number: int, first: int) -> Params:
    """Return the words by which a request of a chain is done only where the one before it was."""
    return {} if number == first else {"after": number - 1}


def _size_of(body: bytes) -> int:
    """Return how many bytes a body has, before it is deflated."""
    return body.size if isinstance(body, Deflated) else len(body)
