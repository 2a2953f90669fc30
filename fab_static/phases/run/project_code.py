"""What of host/project/ is sent to the project's interpreter on a host."""

from __future__ import annotations

import threading
from functools import cache

from fab_static.host import project
from fab_static.host.archive import archive, digest_of

# what the project's Python runs: it answers a question, or runs manage.py or the probe and records what that reads
PROBE = "fab_static_sent.host.project.probe"
RECORDER = "fab_static_sent.host.project.reads.run"
PRECOMPILERS = "fab_static_sent.host.project.precompilers.beginning"

# what follows the programs that a build starts, keeps what they made, and is part of its commands
OF_BUILDS = (
    *("collecting", "compressing", "faults", "integrity", "sources", "static_root"),
    *(
        "reads.declared",
        "reads.node_reads",
        "reads.portable",
        "reads.programs",
        "reads.sass_reads",
        "reads.shell_line",
    ),
    *("starts.answered", "starts.passing_on", "starts.remade", "starts.standing", "starts.started"),
    *("traces.arguments", "traces.calls", "traces.lines", "traces.pausing", "traces.processes"),
    *("traces.running", "traces.seen", "traces.strace"),
    *("precompilers.beginning", "precompilers.call", "precompilers.kept"),
    *("precompilers.observing", "precompilers.stepping_in", "results"),
)


# hosts are asked at once, each by its own thread: it is packed once for all
_PACKING = threading.Lock()


def project_archive(*, builds: bool = True) -> bytes:
    """Return what is sent to the project's interpreter, on a host that builds, or on one that only renders."""
    with _PACKING:
        return _archive(builds=builds)


def project_digest() -> str:
    """Return what stands for that code: a record is used again by the version that wrote it, and by no other."""
    with _PACKING:
        return _digest()


@cache
def _archive(*, builds: bool) -> bytes:
    without = () if builds else [f"fab_static_sent.host.project.{name}" for name in OF_BUILDS]
    return archive(project, without=without)


@cache
def _digest() -> str:
    return digest_of(project)
