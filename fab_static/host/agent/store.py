"""The folder of one app and environment on a host: `deploy_to`."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat

from fab_static.host.agent.disk import make_folders, write_file
from fab_static.host.agent.names import RELEASE
from fab_static.host.agent.plain import is_folder, is_ours, owner_of, read_json
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator

    from fab_static.host.agent.protocol import Head

FOLDERS = ("objects", "pool", "releases", "recorded", "lock")  # what a link must not stand for


class Host:
    """One host's folder: `deploy_to`, with objects, releases, pool, links, lock, journal and log."""

    def __init__(self, deploy_to: str, app: str, environment: str) -> None:
        self.root = deploy_to
        self.app = app
        self.environment = environment
        self.token: str | None = None  # of the lock that this agent holds for its operator
        self.known_links: tuple[list[str], dict[str, set[str]]] | None = None
        self.odd: dict[str, str] = {}  # what was passed over below deploy_to, and why
        self.lifted: dict[str, str] = {}  # the project's links that are files now; see `lift`

    def path(self, *parts: str) -> str:
        # join of os.path is half of what linking a release takes
        return "/".join((self.root, *parts))

    def object(self, sha256: str) -> str:
        return self.path("objects", sha256[:2], sha256)

    # ---- whose folder it is

    def claim(self) -> None:
        """Make the folder ours, or refuse when it is another app's or environment's."""
        ours = {"format": 1, "app": self.app, "environment": self.environment}
        self.check_claim()
        self.refuse_links()
        if not os.path.exists(self.path(".fab_static")):
            write_file(self.path(".fab_static"), json.dumps(ours).encode())

    def check_claim(self) -> None:
        claim = self.known(".fab_static", lambda found: {"app", "environment"} <= found.keys())
        if claim and (claim["app"], claim["environment"]) != (self.app, self.environment):
            raise RefusedError(
                "the folder belongs to {} {}, not to {} {}".format(
                    claim["app"], claim["environment"], self.app, self.environment
                ),
                self.root,
                "give each app and environment a deploy_to of its own",
            )

    def refuse_links(self) -> None:
        """Refuse to write or remove below a folder of ours that is a link: what it leads to is somebody's.

        `deploy_to` itself may be one: an operator keeps all of it on another disk.
        """
        for name in FOLDERS:
            self.refuse_link(self.path(name))
        for name in (
            "objects",
            "pool",
            "releases",
        ):  # of the others, what is no folder is set aside
            path = self.path(name)
            if os.path.lexists(path) and not is_folder(path):
                raise RefusedError(
                    f"{name} is not a folder", path, "find out who put it there, and move it away"
                )

    def refuse_link(self, path: str) -> None:
        """Refuse a path below `deploy_to` that is a link, or lies in one."""
        name = ""
        for part in path[len(self.root) + 1 :].split("/"):
            name = f"{name}/{part}" if name else part
            if os.path.islink(self.path(name)):
                raise RefusedError(
                    self.told_of_link(name),
                    self.path(name),
                    f"remove the link, and move the folder itself to {self.path(name)} if the link led to "
                    f"it; to keep all of it on another disk, let {self.root} as a whole be a link to there",
                )

    def told_of_link(self, name: str) -> str:
        return f"{name} is a symbolic link to {os.readlink(self.path(name))}"

    # ---- records: others may have written there, a crash may have cut them off

    def known(self, name: str, is_sound: Callable[[Head], bool] = bool) -> Head | None:
        """Return a record, a JSON object; None where there is none, or a strange one: `odd` says why."""
        try:
            found = read_json(self.path(name))
        except RefusedError as error:
            self.odd[name] = f"{error.what}; it is passed over"
            return None
        except OSError as error:
            self.odd[name] = f"{name} cannot be read ({error.strerror}); it is passed over"
            return None
        if found is None:
            return None
        if not isinstance(found, dict) or not is_sound(found):
            self.odd[name] = f"{name} does not hold what we write; it is passed over"
            return None
        return found

    def why_not_ours(self, name: str) -> str | None:
        """Return in words why a record is not to be obeyed: another may have written it."""
        status = os.lstat(self.path(name))
        if not is_ours(status):
            return f"{name} belongs to {owner_of(status)} (mode {stat.S_IMODE(status.st_mode):04o})"
        return None

    # ---- releases

    def live(self, link: str = "current") -> str | None:
        """Return the release that a link names; None where it names none."""
        try:
            folder, _, name = os.readlink(self.path(link)).rpartition("/")
        except OSError:
            return None
        return name if folder == "releases" and RELEASE.fullmatch(name) else None

    def releases(self) -> list[str]:
        """Return the ids of the sealed releases, oldest first."""
        try:
            names = os.listdir(self.path("releases"))
        except FileNotFoundError:
            return []
        return sorted(
            name
            for name in names
            if RELEASE.fullmatch(name)
            and os.path.exists(self.path("releases", name, "release.json"))
        )


@contextlib.contextmanager
def alone(host: Host) -> Iterator[None]:
    """Hold the folder while the lock is looked at and changed: two agents never do so at once."""
    make_folders(host.root)
    descriptor = os.open(host.root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
