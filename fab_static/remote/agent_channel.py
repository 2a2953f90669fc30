"""The way to one agent: frames go through it and come back, and it is opened when first needed.

What cannot be sent or received ends it. Whoever waits gets one error, with the host's name and the cure.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256

import paramiko

from fab_static.errors import DeployLockedError, FabStaticError, ReleaseError, RemoteError
from fab_static.host.agent.protocol import HELLO, PIECE
from fab_static.host.archive import LACKS
from fab_static.plan.inventory import Environment, Host
from fab_static.plan.layout import wants_signature
from fab_static.plan.wire import verbs
from fab_static.plan.wording import of_unnamed_signers
from fab_static.remote import patience
from fab_static.remote.client import Connection
from fab_static.remote.frames import Channel, Frames, Head, MalformedError, TooSlowError
from fab_static.remote.opening import Opening
from fab_static.remote.sent import framed

LEARN = {"do": "learn", "n": 0}  # nobody waits for this number
WITH_FIRST = 64 * 1024  # bytes of a body that goes along with an agent's first words
MAX_GREETING = 256 * 1024  # bytes that a login may print before the agent speaks
MAX_PACK = 4 * PIECE  # bytes of objects in one frame; an agent sends less than half of it


class AgentChannel:
    """The operator's end of one agent."""

    def __init__(self, host: Host, environment: Environment, connection: Connection) -> None:
        self.name = host.name
        self._environment = environment
        self.hello: Head = {}  # the agent's first words
        self.sent = 0  # frames, and openings
        self.moved_at = time.monotonic()  # when something last came from the host, or went there
        self.is_lost_unheard = False  # whether the connection was lost before any of the answer
        self._is_heard = False  # whether anything came since that request was begun
        self._opening = Opening(host, environment, connection)
        self._channel: Channel | None = None
        self._frames = Frames()
        self._writing = threading.Lock()  # one frame at a time
        self._archive = b""  # which an agent is to learn
        self._is_taught = False
        self.was_sent = False  # a program, to a host that could keep it

    @property
    def is_open(self) -> bool:
        """Whether an agent was started, and not ended since."""
        return self._channel is not None

    @property
    def has_ended(self) -> bool:
        """Whether an agent was started, and its channel was ended by the other side since."""
        channel = self._channel  # another thread may close it
        return channel is not None and channel.has_ended()

    @property
    def ssh_command(self) -> str:
        """The command by which a person reaches the host."""
        return self._opening.ssh_command

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine, so that nothing need be deflated."""
        return self._opening.is_here

    def expect_answer(self) -> None:
        """Begin to note whether anything comes."""
        self._is_heard = self.is_lost_unheard = False

    # ---- to the agent

    def send_all(self, requests: Sequence[tuple[Head, bytes]]) -> None:
        """Send several requests, as `send` does; where no agent runs, all go along with what starts one."""
        if self._is_to_be_opened() and self._open(requests):
            return
        for head, body in requests:
            self.send(head, body)

    def send(self, head: Head, body: bytes) -> None:
        """Send a frame; a request starts an agent where none runs.

        Raises:
            RemoteError: it could not be sent; with the agent's own reason if it gave one.
        """
        if "do" in head and self._is_to_be_opened() and self._open([(head, body)]):
            return
        data = (self._lesson() if "do" in head else b"") + self._framed(head, body)
        self.sent += 1
        try:
            with self._writing:
                if self._channel is None:
                    raise EOFError("it was closed")
                self._channel.send(data)
            self.moved_at = time.monotonic()
        except TimeoutError as error:
            self._raise_reason()
            raise self._given_up(f"the host takes data too slowly: {error}") from error
        except (OSError, paramiko.SSHException, EOFError, ValueError) as error:
            self._raise_reason()
            raise self.cut(error) from error
        except BaseException:  # half a frame may have gone out
            self.close()
            raise

    def _is_to_be_opened(self) -> bool:
        if self.has_ended:  # while nothing was under way: a server or a firewall took it for idle
            self.close()
        return self._channel is None

    def _framed(self, head: Head, body: bytes) -> bytes:
        return framed(head, body, deflates=not self.is_here)

    def teach(self, archive: bytes) -> None:
        """Have the agent learn an archive, if it has not; that goes along with the next request."""
        self._archive = archive

    def _lesson(self) -> bytes:
        """Return the frame from which this agent learns the archive, or nothing if it has.

        A host may keep it: there its name is enough, and the agent says what it lacks.
        """
        if not self._archive or self._is_taught:
            return b""
        self._is_taught = True
        if not self._opening.is_here:
            return framed({**LEARN, "sha256": sha256(self._archive).hexdigest()}, b"")
        return framed(LEARN, self._archive)

    def lacks(self, name: object) -> bool:
        """Send the archive to an agent whose host does not keep it; return whether it was that one."""
        if not self._archive or name != sha256(self._archive).hexdigest():
            return False
        self.was_sent = True
        with self._writing:
            if self._channel is not None:
                self._channel.send(framed(LEARN, self._archive))
        return True

    def tell(self, head: Head, timeout_seconds: float) -> bool:
        """Say something that is not a request, between frames; return whether that could be done."""
        channel = self._channel
        if channel is None or not self._writing.acquire(timeout=timeout_seconds):
            return False
        try:
            if channel.is_ready():
                channel.send(framed(head, b""))
                return True
        except (OSError, paramiko.SSHException, EOFError, ValueError):
            pass  # whoever waits for an answer notices too, and says so
        finally:
            self._writing.release()
        return False

    def close(self) -> None:
        """End the agent, and with it what it runs; the next request starts another."""
        channel, self._channel = self._channel, None
        self._frames = Frames()
        self._is_taught = False
        if channel:
            with contextlib.suppress(OSError, paramiko.SSHException, EOFError):
                channel.close()

    def _open(self, requests: Sequence[tuple[Head, bytes]]) -> bool:
        """Start an agent; return whether the requests went along with its first words."""
        self._frames = Frames()
        channel = self._opening.channel()
        self.sent += 1
        first = b""
        if sum(len(body) for _, body in requests) <= WITH_FIRST:
            first = self._lesson() + b"".join(self._framed(*one) for one in requests)
            self.sent += len(requests) - 1
        try:
            with self._writing:
                self._channel = channel
                self._start(channel, first)
            self.hello = self.believed("hello", self.received(patience.SILENCE_SECONDS, 0)[0])
            self.refuse_error(self.received(patience.SILENCE_SECONDS, 0)[0])
        except (OSError, EOFError, paramiko.SSHException) as error:
            code, words = channel.last_words()
            printed = self._frames.printed
            self.close()
            raise self._opening.failed(code, words, error, printed) from error
        except BaseException:
            self.close()
            raise
        return bool(first)

    def _start(self, channel: Channel, first: bytes) -> None:
        """Send what starts the agent, and its first requests; its program where the host does not keep it."""
        opening = self._opening
        if opening.is_here:
            self._say(channel, opening.first_request + first)
            self._frames.skip_to(channel, [HELLO], MAX_GREETING, opening.seconds)
            return
        self._say(channel, opening.asking(first))
        mark = self._frames.skip_to(channel, [HELLO, LACKS], MAX_GREETING, opening.seconds)
        if mark == LACKS:
            self.was_sent = True
            self._say(channel, opening.archive + opening.first_request + first)
            self._frames.skip_to(channel, [HELLO], MAX_GREETING, opening.seconds)

    def _say(self, channel: Channel, data: bytes) -> None:
        """Send; where nobody reads it any more, take in what was said before that."""
        try:
            channel.send(data)
        except (OSError, EOFError, paramiko.SSHException):
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                self._frames.skip_to(channel, [HELLO], MAX_GREETING, patience.WORDS_SECONDS)
            raise

    # ---- from the agent

    def received(self, silence_seconds: float, most_body: int) -> tuple[Head, bytes]:
        """Return the next frame, whatever it belongs to.

        Raises:
            RemoteError: none came in time, or it is too large, or the connection was cut.
        """
        try:
            if self._channel is None:
                raise EOFError("closed")
            frame = self._frames.next(self._channel, silence_seconds, most_body)
        except TimeoutError as error:
            said = f"the host said nothing for {silence_seconds:g} seconds"
            if isinstance(error, TooSlowError):
                said = f"the host answers too slowly: {error}"
            raise self._given_up(said) from error
        except MalformedError as error:
            raise self.malformed(str(error)) from error
        except (OSError, EOFError, paramiko.SSHException, ValueError) as error:
            raise self.cut(error) from error
        self.moved_at = time.monotonic()
        self._is_heard = True
        return frame

    def believed(self, do: str, head: Head) -> Head:
        """Return an answer that has its verb's shape.

        Raises:
            RemoteError: it has not.
        """
        if wrong := verbs.problem(do, head):
            raise self.malformed(f"{do}: {wrong}")
        return head

    def refuse_error(self, head: Head) -> None:
        """Raise the agent's refusal, where this is one."""
        error = head.get("error")
        if error is None:
            return
        words = error if isinstance(error, dict) else {}
        if not all(isinstance(words.get(key), str) for key in ("what", "where", "mend", "kind")):
            raise self.malformed("a refusal without its reasons")
        raise self.refused(words)

    def _raise_reason(self) -> None:
        """Raise the agent's own reason if it gave one before it went away."""
        if self._channel is None:
            return
        deadline = time.monotonic() + patience.WORDS_SECONDS
        with contextlib.suppress(OSError, EOFError, ValueError):
            while time.monotonic() < deadline:
                head, _ = self._frames.next(self._channel, 0.2, MAX_PACK)
                self._is_heard = True
                if "error" in head:
                    self.close()
                    raise self.refused(head["error"])

    # ---- what it came to

    def refused(self, error: Mapping[str, str]) -> FabStaticError:
        """Return the error that the agent's refusal is on this side."""
        if error["kind"] == "lock":
            return DeployLockedError(
                error["what"],
                where=f"{error['where']} on {self.name}",
                mend=f"{error['mend']}: fab {self._environment.name} status",
            )
        kind: type[FabStaticError] = ReleaseError if error["kind"] == "release" else RemoteError
        where = f"{self.name}: {error['where']}" if error["where"] else self.name
        refused = kind(error["what"], where=where, mend=self._cure(error))
        if isinstance(refused, RemoteError):
            refused.is_refusal = True
        return refused

    def _cure(self, error: Mapping[str, str]) -> str:
        """Return what a refusal says is to be done; a host that wants a signature does not know who could make one."""
        releases = self._environment.release
        if releases.allowed_signers or releases.sign_with or not wants_signature(error["where"]):
            return error["mend"]
        return of_unnamed_signers(self._environment.name)

    def malformed(self, what: str) -> RemoteError:
        """End the agent; return the error that says what it answered."""
        self.close()
        return RemoteError(
            f"the host answers what no agent of ours does: {what}",
            where=self.name,
            mend="see what stands between: a login that prints, a proxy, a host that is not yours "
            f"alone: {self.ssh_command}",
        )

    def cut(self, error: BaseException) -> RemoteError:
        """End the agent; return the error that says how the connection was lost."""
        is_ours = self._channel is None  # closed by whoever interrupts
        is_unheard = not self._is_heard and self._frames.is_empty
        self.is_lost_unheard = is_unheard and not is_ours and not isinstance(error, ValueError)
        return self._given_up(f"the connection was cut ({str(error) or type(error).__name__})")

    def _given_up(self, what: str) -> RemoteError:
        self.close()
        return RemoteError(
            what,
            where=self.name,
            mend=f"see whether the host is alive: {self.ssh_command}; then run it again",
        )
