"""A session that a task is given instead of a fleet: it takes down what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fab_static.errors import FabStaticError


class Session:
    """Takes down each call; answers with what the test gives, or raises it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}
        self.inventories = Path("inventories")
        self.said: list[str] = []
        self.warned: list[str] = []
        self.show = SimpleNamespace(say=self.said.append, warn=self.warned.append)
        self.environment: Any = SimpleNamespace(
            name="staging", confirm=False, origin=None, hosts=[SimpleNamespace(local=False)]
        )
        self.hidden = {"PASSWORD": "tiger-tiger"}
        self.opened: list[dict[str, bool]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*words: Any, **options: Any) -> Any:
            self.calls.append((name, words, options))
            answer = self.answers.get(name)
            if isinstance(answer, FabStaticError):
                raise answer
            return answer

        return call

    @contextmanager
    def task(self, **options: bool) -> Iterator[Session]:
        """Stand for tasks.ending.task_session."""
        self.opened.append(options)
        yield self
