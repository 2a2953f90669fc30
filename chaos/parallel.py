"""Runs seeds on several fleets at once, each fleet in a process of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import signal
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from typing import NoReturn

from chaos.site import Outcome, running


def run(wanted: list[int], fleets: int = 1) -> Iterator[Outcome]:
    """Run seeds on as many fleets at once, each in a process of its own; yield how each went."""
    context = multiprocessing.get_context("spawn")  # nothing of ours is theirs
    todo: Queue[int | None] = context.Queue()
    done: Queue[Outcome | str] = context.Queue()
    for seed in (*wanted, *[None] * fleets):
        todo.put(seed)
    workers = [context.Process(target=_work, args=(todo, done)) for _ in range(fleets)]
    for worker in workers:
        worker.start()
    try:
        for _ in wanted:
            outcome = _next(done, workers)
            if isinstance(outcome, str):
                raise RuntimeError(f"a fleet came to nothing:\n{outcome}")
            yield outcome
    except BaseException:
        for worker in workers:
            worker.terminate()  # it ends its fleet
        raise
    finally:
        for worker in workers:
            worker.join()


def _next(done: Queue[Outcome | str], workers: Sequence[BaseProcess]) -> Outcome | str:
    while True:
        with contextlib.suppress(queue.Empty):
            return done.get(timeout=1)
        if not any(worker.is_alive() for worker in workers):
            return "its process ended"


def _work(todo: Queue[int | None], done: Queue[Outcome | str]) -> None:
    signal.signal(signal.SIGTERM, ended)
    seed: int | None = None
    try:
        with running() as site:
            while (seed := todo.get()) is not None:
                done.put(site.run(seed))
    except KeyboardInterrupt:
        pass
    except BaseException:
        done.put(f"at seed {seed}:\n{traceback.format_exc()}")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the fleet is ended; what is left is to tell it


def ended(*_: object) -> NoReturn:
    """Take the signal to end as Ctrl-C: what was started is ended too."""
    raise KeyboardInterrupt
