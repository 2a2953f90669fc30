"""One deploy at a time: the environment's lock, kept by a heartbeat of its own, on the build host."""

from __future__ import annotations

import math
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime

from fab_static.errors import DeployLockedError, FabStaticError, RemoteError
from fab_static.plan.inventory import Environment
from fab_static.plan.wire import answers, asks, verbs
from fab_static.plan.wording import counted
from fab_static.remote import RemoteHost

TELL_SECONDS = 30.0  # CI ends a job that says nothing for minutes
BEAT_SECONDS = 5.0  # whoever looks calls a lock dead after 60 silent seconds: twelve beats


class Ownership(ABC):
    """The environment's lock, held from `take` to `release`, wherever it is kept.

    The heart beats in a thread of its own, so that it beats while a build runs.
    """

    def __init__(self, environment: Environment, owner: str, phase: str) -> None:
        self.phase = phase
        self.took_over: answers.Holder | None = None
        self.token = ""  # proves the owner; nobody else learns it
        self._environment = environment
        self._owner = owner
        self._stop = threading.Event()
        self._may_be_ours = False
        self._lost: str | None = None
        # the last beat failed, and the lock is ours still
        self._refused: FabStaticError | None = None
        self._heart = threading.Thread(target=self._beat, daemon=True)

    @property
    @abstractmethod
    def keeper(self) -> str:
        """Who keeps the lock, for messages."""

    @property
    @abstractmethod
    def where(self) -> str:
        """Where the lock is kept, for messages."""

    @property
    @abstractmethod
    def if_left(self) -> str:
        """What becomes of a lock that could not be released, for messages."""

    @property
    def opened_early(self) -> tuple[RemoteHost, ...]:
        """The agents that the lock needs: they may be started while every host is connected to."""
        return ()

    @abstractmethod
    def held_at(self, phase: str) -> dict[str, str]:
        """Return the words by which a request to the build host proves that the lock is ours, and notes the phase."""

    @abstractmethod
    def _asked(self, *, steal: bool) -> answers.Locked:
        """Ask for the lock once."""

    @abstractmethod
    def _beaten(self) -> answers.Beat:
        """Beat once."""

    @abstractmethod
    def _give_back(self) -> None:
        """Release the lock where it may be ours, and let go of what it alone used."""

    def take(
        self,
        *,
        wait_seconds: float = 0,
        steal: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Take the lock.

        Args:
            wait_seconds: how long to wait for whoever holds it.
            steal: take it away from whoever holds it.
            tell: is told for whom it waits: at once, and every half minute.

        Raises:
            DeployLockedError: somebody else holds it, and did not release it within `wait_seconds`.
        """
        deadline = time.monotonic() + wait_seconds
        told_at = -math.inf
        while True:
            head = self._asked(steal=steal)
            if head["taken"]:
                self.token = head["token"]
                self.took_over = head["took_over"]
                self._heart.start()
                return
            now = time.monotonic()
            if now >= deadline:
                raise locked(head["holder"], self._environment, self.where)
            if tell and now - told_at >= TELL_SECONDS:
                tell(_waits_for(head["holder"], deadline - now))
                told_at = now
            self._stop.wait(min(1.0, max(0.05, deadline - time.monotonic())))

    def check(self) -> None:
        """Refuse to change anything more when somebody stole the lock.

        Raises:
            DeployLockedError: it is another's now, or the connection that keeps it was cut.
            FabStaticError: it is ours, and cannot be renewed, for the reason given.
        """
        if self._lost:
            raise self.lost(self._lost)
        if self._refused:
            raise self._refused

    def lost(self, why: str) -> DeployLockedError:
        """Return the error that says that the lock is not ours any more."""
        return DeployLockedError(
            f"this deploy does not hold the lock any more: {why}",
            where=self.where,
            mend=f"see who deploys now: fab {self._environment.name} status",
        )

    def prove(self) -> None:
        """Renew the lock, and refuse as `check` does: a beat may be seconds away.

        Raises:
            DeployLockedError: it is another's now, or whoever keeps it does not answer.
        """
        self._renew()
        self.check()

    def release(self) -> None:
        """Release the lock, if it is ours."""
        self._stop.set()
        try:
            if self._heart.is_alive():
                self._heart.join(BEAT_SECONDS)
        finally:
            self._give_back()

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            self._renew()
            if self._lost:
                return

    def _renew(self) -> None:
        """Beat once; notes when the lock is not ours any more."""
        try:
            head = self._beaten()
        except FabStaticError as error:
            if self._is_ours_after(error):
                self._refused = error
            else:
                self._lost = error.what
            return
        self._refused = None
        if not head["ours"]:
            self._lost = f"{head['holder']['owner'] if head['holder'] else 'somebody'} took it"

    @abstractmethod
    def _is_ours_after(self, error: FabStaticError) -> bool:
        """Tell whether the lock is ours still, though a beat failed so."""


class Lock(Ownership):
    """The lock that the build host keeps.

    The heartbeat goes through a channel of its own. When the connection ends, the agent there marks the lock
    abandoned: nobody waits for a dead owner. An owner who is alive comes back at once with another agent, and
    proves himself by the lock's token.
    """

    def __init__(self, host: RemoteHost, owner: str, phase: str) -> None:
        super().__init__(host.environment, owner, phase)
        self._host = host.sibling()

    @property
    def keeper(self) -> str:
        """Who keeps the lock, for messages."""
        return self._host.name

    @property
    def where(self) -> str:
        """Where the lock is kept, for messages."""
        return f"{self._host.layout.deploy_to}/lock on {self._host.name}"

    @property
    def if_left(self) -> str:
        """What becomes of a lock that could not be released, for messages."""
        return "it is marked abandoned, or expires within a minute"

    @property
    def opened_early(self) -> tuple[RemoteHost, ...]:
        """The agent that keeps the lock."""
        return (self._host,)

    def held_at(self, phase: str) -> dict[str, str]:
        """Return the words by which a request to the host proves that the lock is ours, and notes the phase."""
        self.phase = phase
        return {"token": self.token, "phase": phase}

    def _asked(self, *, steal: bool) -> answers.Locked:
        request = asks.Lock(owner=self._owner, process=os.getpid(), phase=self.phase, steal=steal)
        self._may_be_ours = True  # whoever is interrupted here does not know
        try:
            head, _ = self._host.ask(verbs.LOCK, request)
        except FabStaticError:
            self._may_be_ours = False
            raise
        self._may_be_ours = head["taken"]
        return head

    def _give_back(self) -> None:
        try:
            if self._may_be_ours:
                self._host.ask(verbs.UNLOCK, asks.Unlock(token=self.token))
        finally:
            self._host.close_agent()

    def _is_ours_after(self, error: FabStaticError) -> bool:
        return _is_refusal(error)  # its disk fails, say

    def _beaten(self) -> answers.Beat:
        """Beat; where the connection was cut meanwhile, once more, by another agent."""
        request = asks.Beat(phase=self.phase, token=self.token)
        try:
            return self._host.ask(verbs.BEAT, request)[0]
        except RemoteError as error:
            if _is_refusal(error):
                raise
        return self._host.ask(verbs.BEAT, request)[0]


def _waits_for(holder: answers.Holder, left: float) -> str:
    since = datetime.fromtimestamp(holder["since"])
    return f"waits for {holder['owner']}: {holder['phase']}, since {since:%H:%M}; up to {left:.0f} s more"


def _is_refusal(error: FabStaticError) -> bool:
    """Tell whether the host answered, and said no."""
    return isinstance(error, RemoteError) and error.is_refusal


def locked(holder: answers.Holder, environment: Environment, where: str) -> DeployLockedError:
    """Return the error that says by whom, since when, at which phase."""
    since = datetime.fromtimestamp(holder["since"], UTC)
    return DeployLockedError(
        f"{holder['owner']} (process {holder.get('process')}) deploys {environment.app} to {environment.name} since "
        f"{since:%Y-%m-%d %H:%M:%S} UTC, now at {holder['phase']}, "
        f"last heard of {counted(round(holder['silent_seconds']), 'second')} ago",
        where=where,
        mend="wait for it: --wait 10m. A dead owner's lock expires within a minute. To take it: "
        f'fab {environment.name} unlock --steal --because "…"',
    )
