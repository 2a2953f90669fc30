"""What the options of several tasks mean."""

from __future__ import annotations

from typing import TypedDict

YES = "go live without asking, where the inventory says `confirm: true`"
WAIT = "seconds to wait for another deploy to end (default: not at all)"
PATH = "another checkout on the hosts than the inventory's project.path"
REBUILD = "run every phase, also those whose inputs have not changed"
VERIFY = "run every phase, and fail where what would have been used again differs"
VERBOSE = "show what the commands on the hosts print"
QUIET = "show only what went wrong"
JSON = "print JSON alone on standard output"
GO_BACK = "make live again what was live before, when the probe finds something wrong (exit 1)"
WITHOUT = "hosts to leave out: HOST[,HOST]; the next deploy with them brings them up to date"


class LeftOut(TypedDict, total=False):
    """The hosts that a task leaves out."""

    without: tuple[str, ...]


def left_out(hosts: str | None) -> LeftOut:
    """Return what `edge2,web3` means to a session; nothing where no host is named."""
    names = (name.strip() for name in (hosts or "").split(","))
    without = tuple(dict.fromkeys(name for name in names if name))
    return {"without": without} if without else {}
