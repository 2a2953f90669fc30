"""One host of the inventory, as phases know it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast, overload

from fab_static.errors import FabStaticError
from fab_static.host.agent.protocol import RECORD, picked
from fab_static.plan.inventory import Environment, Host
from fab_static.plan.layout import Layout
from fab_static.plan.wire import answers, asks, verbs
from fab_static.plan.wire.shapes import misshapen
from fab_static.plan.wire.verbs import Verb
from fab_static.remote.agent_channel import AgentChannel
from fab_static.remote.client import Connection
from fab_static.remote.clients import client_of
from fab_static.remote.foreseen import (
    MOST_TOGETHER,
    AnyVerb,
    Foreseen,
    Question,
    Request,
    is_object,
)
from fab_static.remote.frames import Head
from fab_static.remote.output import Output, Ran
from fab_static.remote.packs import Packs
from fab_static.remote.requests import Later, Params, Requests

R = TypeVar("R")
A = TypeVar("A")
T = TypeVar("T")
SHOWN_OUTPUT = 256 * 1024 * 1024  # bytes of a command's output that are shown and logged


class RemoteHost:
    """One host, through one connection and one agent; both are opened when first needed."""

    def __init__(
        self, host: Host, environment: Environment, connection: Connection | None = None
    ) -> None:
        self.host = host
        self.environment = environment
        self.layout: Layout = environment.layout(host)
        self.connection = connection or client_of(environment)(host)
        self._agent = AgentChannel(host, environment, self.connection)
        self._requests = Requests(self._agent, environment.ssh)
        self._packs = Packs(self._requests, environment)
        self._foreseen = Foreseen()
        self._siblings: list[RemoteHost] = []
        # while this is the build host of a deploy: by which token it holds the lock, and at which phase it is
        self.held: Mapping[str, str] | None = None

    @property
    def name(self) -> str:
        """The host's name in the inventory."""
        return self.host.name

    @property
    def cure(self) -> str:
        """What to do where no host holds an object of a release that this one should hold."""
        return f"build them again: fab {self.environment.name} deploy"

    @property
    def roles(self) -> tuple[str, ...]:
        """The host's roles."""
        return self.host.roles

    @property
    def hello(self) -> Head:
        """The agent's first words: who it is, in which Python."""
        return self._agent.hello

    @property
    def is_here(self) -> bool:
        """Whether its agent runs on this machine, so that nothing need be made small for it."""
        return self._agent.is_here

    @property
    def requests(self) -> int:
        """How many frames went to the host."""
        return self._agent.sent

    @property
    def moved_at(self) -> float:
        """When something last came from the host, or went there; time.monotonic()."""
        return self._agent.moved_at

    def moves(self) -> None:
        """Count from now on how long nothing has moved."""
        self._agent.moved_at = time.monotonic()

    def sibling(self) -> RemoteHost:
        """Return the same host through the same connection, with an agent of its own."""
        sibling = RemoteHost(self.host, self.environment, self.connection)
        self._siblings.append(sibling)
        return sibling

    @overload
    def ask(
        self,
        verb: Verb[asks.Nothing, A],
        request: None = None,
        body: bytes = b"",
        *,
        on_output: Callable[[bytes], None] | None = None,
        timeout_seconds: float | None = None,
    ) -> tuple[A, bytes]: ...

    @overload
    def ask(
        self,
        verb: Verb[R, A],
        request: R,
        body: bytes = b"",
        *,
        on_output: Callable[[bytes], None] | None = None,
        timeout_seconds: float | None = None,
    ) -> tuple[A, bytes]: ...

    def ask(
        self,
        verb: Verb[Any, A],
        request: Any = None,
        body: bytes = b"",
        *,
        on_output: Callable[[bytes], None] | None = None,
        timeout_seconds: float | None = None,
    ) -> tuple[A, bytes]:
        """Have the agent do one thing, and return its answer: head and body.

        It may take as long as the work goes on; with `timeout_seconds` no longer than that.

        Raises:
            RemoteError: the host cannot be reached, was silent too long, or refused; with its name.
        """
        known = self._foreseen.answer(verb, request)
        if known:
            return cast("tuple[A, bytes]", known)
        return self._asked(verb, request, body, on_output, timeout_seconds)

    def _asked(
        self,
        verb: Verb[Any, A],
        request: Any,
        body: bytes,
        on_output: Callable[[bytes], None] | None,
        timeout_seconds: float | None,
    ) -> tuple[A, bytes]:
        params = self._with_lock(request)
        head, data = self._requests.ask(verb.name, params, body, on_output, timeout_seconds)
        if verb is verbs.READ_OBJECT:
            self._packs.refuse_other_bytes(params["object"], data)
            self._foreseen.keep(verb, request, (head, data))
        return cast("A", head), data  # its shape was looked at as it came in

    def foresee(self, questions: Iterable[Question]) -> None:
        """Ask together what will be asked one after the other; whoever asks it then has the answer at once.

        What was answered counts until the host is asked to change something, and no longer. Questions that
        are refused are asked again by whoever wants to know.
        """
        asked = self._foreseen.lacking(questions)[:MOST_TOGETHER]
        told = self._requests.together(self._as_sent(asked))
        for (verb, request, *_), answer in zip(asked, told, strict=True):
            if not answer:
                continue
            if verb is not verbs.READ_OBJECT or is_object(request, answer[1]):
                self._foreseen.keep(verb, request, answer)
            elif request and "like" in request:
                self.learn_object(request["object"], request["like"], answer[1])

    def forget_foreseen(self) -> None:
        """Forget what was asked ahead, and nobody wanted to know: whoever asks it now wants what is so now."""
        self._foreseen.forget()

    def learn_object(self, name: str, base: str, told: bytes) -> None:
        """Take an object by its difference to another, so that nobody need ask the host for it.

        It counts where that other was asked for before, and makes of it the bytes that the name says.
        """
        self._foreseen.learn(name, base, told)

    def ask_then(self, verb: Verb[R, A], request: R, then: Sequence[Question]) -> A:
        """Have the agent do one thing, and then others, in one trip; return the answer to the first.

        Each is only done where the one before it was. What the others answer waits for whoever asks that.

        Raises:
            RemoteError: as of `ask`, for the first.
        """
        self._foreseen.answer(verb, cast("Request", request))
        first: Question = (verb, cast("Request", request))
        then = self._foreseen.lacking(then)
        done = self._requests.chained(self._as_sent([first, *then]), 1)
        self._foreseen.keep_all(then, done[1:])
        return cast("A", done[0][0])

    def _as_sent(self, questions: Iterable[Question]) -> list[Later]:
        return [
            (verb.name, self._with_lock(request), body[0] if body else b"")
            for verb, request, *body in questions
        ]

    def later(self, verb: AnyVerb, body: bytes = b"", request: Request = None) -> None:
        """Have the agent do what may be done twice, and wait for nothing; the next request hears how it went."""
        self._requests.later(verb.name, self._with_lock(request), body)

    def settle(self) -> None:
        """Wait until all is done that nobody waited for.

        Raises:
            RemoteError: something of it was not.
        """
        self._requests.settle()

    def keep_programs(self) -> None:
        """Have the host keep what was sent there to run, and wait for nothing; the next deploy sends it no more."""
        if self._agent.was_sent:
            self._agent.was_sent = False
            self.later(verbs.KEEP_PROGRAMS, b"")

    def _with_lock(self, request: Request) -> Params:
        """Return the words of a request; the host refuses it where the lock that it names is another's by now."""
        return {**(request or {}), "held": self.held} if self.held else request or {}

    def teach(self, archive: bytes) -> None:
        """Have the agent learn the modules of an archive, unless it has; it costs no trip of its own."""
        self._agent.teach(archive)

    def said(self, what: str, data: bytes | str, shape: type[A]) -> A:
        """Return the JSON of a body, or of a command's output, if it has this shape of plan/wire/.

        Raises:
            RemoteError: it has not; `what` it is, is named.
        """
        try:
            value: A = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._agent.malformed(f"{what}: {str(error)[:200]}") from error
        if wrong := misshapen(shape, value):
            raise self._agent.malformed(f"{what}: {wrong}")
        return value

    def picked(self, what: str, known: Sequence[T], marks: bytes) -> list[T]:
        """Return which of what both ends know a body means, as the agent's `marked` has it.

        Raises:
            RemoteError: it means others; `what` answered it, is named.
        """
        try:
            return picked(known, marks)
        except ValueError as error:
            raise self._agent.malformed(f"{what}: {error}") from error

    def packs(self, verb: Verb[asks.Nothing, Any], body: bytes) -> Iterator[tuple[Head, bytes]]:
        """Yield the frames of a stream of objects, as they come.

        Args:
            verb: what yields them.
            body: the objects' records.

        Raises:
            RemoteError: as of `ask`; or more comes than was asked for.
        """
        return self._packs.stream(verb.name, body)

    def lacks(self, wanted: bytes) -> bytes:
        """Return the records of those objects that the host does not hold, whole; it only looks."""
        return self.ask(verbs.MISSING, asks.Missing(look=True), wanted)[1]

    def objects(self, wanted: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield objects, SHA-256 and bytes, as they come. Only one is in memory at a time, and what was foreseen.

        Args:
            wanted: their records, as the agent's `fetch` takes them.

        Raises:
            RemoteError: the host cannot be reached, or an object's bytes are not its own.
        """
        known = self._foreseen.objects(raw.hex() for raw, _ in RECORD.iter_unpack(wanted))
        return self._packs.objects(wanted) if known is None else iter(known.items())

    def take(self, verb: Verb[asks.Nothing, A], frames: Iterable[tuple[Head, bytes]]) -> A:
        """Send a request and a stream of frames after it, and return the answer's head."""
        self._foreseen.answer(verb, None)  # what was foreseen may change by it
        return cast("A", self._requests.take(verb.name, frames))

    def run(
        self,
        command: list[str],
        *,
        folder: str | None = None,
        environment: Mapping[str, str] | None = None,
        main: str | None = None,
        on_output: Callable[[bytes], None] | None = None,
        record: asks.Record | asks.OwnRecord | None = None,
        shares_start: bool = False,
        only_looks: bool = False,
        before: Sequence[Question] = (),
        after: Sequence[Question] = (),
    ) -> Ran:
        """Run a command on the host; its environment never stands on a command line.

        Args:
            command: its words; with `main`, a Python.
            folder: where it runs.
            environment: variables that it gets beyond the agent's own.
            main: the module of host/project/ that this Python runs; the agent must have learned it.
            on_output: is given what it prints, as it comes.
            record: what the agent needs to record there what the command reads.
            shares_start: it may run in a fork of a process that has set the project up: a command of
                manage.py, or the record's `main`.
            only_looks: it changes nothing; what was foreseen counts still.
            before: what is asked of the host first, in the same trip; refused, nothing is run.
            after: what is asked of it once the command has succeeded; the answer waits for whoever asks that.
        """
        kept = Output()

        def collect(piece: bytes) -> None:
            kept.add(piece)
            if on_output and kept.size <= SHOWN_OUTPUT:
                on_output(piece)

        limit = self.environment.ssh.command_timeout
        request = asks.Run(
            command=command,
            folder=folder,
            environment=dict(environment or {}),
            timeout=limit,
            main=main,
            record=record,
            shares_start=shares_start,
        )
        if not only_looks or self._foreseen.has(verbs.RUN, request):
            known = self._foreseen.answer(verbs.RUN, request)
            if known and only_looks:
                return Ran.told(known[0], known[1].decode(errors="replace"))
        after = self._foreseen.lacking(after)
        asked: list[Question] = [*before, (verbs.RUN, request), *after]
        at = len(before)
        done = self._requests.chained(self._as_sent(asked), at + 1, collect, limit + 30)
        self._foreseen.keep_all(after, done[at + 1 :])
        return Ran.told(cast("answers.Ran", done[at][0]), kept.all().decode(errors="replace"))

    def to_look(self, command: list[str], folder: str) -> tuple[AnyVerb, asks.Run]:
        """Return how the host is asked to run a command that changes nothing, so that `run` has the answer."""
        return verbs.RUN, asks.Run(
            command=command,
            folder=folder,
            environment={},
            timeout=self.environment.ssh.command_timeout,
            main=None,
            record=None,
            shares_start=False,
        )

    def cancel(self) -> None:
        """Have the agent end what it works on; who waits for the answer is told. From any thread."""
        self._requests.cancel()

    def alive(self) -> None:
        """Let the agent know that the operator is there, whatever it works on.

        One that ended while it had nothing to do is opened again, and nobody waits for that.
        """
        if not self._agent.tell({"alive": True}, 0) and self._agent.has_ended:
            threading.Thread(target=self._alive_again, daemon=True).start()

    def _alive_again(self) -> None:
        if self._requests.is_idle:  # else whoever waits for an answer is told
            # it is tried again at the next word; ValueError: closed meanwhile
            with contextlib.suppress(FabStaticError, ValueError):
                self.ask(verbs.PING)
                self._agent.tell({"alive": True}, 0)

    def keep(self) -> None:
        """Keep the channel to the agent from looking idle, and those of its siblings."""
        for one in (self, *self._siblings):
            one._agent.tell({"here": True}, 0)

    def close_agent(self) -> None:
        """End the agent, and with it what it runs; the next request starts another."""
        self._agent.close()
