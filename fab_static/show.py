"""How the operator is told what happens: what a terminal has, and what a program of the user's may give."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from fab_static.timeline import Timeline


class Show(Protocol):
    """What shows: a terminal, or whatever a program of the user's has."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Show that a phase runs, and how it ended."""

    def say(self, text: str) -> None:
        """Tell a fact."""

    def warn(self, text: str) -> None:
        """Tell something that should be looked at."""

    def output(self, host: str, data: bytes) -> None:
        """Show what a command prints, with secrets blanked out."""

    def follow(self, timeline: Timeline, hosts: Sequence[str]) -> None:
        """Show how far each host is, from this timeline."""

    def log_to(self, path: Path) -> None:
        """Write all of it to this file too."""
