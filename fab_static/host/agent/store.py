"""The folder of one app and environment on a host: `deploy_to`."""

from __future__ import annotations

import os
import re
import stat

from fab_static.host.agent.names import RELEASE
from fab_static.host.agent.plain import is_ours, owner_of, read_json
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Callable, Dict, Optional, Tuple

    from fab_static.host.agent.protocol import Head

    Wanted = Tuple[str, str]  # an object, and the ending of its compressed copy
    Copy = Optional[Tuple[str, int]]  # an object, and its size; None: it saves too little
    Copies = Dict[Wanted, Tuple[str, int]]

FOLDERS = ("objects", "pool", "releases", "recorded", "lock")  # what a link must not stand for


class Host:
    """One host's folder: `deploy_to`, with objects, releases, pool, links, lock, journal and log."""

    def __init__(self, deploy_to: str, app: str, environment: str) -> None:
        self.root = deploy_to
        self.app = app
        self.environment = environment
        self.token: str | None = None  # of the lock that this agent holds for its operator
        self.beat: int | None = None  # when this agent last renewed it, as the file says
        self.known_links: tuple[list[str], dict[str, set[str]]] | None = None
        # of all releases: their ids, and (object, ending) -> its copy and that one's size
        self.known_copies: tuple[list[str], Copies] | None = None
        self.begun: dict[Wanted, Future[Copy]] = {}  # copies made ahead; see `encoding`
        self.brought: dict[Wanted, tuple[str, int]] = {}  # copies that another machine made
        # the seal that came last: SHA-256, text, and what it says, checked
        self.taken: tuple[str, bytes, Head] | None = None
        self.listings: dict[str, Head] = {}  # what the last that were read or made say, by name
        self.odd: dict[str, str] = {}  # what was passed over below deploy_to, and why
        self.lifted: dict[str, str] = {}  # the project's links that are files now; see `lift`
        self.lifted_under: str | None = None  # the token of the lock that was held then

    def path(self, *parts: str) -> str:
        # join of os.path is half of what linking a release takes
        return "/".join((self.root, *parts))

    def object(self, sha256: str) -> str:
        return self.path("objects", sha256[:2], sha256)

    # ---- whose folder it is

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

    def told_of_link(self, name: str) -> str:
        return f"{name} is a symbolic link to {os.readlink(self.path(name))}"

    # ---- records: others may have written there, a crash may have cut them off

    def known(self, name: str, is_sound: Callable[[Head], bool] = bool) -> Head | None:
        """Return a record, a JSON object, or None if there is none, or a strange one: `odd` says why."""
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
        """Return the release that a link names, or None if it names none."""
        try:
            folder, _, name = os.readlink(self.path(link)).rpartition("/")
        except OSError:
            return None
        return name if folder == "releases" and re.fullmatch(RELEASE, name) else None

    def releases(self) -> list[str]:
        """Return the ids of the sealed releases, oldest first."""
        try:
            names = os.listdir(self.path("releases"))
        except FileNotFoundError:
            return []
        return sorted(
            name
            for name in names
            if re.fullmatch(RELEASE, name)
            and os.path.exists(self.path("releases", name, "release.json"))
        )
