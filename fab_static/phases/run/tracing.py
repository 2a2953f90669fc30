"""Whether the build host can see what the programs read that phases start."""

from __future__ import annotations

import re

from fab_static.host.project.traces import strace
from fab_static.phases.run.deployment import Deployment
from fab_static.remote import RemoteHost

_STARTED = re.compile(r"it started ([^;]+?), and (strace [^;]*)(.*)", re.S)
ENDS_IT = (
    "strace on the build host ends that, and so does LessFilter in place of lessc (docs/build.md)"
)
CODE = 7  # by which the trial ends, and nothing else does


def why_not(host: RemoteHost) -> str:
    """Return why nothing can be traced on a host; "" where it can. It is tried, on a command that does nothing."""
    words = strace.words("/dev/null", program="strace")
    ran = host.run([*words, "/bin/sh", "-c", f"exit {CODE}"])
    if ran.code == CODE and not ran.output:
        return ""
    if ran.code == 127:
        return "strace is not installed"
    said = ran.output.strip().splitlines()
    return "strace may not trace: " + (said[0] if said else f"exit code {ran.code}")


def in_words(unseen: str) -> str:
    """Return why a phase always runs, and what ends that, where it is a program whose reads nobody sees."""
    found = _STARTED.match(unseen)
    if not found:
        return unseen
    program, why, rest = found.groups()
    return f"starts {program}, whose reads cannot be seen: {why}{rest}; {ENDS_IT}"


def always_running(deploy: Deployment) -> dict[str, float]:
    """Return the phases that ran the last time because nothing was traced: each with its seconds."""
    phases = deploy.journal.phases
    return {
        name: entry["seconds"]
        for name in deploy.environment.build.phases
        if (entry := phases.get(name)) and "strace" in (entry.get("unseen") or "")
    }
