"""What goes to a host: the agent itself, the line that starts it, and frames."""

from __future__ import annotations

import json
import re
import zlib

from fab_static.host import agent
from fab_static.host.agent.protocol import FRAME
from fab_static.host.archive import archive, bootstrap
from fab_static.remote.frames import Head

AGENT = archive(agent)
BOOTSTRAP = bootstrap(AGENT, "fab_static.host.agent.wire")
# -I -S: neither the user's nor the site's packages; -X utf8: file names alike whatever the locale
PYTHON = ("python3", "-I", "-S", "-X", "utf8", "-c", BOOTSTRAP)
TOO_OLD = re.compile(r"fab_static: Python (\S+)")  # the bootstrap's words
MUCH = 4096  # bytes of a request that are worth deflating


class Deflated(bytes):
    """The body of a request to many hosts, deflated once for all of them."""

    size: int  # before


def deflated(body: bytes) -> Deflated:
    """Return a body as it goes out."""
    if isinstance(body, Deflated):
        return body
    smaller = Deflated(zlib.compress(body, 3))
    smaller.size = len(body)
    return smaller


def framed(head: Head, body: bytes) -> bytes:
    """Return a frame; a large body deflated, which objects in a pack are where that helps."""
    if isinstance(body, Deflated) or ("pack" not in head and len(body) > MUCH):
        head, body = {**head, "deflated": True}, deflated(body)
    text = json.dumps(head).encode("ascii")
    return FRAME.pack(len(text), len(body)) + text + body
