"""What of host/project/ is sent to the project's interpreter on a host, and what that is told of the inventory."""

from __future__ import annotations

import threading
from functools import cache

from fab_static.host import project
from fab_static.host.archive import archive, archive_here, digest_of
from fab_static.host.project.traces.seen import BY_CONTENT
from fab_static.plan.inventory import Build

# what the project's Python runs: it answers a question, or runs manage.py or the probe and records what that reads
PROBE = "fab_static_sent.host.project.probe"
RECORDER = "fab_static_sent.host.project.reads.run"
PRECOMPILERS = "fab_static_sent.host.project.precompilers.beginning"

# what follows the programs that a build starts, keeps what they made, and is part of its commands
OF_BUILDS = (
    *(
        "ahead",
        "collecting",
        "compressing",
        "confining",
        "faults",
        "integrity",
        "sources",
        "static_root",
    ),
    *(
        "reads.declared",
        "reads.machine",
        "reads.node_reads",
        "reads.portable",
        "reads.programs",
        "reads.sass_reads",
        "reads.shell_line",
    ),
    *(
        "starts.answered",
        "starts.hashed",
        "starts.passing_on",
        "starts.remade",
        "starts.standing",
        "starts.started",
    ),
    *("traces.arguments", "traces.calls", "traces.lines", "traces.pausing", "traces.processes"),
    *("traces.running", "traces.seen", "traces.strace", "traces.temporary"),
    *("precompilers.beginning", "precompilers.call", "precompilers.kept"),
    *("precompilers.observing", "precompilers.stepping_in", "results"),
)


# hosts are asked at once, each by its own thread: it is packed once for all
_PACKING = threading.Lock()


def project_archive(*, builds: bool = True, is_here: bool = False) -> bytes:
    """Return what is sent to the project's interpreter, on a host that builds, or on one that only renders.

    `is_here`: the host is this machine.
    """
    with _PACKING:
        return _archive(builds=builds, is_here=is_here)


def project_digest() -> str:
    """Return what stands for that code: a record is used again by the version that wrote it, and by no other."""
    with _PACKING:
        return _digest()


def trusted(build: Build) -> list[str]:
    """Return what that code is told of programs and native modules that the inventory vouches for."""
    return [*build.trust, *(BY_CONTENT + name for name in build.by_content)]


@cache
def _archive(*, builds: bool, is_here: bool) -> bytes:
    without = () if builds else [f"fab_static_sent.host.project.{name}" for name in OF_BUILDS]
    return (archive_here if is_here else archive)(project, without=without)


@cache
def _digest() -> str:
    return digest_of(project)
