"""Opens ways: a hop that several ways lead through is opened once, for all hosts behind it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from fab_static.plan.inventory import Ssh
from fab_static.remote.line import end
from fab_static.remote.ssh.doors import Doors
from fab_static.remote.ssh.hops import Hop, Way
from fab_static.remote.ssh.opening import Transport, opened
from fab_static.remote.ssh.reaching import reached
from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.settings import Settings

REFUSED_SECONDS = 10.0  # so long a gateway that refused is not asked again: many hosts wait for it


class NoWayError(Exception):
    """One hop of a way cannot be opened."""

    def __init__(self, hop: Hop, error: HopError) -> None:
        super().__init__(error.what)
        self.hop = hop
        self.refusal = error


@dataclass
class Shared:
    """One connection to a gateway, open or being opened."""

    future: Future[Transport]
    refused_at: float = 0.0  # time.monotonic()

    @property
    def may_be_used(self) -> bool:
        """Whether to wait for this one: it is being opened, or open, or was refused just now."""
        if not self.future.done():
            return True
        if self.future.exception() is None:
            return self.future.result().is_active()
        return time.monotonic() - self.refused_at < REFUSED_SECONDS


class SharedWays:
    """The open connections to the gateways of one environment."""

    def __init__(self, ssh: Ssh, tell: Callable[[str], None] | None = None) -> None:
        self._ssh = ssh
        self._tell = tell
        self._doors = Doors(tell)
        self._gateways: dict[tuple[Settings, ...], Shared] = {}
        self._users: set[object] = set()
        self._looking = threading.Lock()

    def opened(self, way: Way, user: object) -> Transport:
        """Return a connection of the user's own to the last hop of a way.

        Args:
            way: all hops, in order. Those before the last one are shared.
            user: whose connection it is.

        Raises:
            NoWayError: a hop cannot be reached, is not who it should be, or does not let us in.
        """
        with self._looking:
            self._users.add(user)
        return self._opened(way)

    def left_by(self, user: object) -> None:
        """Close the connections to all gateways, if this was the last user."""
        with self._looking:
            self._users.discard(user)
            if self._users:
                return
            shared, self._gateways = self._gateways, {}
        for one in shared.values():
            if one.future.done() and one.future.exception() is None:
                end(one.future.result())

    def _opened(self, way: Way) -> Transport:
        *before, hop = way
        if not before:
            return self._entered(hop, None, None)
        gateway = self._gateway(tuple(before))
        try:
            return self._entered(hop, gateway, before[-1])
        except NoWayError:
            if gateway.is_active():
                raise
        # the gateway's connection had died: it is opened again, once
        return self._entered(hop, self._gateway(tuple(before)), before[-1])

    def _entered(self, hop: Hop, before: Transport | None, gateway: Hop | None) -> Transport:
        def enter() -> Transport:
            return opened(hop, reached(hop, before, gateway), self._ssh, self._tell)

        try:
            return self._doors.entered(hop, enter)
        except HopError as error:
            raise NoWayError(hop, error) from error

    def _gateway(self, way: Way) -> Transport:
        """Return the connection to a gateway; whoever comes first opens it, the others wait."""
        key = tuple(hop.settings for hop in way)
        with self._looking:
            shared = self._gateways.get(key)
            is_ours = shared is None or not shared.may_be_used
            if is_ours or shared is None:
                shared = self._gateways[key] = Shared(Future())
        if is_ours:
            try:
                shared.future.set_result(self._opened(way))
            except BaseException as error:
                shared.refused_at = time.monotonic()
                shared.future.set_exception(error)
        try:
            return shared.future.result()
        except NoWayError as error:  # one of one's own: others raise it, too
            raise NoWayError(error.hop, error.refusal) from error
