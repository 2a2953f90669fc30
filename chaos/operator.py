"""Is run instead of `fab`: counts the requests to every host, and stops at the chosen ones.

CHAOS_MOMENTS holds a JSON list of {"stage", "verb", "host", "nth", "name"}. At such a moment the
process kills itself (`name` is "kill"), or says the name on the socket CHAOS_SOCKET and goes on when
answered: the fault is there by then. CHAOS_RECORD names a file for all requests made.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from fabric.main import program

from fab_static.remote import Head, RemoteHost

ANSWER_SECONDS = 30.0


class Hand:
    """Counts requests, and acts at the chosen moments."""

    def __init__(self, moments: list[dict[str, Any]], where: str, record: Path | None) -> None:
        self._moments = {(m["stage"], m["verb"], m["host"], m["nth"]): m["name"] for m in moments}
        self._socket = where
        self._record = record
        self._counting = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._asked: dict[RemoteHost, tuple[str, str, int]] = {}

    def install(self) -> None:
        """Stand between RemoteHost and its channel."""
        send, frame = RemoteHost._send, RemoteHost._frame

        def counted_send(host: RemoteHost, head: Head, body: bytes) -> None:
            if "do" not in head or head["do"] == "beat":  # the heart beats when it likes
                send(host, head, body)
                return
            asked = self._count(str(head["do"]), host.name)
            self._act("before", asked)
            send(host, head, body)
            self._asked[host] = asked
            self._act("sent", asked)

        def counted_frame(
            host: RemoteHost, timeout_seconds: float | None = None, *, ticks: bool = False
        ) -> tuple[Head, bytes]:
            head, body = frame(host, timeout_seconds, ticks=ticks)
            if "ok" in head and (asked := self._asked.pop(host, None)):
                self._act("answered", asked)
            return head, body

        RemoteHost._send = counted_send  # type: ignore[method-assign, assignment]
        RemoteHost._frame = counted_frame  # type: ignore[method-assign, assignment]

    def _count(self, verb: str, host: str) -> tuple[str, str, int]:
        with self._counting:
            self._counts[verb, host] += 1
            asked = verb, host, self._counts[verb, host]
            if self._record:
                with self._record.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asked) + "\n")
            return asked

    def _act(self, stage: str, asked: tuple[str, str, int]) -> None:
        name = self._moments.get((stage, *asked))
        if name is None:
            return
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(self._socket)
            connection.sendall(name.encode())
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
        if name == "kill":
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run fab."""
    record = os.environ.get("CHAOS_RECORD")
    moments = json.loads(os.environ.get("CHAOS_MOMENTS", "[]"))
    Hand(moments, os.environ.get("CHAOS_SOCKET", ""), Path(record) if record else None).install()
    sys.argv[0] = "fab"
    program.run()


if __name__ == "__main__":
    main()
