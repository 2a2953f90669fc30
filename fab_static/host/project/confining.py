"""Confines this process, and all that it starts: the kernel refuses whatever they would write beside what they may.

So a command that nobody has seen yet can run while another phase works on the static root. It is Landlock(7), which any
account may use. What it does not cover is left to strace, which refuses sockets: a program that was running already,
and is not confined, might else be asked to write.

A command that goes on where it was refused something would do less than it does otherwise. traces/calls tells of each
refusal, and then nothing that the command made is kept.

Python 3.8 or later, standard library.
"""

from __future__ import annotations

import ctypes
import os
import struct
import tempfile

from fab_static.host.project.traces import strace, temporary

# linux/landlock.h; the numbers of calls are the same on all processors that Python has Landlock's kernels for
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1  # the flag that asks for it
_ENOUGH = 3  # Linux 6.2: it covers truncate, too
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_IN_FOLDERS = sum(1 << bit for bit in range(4, 14))  # what removes, makes or moves names
_BELOW = 1  # a rule that holds of a file, or of a folder and all in it
_NO_NEW_PRIVILEGES = 38  # of prctl(2): Landlock asks for it


def confine(folder: str) -> bool:
    """Let this thread, and what it starts from now on, write below one folder alone, and to temporary files of ours.

    Those are made in a folder of their own from now on. Returns whether the kernel can do it; where it cannot, nothing
    has changed.
    """
    try:
        kernel = ctypes.CDLL(None, use_errno=True)
        if _ask(kernel, _CREATE, None, 0, _VERSION) < _ENOUGH:
            return False
        os.makedirs(folder, exist_ok=True, mode=0o700)
        aside = temporary.folder()
        rights = _WRITE_FILE | _TRUNCATE | _IN_FOLDERS
        rules = _ask(kernel, _CREATE, struct.pack("=Q", rights), 8, 0)
        try:
            for path in (folder, aside):
                _allow(kernel, rules, path, rights)
            _allow(kernel, rules, os.devnull, _WRITE_FILE | _TRUNCATE)
            if kernel.prctl(_NO_NEW_PRIVILEGES, *map(ctypes.c_ulong, (1, 0, 0, 0))):
                return False
            _ask(kernel, _RESTRICT, rules, 0)
        finally:
            os.close(rules)
    except OSError:
        return False
    tempfile.tempdir = aside
    strace.confine()
    return True


def _allow(kernel: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _ask(kernel, _ADD, rules, _BELOW, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def _ask(kernel: ctypes.CDLL, call: int, *arguments: int | bytes | None) -> int:
    """Make a call of the kernel; return its answer.

    Raises:
        OSError: it failed, or the kernel has no such call.
    """
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    answer: int = kernel.syscall(ctypes.c_long(call), *given)
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
