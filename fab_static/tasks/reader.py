"""When nobody reads on: help and lists end as those of other programs do, `fab --list | head`."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoke.program import Program


def end_with_reader(program: Program) -> None:
    """Let help and lists end at once, and without a word, when their reader does.

    A task that runs goes on (report/stream.py): nobody's `head` ends a deploy.

    Args:
        program: the one that prints them; it has read its words when it does.
    """
    tell = program.parse_cleanup  # where it has printed something, it ends, and does not return

    def tell_or_end() -> None:
        before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        tell()
        signal.signal(signal.SIGPIPE, before)

    setattr(program, "parse_cleanup", tell_or_end)  # noqa: B010 - mypy takes no method for a variable
