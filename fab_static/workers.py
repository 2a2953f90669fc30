"""Threads that nobody waits for: the program ends when it wants to, whatever they are stuck in.

Those of concurrent.futures are joined at exit, and one that waits for a host that says nothing holds the
operator's prompt for as long.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Workers:
    """At most so many threads, started as they are needed. On leaving its block what has not begun is dropped.

    The threads end, too, once nobody has it any more.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._count = 0
        self._is_closed = False
        self._starting = threading.Lock()
        self._idle = threading.Semaphore(0)
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, work: Callable[..., T], *args: Any) -> Future[T]:
        """Have it done by a thread; return what will be its answer."""
        future: Future[T] = Future()

        def done() -> None:
            if self._is_closed:
                future.cancel()
            if not future.set_running_or_notify_cancel():
                return
            try:
                answer = work(*args)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(answer)

        self._waiting.put(done)
        with self._starting:
            if not self._idle.acquire(blocking=False) and self._count < self._most:
                self._count += 1
                name = f"{self._name} {self._count}"
                words = (self._waiting, self._idle)  # not self: its threads would keep it
                threading.Thread(target=_work, args=words, name=name, daemon=True).start()
        return future

    def map(self, work: Callable[[Any], T], items: Iterable[Any]) -> Iterator[T]:
        """Have it done for each item; yield the answers in the items' order."""
        futures = [self.submit(work, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()

    def close(self) -> None:
        """Drop what has not begun, and let the threads end."""
        self._is_closed = True
        for _ in range(self._count):
            self._waiting.put(None)

    def __del__(self) -> None:
        self.close()


def _work(waiting: queue.SimpleQueue[Callable[[], None] | None], idle: threading.Semaphore) -> None:
    while True:
        try:
            done = waiting.get_nowait()
        except queue.Empty:
            idle.release()
            done = waiting.get()
        if done is None:
            return
        done()
        del done  # and what it holds
