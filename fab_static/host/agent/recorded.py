"""What runs of the project have read, so that a run is not repeated while all of it is as it was."""

from __future__ import annotations

import contextlib
import os
import stat
import time

from fab_static.host.agent.claims import claim
from fab_static.host.agent.digests import digest_of
from fab_static.host.agent.disk import make_folders, remove_tree, set_aside
from fab_static.host.agent.names import checked
from fab_static.host.agent.plain import is_ours
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.wire import Agent
    from fab_static.host.project.reads.shell_line import ShellLine

RECORDED = r"[a-z0-9_]+(-[0-9a-f]{16})?"  # what a recorded run is known by
# name -> record, of what was proved just now: what it read need not be compared again at once
PROVED: dict[str, Head] = {}
RECORDED_KEPT = 32  # recorded runs, of 100 KB or more each; the least recently used go first


def why_not(agent: Agent, head: Head, record: Head | None) -> str | None:
    """Return why a recorded run would not read the same now; None: it would. See recalling.py."""
    from fab_static.host.project.reads import compared  # late: it comes with `learn`

    if record is None:
        return "it was not recorded yet"
    for file, states in head.get("left", {}).items():
        if digest_of(file) not in states:
            return f"{file} has changed"
    shown = head.get("shown", {})
    why: str | None = compared.changed(record, lambda salt: given_to(agent, head, salt), shown)
    return why


def given_to(agent: Agent, head: Head, salt: str) -> Head:
    from fab_static.host.project.reads import compared  # late: it comes with `learn`

    environment = dict(os.environ, **head["environment"])
    given: Head = compared.given(head["what"], head["folder"], environment, salt)
    return given


def order_to_record(agent: Agent, head: Head, token: str) -> Head:
    """Return what host/project/reads is told; an earlier record of that name is gone then."""
    claim(agent.host)
    PROVED.clear()  # what runs may change what others have read
    order = head["record"]
    path = recorded(agent, order["name"])
    before = path + ".before"
    make_folders(os.path.dirname(path), 0o700)
    with contextlib.suppress(FileNotFoundError):
        os.replace(path, before)
    others = [
        os.path.join(os.path.dirname(path), name) for name in os.listdir(os.path.dirname(path))
    ]
    for old in sorted(others, key=os.path.getmtime)[:-RECORDED_KEPT]:
        remove_tree(old)
    given = given_to(agent, {**head, "what": order["what"]}, os.urandom(16).hex())
    start = time.time()
    return {"to": path, "before": before, "token": token, "given": given, "start": start, **order}


def shell_line(told: Head) -> ShellLine:
    """Return the shell line of a phase, about to run and to leave a record of what it reads.

    Raises:
        RefusedError: no file matches one of the globs that name what it reads.
    """
    from fab_static.host.project.reads import declared, shell_line  # late: it comes with `learn`

    folder, line = told["folder"], shell_line.ShellLine(told)
    own = [pattern for pattern in line.nothing if declared.are_files(folder, pattern)]
    if own:
        raise RefusedError(
            f"what {', '.join(own)} matches is written by phase {told['name']} itself, so it is not an input of it",
            folder,
            "name its sources in `reads` in the inventory, and in `writes` nothing but what it makes",
            "build",
        )
    if line.nothing:
        raise RefusedError(
            f"no file matches {', '.join(line.nothing)}, which phase {told['name']} is said to read",
            folder,
            "correct its `reads` in the inventory: they are relative to project.path",
            "build",
        )
    return line


def read_record(path: str) -> Head | None:
    """Return a record of what a run has read, or None if there is none, or it is broken."""
    from fab_static.host.project.reads import states  # late: it comes with `learn`

    return states.read_record(path)


def recorded(agent: Agent, name: str) -> str:
    """Return where a recorded run is; in a folder that is ours, since what it answered is used again."""
    folder = agent.host.path("recorded")
    with contextlib.suppress(FileNotFoundError):
        status = os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode) or not is_ours(status):
            set_aside(folder)
    return os.path.join(folder, checked(RECORDED, name, "name of a recorded run"))
