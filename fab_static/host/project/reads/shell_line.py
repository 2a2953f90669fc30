"""A phase that is a shell line: what it reads is seen by strace, where that can be, and named by its globs.

Where nothing can be traced, the globs stand for it; Node then also tells which files it opens: node_reads.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Mapping, Sequence

from fab_static.host.project.reads.declared import inputs_of, left_in
from fab_static.host.project.reads.node_reads import NodeReads
from fab_static.host.project.reads.notes import Notes
from fab_static.host.project.reads.outcome import Outcome
from fab_static.host.project.reads.programs import take_in
from fab_static.host.project.reads.run import write_record
from fab_static.host.project.reads.states import Row
from fab_static.host.project.traces import strace
from fab_static.host.project.traces.running import Trace
from fab_static.host.project.traces.seen import Seen

NOT_SEEN = "it is a shell line, and what that reads is not seen"


class ShellLine:
    """A shell line that is about to run.

    Args:
        order: {"name", "to", "token", "given", "before": as reads/run has them, "folder": where it runs, "reads":
            globs, "writes": files and folders that it is there to make, "inside", "builds", "trust": likewise}.
    """

    def __init__(self, order: Mapping[str, Any]) -> None:
        self._order = order
        self._folder = order["folder"]
        self.nothing: list[str] = []  # globs that match no file
        self._declared: list[Row] = []
        if order["reads"]:
            start_ns = int(order["start"] * 1e9)
            self._declared, self.nothing = inputs_of(
                self._folder, order["reads"], order["writes"], start_ns
            )
        self._why = strace.why_not() or self._starts_with_rights()
        self._trace: Trace | None = None
        self._node: NodeReads | None = None

    @property
    def _note(self) -> str:
        """Where stands which programs had no rights while this very line was traced."""
        given = json.dumps(self._order["given"]["command"]).encode()
        return f"{self._order['to']}.untraced-{hashlib.sha256(given).hexdigest()[:16]}"

    def _starts_with_rights(self) -> str:
        """Return why the line must not be traced: it starts sudo, say, as a traced run of it found out."""
        try:
            with open(self._note, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def begin(
        self, command: list[str], environment: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        """Return what is started in place of a command, and with which variables."""
        if self._why:
            if not self._declared:
                return command, dict(environment)
            self._node = NodeReads()
            return command, self._node.variables(environment)
        self._trace = Trace(self._folder, self._nothing_seen())
        return self._trace.words(command), self._trace.variables(environment)

    def _nothing_seen(self) -> Seen:
        apart = [
            os.path.normpath(os.path.join(self._folder, path)) for path in self._order["writes"]
        ]
        return Seen({*apart, *map(os.path.realpath, apart)}, self._order["trust"])

    def drop(self) -> None:
        """Forget it: it did not start."""
        if self._trace:
            self._trace.drop()
        if self._node:
            self._node.end(Seen())

    def end(self, code: int) -> str:
        """Read what it did to the end, and write the record where it ended well; return what the operator should know."""
        if self._node:
            seen = self._nothing_seen()
            self._node.end(seen)
            start_ns = int(self._order["start"] * 1e9)
            if code == 0:
                left = [] if self._order["writes"] else left_in(self._folder, start_ns)
                self._write_seen(seen, start_ns, left)
            return ""
        if self._trace is None:
            if code == 0:
                self._write_unseen()
            return ""
        seen = self._trace.finish()
        if code and seen.powerless:
            names = ", ".join(dict.fromkeys(seen.powerless))
            with open(self._note, "w", encoding="utf-8") as file:
                file.write(f"{names} would have no rights of its own while it is traced")
            return f"{names} had no rights of its own, because it was traced. It is not traced the next time: run it again\n"
        if code == 0:
            self._write_seen(seen, self._trace.start_ns)
        return ""

    def _write_seen(self, seen: Seen, start_ns: int, left: Sequence[Row] = ()) -> None:
        order = self._order
        notes = Notes(start_ns / 1e9, order["inside"])
        notes.makes(order.get("builds", ()))
        take_in(notes, seen, start_ns)
        rows, unseen = Outcome(notes).rows()
        inside = notes.inside.document(notes.inputs, notes.written)
        rows += left
        known = {(aspect, path) for aspect, path, _, _ in self._declared}
        rows = self._declared + [row for row in rows if (row[0], row[1]) not in known]
        write_record(order, rows, unseen, {**notes.more, "inside": inside}, None)

    def _write_unseen(self) -> None:
        more: dict[str, Any] = {"inside": {"reads": [], "writes": [], "parts": {}}}
        write_record(self._order, [], [f"{NOT_SEEN}: {self._why}"], more, None)
