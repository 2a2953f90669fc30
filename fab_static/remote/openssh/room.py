"""The room of a run: a private folder with the sockets of its connections. Both go when the run does, however it ends.

A small shell keeps watch. It reads from a pipe which processes of ssh there are, and sees the end of the pipe even
where the operator's process was killed. Then it ends those that are left, and removes the folder.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO

from fab_static.remote.openssh.master import Master

# sun_path of macOS and the BSDs, 104 bytes with its end; Linux has 108
MOST_BYTES = 103
ADDED_BYTES = 17  # ssh makes the socket under a longer name, and renames it
OUR_BYTES = len("/fab-12345678/1234")
WATCH = """
pids=
while read -r sign pid; do
  left=
  for each in $pids; do [ "$each" = "$pid" ] || left="$left $each"; done
  [ "$sign" = - ] && pids=$left || pids="$left $pid"
done
for each in $pids; do kill -TERM "-$each"; done
rm -rf "$0"
[ -z "$pids" ] || sleep 1
for each in $pids; do kill -KILL "-$each"; done
"""


class Room:
    """The folder, and who keeps watch over it. Nothing is there before somebody enters."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside: set[object] = set()
        self._numbers = itertools.count()
        self._folder: Path | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    def enter(self, who: object) -> None:
        """Note who uses the room; the first one makes it."""
        with self._lock:
            if not self._inside:
                self._open()
            self._inside.add(who)

    def leave(self, who: object) -> bool:
        """Forget who used the room; tell whether nobody is left in it."""
        with self._lock:
            was_inside = who in self._inside
            self._inside.discard(who)
            return was_inside and not self._inside

    def path(self) -> Path:
        """Return a path in the folder that nobody else has."""
        assert self._folder is not None  # noqa: S101 - somebody is inside
        return self._folder / str(next(self._numbers))

    def began(self, master: Master) -> None:
        """Have the watch know of a process, which it ends if we cannot."""
        self._tell(f"+ {master.pid}\n")

    def ended(self, master: Master) -> None:
        """Have the watch forget a process."""
        self._tell(f"- {master.pid}\n")

    def close(self) -> None:
        """Remove the folder, and end what still runs."""
        with self._lock:
            watch, self._watch = self._watch, None
            folder, self._folder = self._folder, None
        if watch is not None and folder is not None:
            _close(watch.stdin)
            watch.wait()
            shutil.rmtree(folder, ignore_errors=True)  # somebody may have ended the watch

    def _open(self) -> None:
        folder = tempfile.mkdtemp(prefix="fab-", dir=short_enough(tempfile.gettempdir()))
        self._folder = Path(folder)  # mode 0700
        self._watch = subprocess.Popen(  # noqa: S603 - words of ours alone
            ["/bin/sh", "-c", WATCH, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            start_new_session=True,  # Ctrl-C must not end it
        )

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._watch and self._watch.stdin:
                with contextlib.suppress(OSError):  # somebody has ended it
                    self._watch.stdin.write(line.encode())


def short_enough(folder: str) -> str:
    """Return a folder whose sockets have names that the system takes: this one, or /tmp."""
    size = len(folder.encode()) + OUR_BYTES + ADDED_BYTES
    return folder if size <= MOST_BYTES else "/tmp"  # noqa: S108 - mkdtemp makes a folder of ours there


def _close(pipe: IO[bytes] | None) -> None:
    if pipe:
        with contextlib.suppress(OSError):
            pipe.close()
