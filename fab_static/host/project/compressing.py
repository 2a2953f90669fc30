"""compress, one template at a time: Python runs one thread at once, and its four wake each other up at every file.

Rendering 160 templates so takes half the time. Templates that wait for another program, a LESS compiler, do so beside
the others: whose thread starts one, or says that it waits for one (`sys.audit("fab_static.waits")`), gives its turn
away for good. It never takes it again, since it may hold what the next one waits for.

Python 3.8 or later, standard library, and the project's django-compressor.
"""

from __future__ import annotations

import inspect
import sys
import threading


def begin() -> None:
    """Let the threads of django-compressor's compress take turns, where it is the one that we know."""
    try:
        from compressor.management.commands.compress import Command
    except ImportError:
        return
    render = inspect.getattr_static(Command, "_compress_template", None)
    if not isinstance(render, staticmethod):
        return
    turns = _Turns()
    sys.addaudithook(turns.hook)

    def in_turn(*args: object) -> object:
        turns.take()
        try:
            return render.__func__(*args)
        finally:
            turns.give()

    Command._compress_template = staticmethod(in_turn)


class _Turns:
    """A lock that a thread lets go of when it begins to wait for a program."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._here = threading.local()

    def take(self) -> None:
        self._lock.acquire()
        self._here.has_turn = True

    def give(self) -> None:
        if getattr(self._here, "has_turn", False):
            self._here.has_turn = False
            self._lock.release()

    def hook(self, event: str, _arguments: object) -> None:
        if event in ("subprocess.Popen", "fab_static.waits"):
            self.give()
