"""The way back from a flip, and the process that takes it when the operator is not heard of any more."""

from __future__ import annotations

import contextlib
import os
import time
import warnings

from fab_static.host.agent.disk import alone, is_link_to, point, remove_tree
from fab_static.host.agent.gone import keep_names
from fab_static.host.agent.names import RELEASE, checked, is_release
from fab_static.host.agent.noting import append
from fab_static.host.agent.plain import read_json
from fab_static.host.agent.provisional import PROVISIONAL, UNION
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.trust import refuse_untrusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host

# what a project's own manifest is renamed to when a link takes its place; "~": collectstatic leaves it out
BEFORE = ".before-fab-static~"


def go_back(host: Host, head: Head) -> None:
    """Put `current` and `previous` back, and the project's files where nothing of ours was live."""
    live = host.live()
    if head["current"] and live != head["current"]:
        refuse_untrusted(host, checked(RELEASE, head["current"], "release"), back=True)
    with contextlib.suppress(OSError, RefusedError):  # the links move whatever happens
        keep_names(host, leaving=live, coming=head["current"])
    for name in ("current", "previous"):
        if head[name]:
            point(host.path(name), "releases/" + checked(RELEASE, head[name], "release"))
        else:
            remove_tree(host.path(name))
    for path, target in head["links"].items():
        if not is_link_to(path, target, host.path(UNION)):
            continue
        if head["current"]:
            point(path, target)
        else:  # nothing was live: the link leads nowhere, the project's own file did
            remove_tree(path)
            if os.path.exists(path + BEFORE):
                os.replace(path + BEFORE, path)
    remove_tree(host.path(UNION))
    # last: a link moves on a full disk too, a line may not; what was just removed makes room for it
    if live and live != head["current"]:
        append(host, dict(head["entry"], event="undo", release=live))


def start_watchdog(host: Host, head: Head, note: Head) -> None:
    """Start the process that goes back when the operator does not confirm; it outlives us.

    Forked: another Python that reads all this would take longer than the rest of a flip. Our other threads
    are not in it, and it takes no lock that one of them may have held.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: of the threads
        starter = os.fork()
    if starter:
        os.waitpid(starter, 0)  # it ends at once, and leaves its child to init
        return
    try:
        os.setsid()
        leave_files()
        watchdog(host, head, note)
    finally:
        os._exit(0)


def leave_files() -> None:
    """Let go of all files: the connection ends when nobody holds it any more."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    try:
        others = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:  # not Linux
        others = list(range(256))
    for descriptor in others:
        if descriptor > 2:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def watchdog(host: Host, head: Head, note: Head) -> None:
    """Wait until the flip is confirmed or put back; when nobody is heard of for too long, put it back.

    The agent touches the note whenever it hears of the operator. Time is measured by our own clock that
    only goes forward. What is done on the way back is what the operator has said, never what a file says.
    """
    if os.fork():
        os._exit(0)
    os.chdir("/")
    timeout = head["confirm_timeout"]
    path = host.path(PROVISIONAL)
    heard, touched = time.monotonic(), None
    while True:
        try:
            now = os.lstat(path).st_mtime_ns
        except FileNotFoundError:
            return None
        if is_another_note(path, note):
            return None
        if now != touched:
            heard, touched = time.monotonic(), now
        if time.monotonic() - heard >= timeout:
            because = f"nothing was heard of the operator for {timeout:g} seconds"
            try:
                with alone(host):
                    if not os.path.lexists(path) or is_another_note(path, note):
                        return None
                    go_back(host, dict(head, entry=dict(head["entry"], because=because)))
                    remove_tree(path)
            except RefusedError as error:  # what was live is not signed: the host stays where it is
                return stays(host, head, error.what)
            except OSError:  # a full disk, say: the links may have moved, the next look tells
                time.sleep(1)
                continue
            if head["reload"]:
                import subprocess

                subprocess.run(["/bin/sh", "-c", head["reload"]], timeout=120, check=False)  # noqa: S603
            return None
        time.sleep(min(0.2, timeout / 10))  # between two looks


def stays(host: Host, head: Head, why: str) -> None:
    """Note that nobody confirmed a flip, and that there is no way back from it."""
    with contextlib.suppress(OSError, RefusedError):
        append(host, dict(head["entry"], event="stay", release=host.live(), because=why))


def is_another_note(path: str, note: Head) -> bool:
    """Tell whether a later flip was noted; what is not a note is not a word of ours."""
    try:
        found = read_json(path)
    except (RefusedError, OSError):
        return False
    return isinstance(found, dict) and found != note and is_release(found.get("release"))
