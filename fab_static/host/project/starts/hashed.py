"""SHA-256s of files that an earlier run has looked at, kept for the next: they count while the stat data is the same.

Two phases of a build look at the whole static root, as do those of the next one, and little of it has changed.

Python 3.8 or later, standard library.
"""

from __future__ import annotations

import hashlib
import json
import socket

from fab_static.host.project.reads.states import FORMAT
from fab_static.host.project.results import Results
from fab_static.host.project.starts.standing import File, Standing


class Hashed:
    """What is kept of the folders that runs work on.

    Args:
        results: the folder of results.
        standing: looks at the folders.
    """

    def __init__(self, results: Results, standing: Standing) -> None:
        self._results = results
        self._standing = standing
        known = [FORMAT, "hashed", socket.gethostname(), *sorted(standing.places)]
        self._key = hashlib.sha256(json.dumps(known).encode()).hexdigest()

    def take(self) -> None:
        """Let the standing know what is kept; of what cannot be read nothing is known."""
        for _, _, data in self._results.of(self._key):
            try:
                rows = json.loads(data)
                self._standing.known = {
                    path: File((size, mtime, ctime, inode), sha256, is_settled=True)
                    for path, size, mtime, ctime, inode, sha256 in rows
                }
            except (ValueError, TypeError):
                continue
            return

    def keep(self) -> None:
        """Keep what the standing has hashed, if it has: of files whose stat data stands for their bytes."""
        if not self._standing.hashed:
            return
        rows = [
            [path, *file.stamp, file.sha256]
            for path, file in self._standing.known.items()
            if file.is_settled
        ]
        self._results.put(self._key, "hashed", {}, json.dumps(rows).encode())
