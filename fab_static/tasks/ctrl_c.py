"""What a terminal itself does at Ctrl-C: it shows no `^C` among our lines, and drops none of them."""

from __future__ import annotations

import atexit
import os
import sys
import termios
from contextlib import suppress

MODES = 3  # of what tcgetattr returns: the local modes, termios(3)


def tidy() -> None:
    """Let the terminal show no `^C`, and keep what it has not shown yet, until the program ends.

    Only where it is ours: a program in the background is stopped when it sets a terminal (tcsetattr(3)).
    """
    with suppress(OSError, ValueError, AttributeError, termios.error):  # no terminal, or it is gone
        number = sys.stdin.fileno()
        before = _modes(number)
        if before is None:
            return
        _set(number, (before & ~termios.ECHOCTL) | termios.NOFLSH)
        atexit.register(_give_back, number, before)


def _give_back(number: int, before: int) -> None:
    with suppress(OSError, termios.error):
        now = _modes(number)
        if now is not None:
            both = termios.ECHOCTL | termios.NOFLSH
            _set(number, (now & ~both) | (before & both))


def _modes(number: int) -> int | None:
    """Return the local modes of a terminal, or None where it is not ours to set."""
    if not os.isatty(number) or os.tcgetpgrp(number) != os.getpgrp():
        return None
    modes: int = termios.tcgetattr(number)[MODES]
    return modes


def _set(number: int, modes: int) -> None:
    found = termios.tcgetattr(number)
    found[MODES] = modes
    termios.tcsetattr(number, termios.TCSANOW, found)
