"""Enters SSH servers: few at once through each door, and again where one says "not now".

A door is the address and port of one SSH server. By default it lets ten logins be under way, and hangs up on
more and more of those who come on top (sshd_config(5), MaxStartups 10:30:100).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from itertools import count
from time import monotonic, sleep
from typing import TypeVar

from fab_static.remote.ssh.hops import Hop
from fab_static.remote.ssh.refusal import HopError

T = TypeVar("T")
# Logins at one door. An sshd counts each until its own process has told that it ended, which is later than
# the client knows of it on a busy machine; and others come too.
AT_ONCE = 5
AGAIN_AT_ONCE = 4  # of all that were turned away, at any door: several may be one server's
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0  # seconds; each pause is twice the one before it
LEAST_TRIES = 5  # however slow they are
SPREAD = (0.5, 1.5)  # of a pause: who was turned away together does not come back together


class Doors:
    """The doors of one environment's hosts and gateways."""

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self._tell = tell
        self._is_told = False
        self._doors: dict[tuple[str, int], threading.Semaphore] = {}
        self._again = threading.Semaphore(AGAIN_AT_ONCE)
        self._looking = threading.Lock()

    def entered(self, hop: Hop, enter: Callable[[], T]) -> T:
        """Return what `enter` does. Have it done again while the door says "not now".

        It is tried for as long as one step may take (ConnectTimeout), and at least five times. That a door says
        it twice to the same login is told: once is chance, and nothing to change an sshd_config for.

        Raises:
            HopError: as `enter` does. What is no "not now" is raised at once.
        """
        door = self._door(hop)
        try:
            with door:
                return enter()
        except HopError as error:
            if not error.is_busy:
                raise
        deadline = monotonic() + hop.settings.patience
        for tries, pause in zip(count(2), _pauses(), strict=False):
            sleep(pause)
            try:
                with door, self._again:
                    return enter()
            except HopError as error:
                is_last = tries >= LEAST_TRIES and monotonic() > deadline
                if is_last or not error.is_busy:
                    raise
            self._tell_once(hop)
        raise AssertionError  # the pauses have no end

    def _door(self, hop: Hop) -> threading.Semaphore:
        where = (hop.settings.hostname, hop.settings.port)
        with self._looking:
            return self._doors.setdefault(where, threading.Semaphore(AT_ONCE))

    def _tell_once(self, hop: Hop) -> None:
        with self._looking:
            is_told, self._is_told = self._is_told, True
        if self._tell and not is_told:
            self._tell(
                f"the SSH server at {hop.settings.at} takes no more logins at the moment. It is tried again, and so "
                "is each that says so. Raise MaxStartups in its sshd_config, or lower ssh.parallel"
            )


def _pauses() -> Iterator[float]:
    """Yield the seconds to wait before each further try."""
    pause = FIRST_PAUSE
    while True:
        yield pause * random.uniform(*SPREAD)  # noqa: S311 - no secret
        pause = min(2 * pause, LONGEST_PAUSE)
