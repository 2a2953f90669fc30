"""Ports for servers of tests: nobody else gets them meanwhile."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from subprocess import Popen
from typing import Any

from tests.processes import becomes


@contextlib.contextmanager
def kept_port() -> Iterator[int]:
    """Keep a free port of 127.0.0.1 for a server that is yet to start; until then it refuses connections.

    Who asks for any free port gets another one, as does who connects. A server gets past us: it sets
    SO_REUSEADDR, as nearly all do, and we do not listen.
    """
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield one.getsockname()[1]


def listens(server: Popen[Any], port: int) -> bool:
    """Wait until a server listens at a port of 127.0.0.1; False where it ended, or never does."""

    def is_open() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    return becomes(lambda: is_open() or server.poll() is not None) and server.poll() is None
