"""Databases that a process asks: files of SQLite are seen, other connections make a run that is not used again."""

from __future__ import annotations

import os
import sys
from typing import Any

from fab_static.host.project.reads.notes import Notes

CONNECTING = {  # where a native module's connections begin: module -> (class or None, function)
    "psycopg2": (None, "_connect"),
    "MySQLdb.connections": ("Connection", "__init__"),
}


class Databases:
    """Notes the databases that are asked."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._listens_to_django = False
        self._doors = dict(CONNECTING)

    def opened(self, path: Any) -> None:
        """Note the files of a SQLite database."""
        name = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        if name in (":memory:", "") or "mode=memory" in name:
            return
        if name.startswith("file:"):
            name = name[len("file:") :].split("?")[0]
        for ending in ("", "-wal", "-journal"):
            self._notes.note("bytes", name + ending)

    def listen_to_django(self) -> None:
        """Hear of each connection that Django makes, once it can say so."""
        if self._listens_to_django:
            return
        signals = sys.modules.get("django.db.backends.signals")
        created = getattr(signals, "connection_created", None)
        if created is None:
            return
        self._listens_to_django = True

        def connected(connection: Any = None, **_: Any) -> None:
            if getattr(connection, "vendor", "") != "sqlite":  # that one's file is seen
                alias = getattr(connection, "alias", "")
                self._notes.is_unseen(f"it asked the database {alias}")

        created.connect(connected, weak=False)

    def watch_doors(self) -> None:
        """Hear of each connection that a native module makes, once it is imported."""
        for name, (owner, function) in list(self._doors.items()):
            place = sys.modules.get(name)
            if owner:
                place = getattr(place, owner, None)
            before = getattr(place, function, None)
            if place is None or before is None:
                continue
            del self._doors[name]

            def connect(*args: Any, before: Any = before, name: str = name, **kwargs: Any) -> Any:
                self._notes.is_unseen(f"it asked a database through {name}")
                return before(*args, **kwargs)

            setattr(place, function, connect)
