"""What a terminal shows at Ctrl-C, while a program that has set it runs and when that has ended."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios

from fab_static.tasks.ctrl_c import MODES

BOTH = termios.ECHOCTL | termios.NOFLSH
PROGRAM = """
import os, sys, termios
from fab_static.tasks import ctrl_c

if sys.argv[1:] == ["background"]:
    if child := os.fork():
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os.setpgid(0, 0)
ctrl_c.tidy()
print(termios.tcgetattr(0)[3] & (termios.ECHOCTL | termios.NOFLSH))
"""


def modes_of(terminal: int) -> int:
    modes: int = termios.tcgetattr(terminal)[MODES]
    return modes & BOTH


def on_a_terminal(*words: str) -> tuple[int, int, int]:
    """Return the modes before a program, in it, and after it."""
    ours, theirs = pty.openpty()
    try:
        before = modes_of(theirs)
        ran = subprocess.run(
            [sys.executable, "-c", LEADS + PROGRAM, *words],
            stdin=theirs,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            start_new_session=True,
        )
        return before, int(ran.stdout), modes_of(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


LEADS = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"  # as a shell's child has it


def test_a_terminal_shows_no_sign_and_drops_nothing_until_the_program_ends() -> None:
    """`^Cinterrupted; what was live before is live` stood in one line; at times half of the table stayed."""
    before, meanwhile, after = on_a_terminal()
    assert before == after == termios.ECHOCTL
    assert meanwhile == termios.NOFLSH


def test_a_program_in_the_background_sets_nothing() -> None:
    """The kernel would stop it: `fab staging deploy &` stood still."""
    assert len({*on_a_terminal("background")}) == 1


def test_without_a_terminal_nothing_happens() -> None:
    code = "from fab_static.tasks import ctrl_c; ctrl_c.tidy()"
    for stdin in (subprocess.DEVNULL, subprocess.PIPE):
        ran = subprocess.run([sys.executable, "-c", code], stdin=stdin, check=False)
        assert ran.returncode == 0
    closed = subprocess.run(["sh", "-c", '"$0" -c "$1" <&-', sys.executable, code], check=False)
    assert closed.returncode == 0
