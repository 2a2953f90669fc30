"""What an agent refuses, and the user that it is."""

from __future__ import annotations

import os


class RefusedError(Exception):
    """A request that cannot be done: what, where, and how to mend it."""

    def __init__(self, what: str, where: str, mend: str, kind: str = "host") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.mend = mend
        self.kind = kind


def user() -> str:
    """Return the name of the user that this agent runs as."""
    for name in (
        "LOGNAME",
        "USER",
        "LNAME",
        "USERNAME",
    ):  # as getpass does, which takes long to load
        if os.environ.get(name):
            return os.environ[name]
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # an id without a name
        return str(os.getuid())
