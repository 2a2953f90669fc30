"""The connections of a run to all hops: each is opened once, and again where the hop says "not now"."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from fab_static.plan.inventory import Environment
from fab_static.remote.openssh import refusals, shown_key
from fab_static.remote.openssh.master import GRACE_SECONDS, Master, SilentError
from fab_static.remote.openssh.program import refuse_what_ssh_cannot, version
from fab_static.remote.openssh.room import Room
from fab_static.remote.openssh.said import Said
from fab_static.remote.openssh.words import Words, named_keys
from fab_static.remote.ssh.asking import Asked
from fab_static.remote.ssh.doors import Doors
from fab_static.remote.ssh.hops import Hop, Way
from fab_static.remote.ssh.refusal import HopError

REFUSED_SECONDS = 10.0  # so long a gateway that refused is not asked again: many hosts wait for it
REASON_SECONDS = 1.0  # how long a gateway's reason may take to be heard


class LoginError(HopError):
    """The hop is who it should be, and does not let us in."""


@dataclass
class Opened:
    """The connection to one hop, open or being opened."""

    hop: Hop
    users: set[object] = field(default_factory=set)
    master: Future[Master] = field(default_factory=Future)
    refused_at: float = 0.0  # time.monotonic()

    @property
    def may_be_used(self) -> bool:
        """Whether to wait for this one: it is being opened, or open, or a gateway that refused just now."""
        if not self.master.done():
            return True
        if self.master.exception() is None:
            return self.master.result().is_alive
        return bool(self.hop.role) and time.monotonic() - self.refused_at < REFUSED_SECONDS

    @property
    def is_open(self) -> bool:
        """Whether it was opened."""
        return self.master.done() and self.master.exception() is None


class Masters:
    """The connections of a run to all hops, each opened once."""

    def __init__(self, environment: Environment, tell: Callable[[str], None] | None = None) -> None:
        self._ssh = environment.ssh
        self._tell = tell
        self._room = Room()
        self._lock = threading.Lock()
        self._words: Words | None = None
        self._opened: dict[tuple[Asked, ...], Opened] = {}
        self._doors = Doors(tell)

    @property
    def words(self) -> Words:
        """How ssh is called.

        Raises:
            InventoryError: this machine has no ssh that will do, or it cannot be told what is given.
        """
        with self._lock:
            if self._words is None:
                refuse_what_ssh_cannot(self._ssh)
                self._words = Words(self._ssh, version())
            return self._words

    def enter(self, who: object) -> None:
        """Note who uses the connections."""
        self._room.enter(who)

    def leave(self, who: object) -> None:
        """Forget who used the connections. One that nobody else uses is ended; the room goes with the last."""
        is_last = self._room.leave(who)
        with self._lock:
            for one in self._opened.values():
                one.users.discard(who)
            unused = {key: one for key, one in self._opened.items() if not one.users}
            for key in unused:
                del self._opened[key]
        for one in unused.values():
            if one.is_open:
                self._end(one.master.result())
        if is_last:
            self._room.close()

    def to(self, way: Way, before: Master | None, who: object) -> Master:
        """Return the connection to the last hop of a way; whoever asks at the same time shares it.

        Args:
            way: the hops, in order.
            before: the connection to the hop before the last one, if there is one.
            who: uses it, until they leave.

        Raises:
            HopError: that hop cannot be reached, is not who it should be, or does not let us in.
        """
        key = tuple(hop.asked for hop in way)
        with self._lock:
            one = self._opened.get(key)
            is_ours = one is None or not one.may_be_used
            if is_ours or one is None:
                one = self._opened[key] = Opened(way[-1], one.users if one else set())
            one.users.add(who)
        if is_ours:
            try:
                enter = partial(self._with_keys, way, before)
                one.master.set_result(self._doors.entered(way[-1], enter))
            except BaseException as error:
                one.refused_at = time.monotonic()
                one.master.set_exception(error)
        return one.master.result()

    def _end(self, master: Master) -> None:
        master.end()
        self._room.ended(master)

    def _with_keys(self, way: Way, before: Master | None) -> Master:
        """Log in with the keys that the inventory names; where they do not do, with the agent's others, too."""
        if named_keys(self._ssh):
            try:
                return self._open(way, before, named_only=True)
            except LoginError:
                if way[-1].settings.identities_only or not way[-1].settings.identity_agent:
                    raise
        return self._open(way, before, named_only=False)

    def _open(self, way: Way, before: Master | None, *, named_only: bool) -> Master:
        hop, socket = way[-1], self._room.path()
        at = before.socket if before else None
        command = self.words.of_master(hop, socket, at, named_only=named_only)
        master = Master(command, socket, partial(self._say_touch, hop))
        self._room.began(master)
        try:
            if master.is_connected(hop.settings.patience):
                return master
            raise self._refused(way, before, master.said)
        except SilentError as error:
            raise refusals.stuck(hop, master.said) from error
        finally:
            if not (master.is_alive and socket.exists()):
                self._end(master)

    def _say_touch(self, hop: Hop, key: str) -> None:
        if self._tell:
            self._tell(f"{hop.name} waits until somebody touches the security key {key}")

    # ---- why not

    def _refused(self, way: Way, before: Master | None, said: Said) -> HopError:
        hop = way[-1]
        if before is not None:
            settings = hop.settings
            words = before.wait_for(
                lambda heard: heard.why_not_through(settings.hostname, settings.port),
                REASON_SECONDS if said.is_proxy_gone else 0,
            )
            if words:
                return refusals.not_led(way[-2], hop, words)
        if shown_key.is_refused(said):
            return self._untrusted(hop, before, said)
        error = refusals.refusal(hop, said, self._ssh)
        if said.methods and not error.is_busy:
            return LoginError(error.what, error.mend)
        return error

    def _untrusted(self, hop: Hop, before: Master | None, said: Said) -> HopError:
        found = self._room.path()
        at = before.socket if before else None
        question = self.words.of_question(hop, at, found, said.algorithm)
        shown = shown_key.shown_by(question, found, hop.settings.patience + GRACE_SECONDS)
        is_direct = before is None and not hop.settings.proxy_command
        return shown_key.refusal(hop, said, shown, is_direct=is_direct)
