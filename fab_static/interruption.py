"""Answers Ctrl-C, SIGTERM and SIGHUP: what runs ends at once, and what puts things back goes to its end.

The first signal raises KeyboardInterrupt in the main thread. While that is on its way up, things are put
back, and a second signal changes nothing there. What puts things back after another failure, or after none,
is marked with `whole`: a signal waits until it has ended.

In the end others are told (hooks, a webhook). A block of `answerable` waits for them, and a signal ends the
wait. Whoever has asked a second time by then waits for each of them a second at most.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_SECONDS = 0.02  # until a signal that has to wait is sent once more
LAST_WAIT_SECONDS = 1.0  # for each who is told, once a second signal has come
_WHOLE: set[CodeType] = set()
_STATE = {"is_answerable": False, "is_urgent": False}  # of the main thread
# on the way into a block, or out of it, before the marked generator runs
_DOORS = {
    contextlib._GeneratorContextManager.__enter__.__code__,
    contextlib._GeneratorContextManager.__exit__.__code__,
}


def whole(function: F) -> F:
    """Mark a function that signals wait for; of a generator, what it does at its beginning and its end."""
    code: CodeType = function.__code__
    _WHOLE.add(code)
    return function


def heed() -> None:
    """Answer the signals from now on; one that is ignored already (nohup) stays so."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, answer)


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """Answer Ctrl-C inside of the block, for a program that has not said how it wants that."""
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if is_ours:
        signal.signal(signal.SIGINT, answer)
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def answerable() -> Iterator[None]:
    """Let a signal end the block, which only waits, even while an earlier one is on its way.

    Raises:
        KeyboardInterrupt: a signal came; or one came before, while things were put back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    last = threading.Timer(LAST_WAIT_SECONDS, os.kill, (os.getpid(), signal.SIGINT))
    last.daemon = True
    _STATE["is_answerable"] = True
    try:
        if _STATE["is_urgent"] and _is_on_its_way():
            last.start()
        yield
    finally:
        _STATE["is_answerable"] = False
        last.cancel()


def ignore() -> None:
    """Answer no signal any more: the run has ended, and the program is about to."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def answer(number: int, frame: FrameType | None) -> None:
    """Answer a signal.

    Raises:
        KeyboardInterrupt: unless one is on its way already, or things are being put back.
    """
    is_second = _is_on_its_way()
    if is_second and not _STATE["is_answerable"]:
        _STATE["is_urgent"] = True
        return
    if _must_wait(frame):
        again = threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()
        return
    _STATE["is_urgent"] = is_second
    raise KeyboardInterrupt


def _is_on_its_way() -> bool:
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _must_wait(frame: FrameType | None) -> bool:
    if frame is not None and frame.f_code in _DOORS:
        return True
    while frame is not None:
        if frame.f_code in _WHOLE:
            return True
        frame = frame.f_back
    return False
