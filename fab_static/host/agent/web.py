"""Asks the host's web server, and finds out whether nginx may enter where the files are."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time

from fab_static.host.agent.work import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.wire import Agent


def http(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Ask a URL from this host, until it answers 200 or `timeout` seconds are over.

    With `once`, it is asked once. With `release`, until the JSON it answers names that release: it is what the process has read.
    """
    deadline = time.monotonic() + head["timeout"]
    wait = 0.05
    while True:
        moved()
        answer, page = answer_of(head["url"], max(0.1, deadline - time.monotonic()))
        if answer == "200" and head.get("release"):
            answer = running_release(page)
        done = head.get("once") or answer == (head.get("release") or "200")
        if done or time.monotonic() + wait > deadline:
            return {"answer": answer}, b""
        time.sleep(wait)  # between two questions; the deadline bounds it
        wait = min(1.0, wait * 2)


def running_release(page: bytes) -> str:
    """Return the release that a web process says it has read."""
    try:
        return str(json.loads(page.decode("utf-8"))["release"])
    except (ValueError, KeyError, TypeError):
        return "200, but no JSON that names a release"


def answer_of(url: str, timeout: float) -> tuple[str, bytes]:
    """Return the status of a URL, redirects not followed, or why there is none; and the answer's start."""
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        with contextlib.closing(connection):
            query = "?" + parts.query if parts.query else ""
            connection.request("GET", (parts.path or "/") + query)
            answer = connection.getresponse()
            return str(answer.status), answer.read(65536)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__, b""


def closed_to_nginx(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say which folder nginx's user may not enter on the way to a file, and who that is and how it is known.

    `folder` is null where there is none. `path` is a file below `deploy_to`, or nothing. `lacks_gone` tells whether
    the configuration is one that `fab <env> nginx` printed before there was a `pool/gone`.
    """
    path = agent.host.path(head["path"]) if head.get("path") else agent.host.root
    users = nginx_users(agent.host.root)
    found = next(
        ((user, one) for user in users for one in [closed_folder(path, user)] if one), None
    )
    user, folder = found or (users[0], None)
    return {
        "folder": folder,
        "user": user["name"],
        "known_by": user["known_by"],
        "lacks_gone": any(is_before_gone(one.get("configuration", "")) for one in users),
    }, b""


def is_before_gone(configuration: str) -> bool:
    """Tell whether a configuration serves our pool, and does not know all of it."""
    return "pool/named/" in configuration and "pool/gone/" not in configuration


def nginx_users(root: str) -> list[Head]:
    """Return whom nginx's worker processes run as: of the servers whose configuration names `root`, if any does."""
    workers: list[tuple[bool, Head]] = []
    for process in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else []):
        with contextlib.suppress(OSError, KeyError, ValueError):
            with open(f"/proc/{process}/cmdline", "rb") as file:
                if not file.read(100).startswith(b"nginx: worker process"):
                    continue
            with open(f"/proc/{process}/status", encoding="utf-8") as file:
                status = dict(line.split(":", 1) for line in file)
            uid, groups = (
                int(status["Uid"].split()[1]),
                status["Gid"].split() + status["Groups"].split(),
            )
            user = {"uid": uid, "groups": set(map(int, groups)), "name": name_of_user(uid)}
            user["known_by"] = "its worker processes"
            configuration = nginx_configuration(status["PPid"].strip())
            is_ours = root in configuration
            user["configuration"] = configuration if is_ours else ""
            workers.append((is_ours, user))
    ours = [user for is_ours, user in workers if is_ours] or [user for _, user in workers]
    if ours:
        return ours
    found = re.search(r"^\s*user\s+([\w.-]+)", text_of("/etc/nginx/nginx.conf"), re.MULTILINE)
    with contextlib.suppress(ImportError, KeyError):
        import grp
        import pwd

        entry = pwd.getpwnam(found[1] if found else "")
        members = {one.gr_gid for one in grp.getgrall() if entry.pw_name in one.gr_mem}
        user = {"uid": entry.pw_uid, "groups": members.union([entry.pw_gid]), "name": entry.pw_name}
        return [{**user, "known_by": "/etc/nginx/nginx.conf"}]
    return [{"uid": -1, "groups": set(), "name": "others", "known_by": "no nginx that is seen"}]


def nginx_configuration(master: str) -> str:
    """Return the text of the configuration that a running nginx was started with, what it includes too."""
    with open(f"/proc/{master}/cmdline", "rb") as file:
        words = file.read().replace(b"\0", b" ").decode("utf-8", "replace").split()
    path = words[words.index("-c") + 1] if "-c" in words[:-1] else "/etc/nginx/nginx.conf"
    text = text_of(path)
    import glob

    for pattern in re.findall(r"^\s*include\s+([^;]+);", text, re.MULTILINE):
        for included in glob.glob(os.path.join(os.path.dirname(path), pattern.strip("\"' "))):
            text += text_of(included)
    return text


def text_of(path: str) -> str:
    """Return the text of a small file, or nothing if it cannot be read."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read(1 << 20)
    return ""


def name_of_user(uid: int) -> str:
    """Return the name of a user, or its number."""
    with contextlib.suppress(ImportError, KeyError):
        import pwd

        return pwd.getpwuid(uid).pw_name
    return str(uid)


def closed_folder(path: str, user: Head) -> str | None:
    """Return the first folder on the way to a path that a user may not enter, all links followed."""
    parts = os.path.realpath(path).split("/")[1:-1]
    if os.path.isdir(path):
        parts = os.path.realpath(path).split("/")[1:]
    folder = ""
    for part in parts:
        folder += "/" + part
        try:
            status = os.stat(folder)
        except OSError:
            return None  # it is not there yet, or not ours to look at
        if user["uid"] in (0, status.st_uid):
            may = user["uid"] == 0 or status.st_mode & stat.S_IXUSR
        elif status.st_gid in user["groups"]:
            may = status.st_mode & stat.S_IXGRP
        else:
            may = status.st_mode & stat.S_IXOTH
        if not may and not has_acl(folder):
            return folder
    return None


def has_acl(path: str) -> bool:
    """Tell whether more than the mode says who may enter."""
    with contextlib.suppress(OSError, AttributeError):
        return "system.posix_acl_access" in os.listxattr(path)
    return False
