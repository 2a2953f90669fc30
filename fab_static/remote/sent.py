"""What goes to a host: the agent itself, the line that starts it, and frames."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from fab_static.host import agent
from fab_static.host.agent.protocol import FRAME
from fab_static.host.archive import (
    FIRST_LINE,
    ROOT,
    SIZE,
    WHICH_PYTHON,
    archive,
    bootstrap,
)
from fab_static.remote.frames import Head

AGENT = "fab_static_sent.host.agent"  # its name on hosts
# only where a project is built, or runs, does an agent need these modules
OF_PROJECTS = (
    "commands",
    "processes",
    "project_modules",
    "project_start",
    "recalling",
    "recorded",
)
# and only where it is built, these
OF_BUILDS = (
    "adopting",
    "carried",
    "copies",
    "deltas",
    "differing",
    "encoding",
    "lift",
    "lock",
    "page_facts",
    "putting",
    "replaying",
    "static_root",
    "writes",
)
# and only where there is a bucket, these
OF_BUCKETS = ("bucket_line", "carried", "fetching", "putting")
# the bootstrap's words; where the interpreter does not know where it lies, nothing follows `at`
TOO_OLD = re.compile(r"fab_static: Python (\d\S*) at ?([^\r\n]*)")
MUCH = 4096  # bytes of a request that are worth deflating


@dataclass(frozen=True)
class Program:
    """What starts an agent: a command, and what goes to its standard input before any frame."""

    archive: bytes

    def command(self, python: str, folder: str) -> list[str]:
        """Return the words of a command that runs what is kept in a folder of the host, else waits for it."""
        return [*_started(python), bootstrap(self.archive, f"{AGENT}.wire", folder)]

    def asking(self, frames: bytes) -> bytes:
        """Return what goes to the standard input of a program that may be kept there, with the first frames."""
        return FIRST_LINE + SIZE % len(frames) + frames


def command_here(python: str) -> list[str]:
    """Return the words of a command that runs the agent's modules where they lie on this machine.

    Nothing is packed or sent, and Python has compiled them before.
    """
    # last, so that no package beside ours stands for a module of Python's own
    line = (
        f"import sys;sys.path.append({str(ROOT)!r});from {agent.__name__}.wire import main;main()"
    )
    return [*_started(python), line]


def _started(python: str) -> list[str]:
    """Return the words that begin such a command: no packages of user or site, and UTF-8 whatever the locale."""
    return [python, "-I", "-S", "-X", "utf8", "-c"]


def which(python: str) -> list[str]:
    """Return the words of the command by which any Python says its version, and where it lies."""
    return [python, "-c", f"import sys;sys.exit({WHICH_PYTHON})"]


def agent_for(roles: Collection[str], *, has_bucket: bool = True) -> Program:
    """Return the agent of a host with these roles; `has_bucket`: its environment has an origin, a hub or a cache."""
    without = {*(() if "build" in roles else OF_BUILDS), *(() if has_bucket else OF_BUCKETS)}
    if not {"build", "static"} & {*roles}:
        without.add("unpacking")  # who serves no files makes none
    if not {"build", "web"} & {*roles}:
        without.update(OF_PROJECTS)
    return _agent(frozenset(without))


@cache  # most runs of fab send it to many hosts; some to none
def _agent(without: frozenset[str]) -> Program:
    return Program(archive(agent, without=[f"{AGENT}.{name}" for name in without]))


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


def framed(head: Head, body: bytes, *, deflates: bool = True) -> bytes:
    """Return a frame; a large body deflated, which objects in a pack are where that helps."""
    if isinstance(body, Deflated) or (deflates and "pack" not in head and len(body) > MUCH):
        head, body = {**head, "deflated": True}, deflated(body)
    text = json.dumps(head).encode("ascii")
    return FRAME.pack(len(text), len(body)) + text + body
