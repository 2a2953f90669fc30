"""What ran when, and on which host: noted as a task runs, shown live, and kept for the report."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

RUNNING, DONE, FAILED = "running", "done", "failed"


@dataclass
class Span:
    """A phase, or what it did on one host. Times are seconds since 1970, sizes bytes.

    `host` is None for the phase as a whole. `sent` of `to_send` bytes have gone out to the host, where
    the phase sends any. `goes_back` where it makes live again what was live before.
    """

    phase: str
    host: str | None
    started: float
    ended: float | None = None
    outcome: str = RUNNING
    sent: int = 0
    to_send: int = 0
    goes_back: bool = False

    def seconds(self, now: float) -> float:
        """Return how long it took, or has taken."""
        return max(0.0, (self.ended if self.ended is not None else now) - self.started)


class Timeline:
    """The spans of one task. Hosts write to it from their own threads.

    Args:
        clock: tells the time.
        began: when the command began; None: now.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, *, began: float | None = None
    ) -> None:
        self.planned: tuple[str, ...] = ()
        self.expected: Mapping[str, float] = {}  # phase -> seconds, as the last runs took
        self.last_time: float | None = (
            None  # seconds; how long the same command took, from its begin to its end
        )
        self._clock = clock
        self.began = clock() if began is None else began
        self._goes_back = False
        # what went before: programs were loaded, and the inventory read
        self._spans = [] if began is None else [Span("load", None, began, clock(), DONE)]
        self._phase: Span | None = None
        self._lock = threading.Lock()

    def expect(self, phases: Sequence[str], seconds: Mapping[str, float]) -> None:
        """Say which phases are to run, and how long each took before."""
        self.planned = tuple(phases)
        self.expected = dict(seconds)

    @property
    def spans(self) -> tuple[Span, ...]:
        """Everything that was noted, in the order in which it began."""
        with self._lock:
            return tuple(self._spans)

    @property
    def running(self) -> Span | None:
        """The phase that runs."""
        return self._phase

    @property
    def now(self) -> float:
        """The time, on the clock of the spans."""
        return self._clock()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Note a phase."""
        with self._span(name, None) as span:
            self._phase = span
            try:
                yield
            finally:
                self._phase = None

    @contextmanager
    def on(self, host: str) -> Iterator[None]:
        """Note that the running phase is at work on a host; does nothing if no phase runs."""
        if self._phase is None:
            yield
            return
        with self._span(self._phase.phase, host):
            yield

    @contextmanager
    def going_back(self) -> Iterator[None]:
        """Note that what runs in the block makes live again what was live before."""
        before, self._goes_back = self._goes_back, True
        try:
            yield
        finally:
            self._goes_back = before

    @contextmanager
    def sending(self, host: str, to_send: int) -> Iterator[Callable[[int], None]]:
        """Note that bytes go to a host; what it yields is told of each piece's size."""
        with self._span(self._phase.phase if self._phase else "", host) as span:
            span.to_send = to_send

            def sent(size: int) -> None:
                span.sent += size

            yield sent

    def to_json(self) -> list[dict[str, Any]]:
        """Return the spans as the report's record keeps them."""
        return [
            {
                "phase": span.phase,
                "host": span.host,
                "started": round(span.started, 3),
                "seconds": round(span.seconds(self.now), 3),
                "outcome": span.outcome,
                **({"bytes": span.sent} if span.to_send else {}),
                **({"goes_back": True} if span.goes_back else {}),
            }
            for span in self.spans
        ]

    @contextmanager
    def _span(self, phase: str, host: str | None) -> Iterator[Span]:
        span = Span(phase, host, self._clock(), goes_back=self._goes_back)
        with self._lock:
            self._spans.append(span)
        try:
            yield span
        except BaseException:
            span.outcome = FAILED
            raise
        else:
            span.outcome = DONE
        finally:
            span.ended = self._clock()
