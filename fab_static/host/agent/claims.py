"""Claims the folder of an app and environment before anything is written there."""

from __future__ import annotations

import json
import os

from fab_static.host.agent.disk import make_folders, write_file
from fab_static.host.agent.plain import is_folder
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.store import FOLDERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.store import Host


def claim(host: Host) -> None:
    """Make the folder ours, or refuse when it is another app's or environment's."""
    ours = {"format": 1, "app": host.app, "environment": host.environment}
    host.check_claim()
    refuse_links(host)
    if not os.path.exists(host.path(".fab_static")):
        write_file(host.path(".fab_static"), json.dumps(ours).encode())


def refuse_links(host: Host) -> None:
    """Refuse to write or remove below a folder of ours that is a link: what it leads to is somebody's.

    `deploy_to` itself may be one: an operator keeps all of it on another disk.
    """
    for name in FOLDERS:
        refuse_link(host, host.path(name))
    for name in ("objects", "pool", "releases"):  # of the others, what is not a folder is set aside
        path = host.path(name)
        if os.path.lexists(path) and not is_folder(path):
            raise RefusedError(
                f"{name} is not a folder", path, "find out who put it there, and move it away"
            )


class Folders:
    """Makes folders below `deploy_to`, and refuses links; looks at each folder once, so for one request only."""

    def __init__(self, host: Host) -> None:
        make_folders(host.root)
        self._host = host
        self._known = {host.root}
        self.made: set[str] = set()  # those that were not there before

    def make(self, path: str) -> None:
        """Make a folder and those that it lies in."""
        absent = []
        while path not in self._known:
            absent.append(path)
            path = path.rpartition("/")[0]
        for folder in reversed(absent):
            try:
                os.mkdir(folder)
                self.made.add(folder)
            except FileExistsError:
                if not is_folder(folder):
                    refuse_link(self._host, folder)
                    raise
            self._known.add(folder)


def refuse_link(host: Host, path: str) -> None:
    """Refuse a path below `deploy_to` that is a link, or lies in one."""
    name = ""
    for part in path[len(host.root) + 1 :].split("/"):
        name = f"{name}/{part}" if name else part
        if os.path.islink(host.path(name)):
            raise RefusedError(
                host.told_of_link(name),
                host.path(name),
                f"remove the link, and move the folder itself to {host.path(name)} if the link led to "
                f"it; to keep all of it on another disk, let {host.root} as a whole be a link to there",
            )
