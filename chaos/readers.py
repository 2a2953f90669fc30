"""Readers: ask every static host, all the while, for every URL that pages print; compare the bytes."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from demo.fleet import Fleet, Host

PAUSE_SECONDS = 0.015  # between two requests of one reader: the machine has other work
UNVERSIONED = ("/static/paper.svg",)  # a CDN keeps it; stylesheets and scripts have versions
MANY = 20  # violations are not all told


def urls_of(seal: dict[str, Any]) -> dict[str, str]:
    """Return every content-named and versioned URL of a release, and its chunk's -> SHA-256 of its bytes.

    No two releases have a chunk of one name, so it has these bytes whatever is live.
    """
    files = seal["files"]
    urls = {
        f"/static/{quote(path)}?version={version}": files[path]["sha256"]
        for path, version in seal["versioned"].items()
    }
    lasting = [*seal["named"], *(path for path in files if path.startswith("chunk."))]
    return urls | {f"/static/{quote(path)}": files[path]["sha256"] for path in lasting}


def current(host: Host, link: str = "current") -> str | None:
    """Return the release that is live on a host, as its disk says."""
    try:
        return Path((host.static / link).readlink()).name
    except OSError:
        return None


def seal_on(host: Host, release: str) -> dict[str, Any] | None:
    """Return a release's seal, as a host holds it, or None if it does not."""
    try:
        text = (host.static / "releases" / release / "release.json").read_text("utf-8")
    except OSError:
        return None
    seal: dict[str, Any] = json.loads(text)
    return seal


class Readers:
    """One reader for each static host, while the `with` block runs.

    Args:
        fleet: whom to ask.
        excused: says whether a host may answer wrongly with the bytes that should have a SHA-256.
        dark: the hosts that have no power just now, and answer nothing at all.
    """

    def __init__(
        self, fleet: Fleet, excused: Callable[[str, str], bool], dark: Collection[str] = ()
    ) -> None:
        self.violations: list[str] = []
        self.requests = 0
        self.seen: dict[str, dict[str, float]] = {}  # unversioned path -> SHA-256 -> last asked
        self._rounds: dict[str, int] = {}
        self._fleet = fleet
        self._excused = excused
        self._dark = dark
        self._urls: dict[str, dict[str, str]] = {}
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._read, args=(host,), daemon=True)
            for host in fleet.with_role("static")
        ]

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def round(self) -> None:
        """Wait until every reader has begun anew: all have seen what is live now."""
        begun = dict(self._rounds)
        deadline = time.monotonic() + 30
        while any(count < begun.get(name, 0) + 2 for name, count in dict(self._rounds).items()):
            if time.monotonic() > deadline or self._stop.wait(0.01):
                return

    def _read(self, host: Host) -> None:
        reader = Reader(host.address, self._fleet.http_port)
        while not self._stop.is_set():
            self._rounds[host.name] = self._rounds.get(host.name, 0) + 1
            for path in UNVERSIONED:
                now = time.monotonic()
                said = reader.sha256(path)
                if said.isalnum():
                    self.seen.setdefault(path, {})[said] = now
            for release in self._to_ask():
                for url, sha256 in self._urls[release].items():
                    if self._stop.wait(PAUSE_SECONDS):
                        return
                    was_dark = host.name in self._dark
                    said = reader.sha256(url)
                    self.requests += 1
                    if said == sha256 or self._excused(host.name, sha256):
                        continue
                    if (was_dark or host.name in self._dark) and not said.isalnum():
                        continue  # no answer is no wrong one
                    if release in self._owed():  # it may have been pruned since
                        self._violated(f"G1: {host.name} {url} of {release}: {said}")

    def _owed(self) -> set[str]:
        """Return what is live on any host, and what was before it: pages of these are open (G1)."""
        found = (
            current(host, link)
            for host in self._fleet.hosts.values()
            for link in ("current", "previous")
        )
        return {release for release in found if release}

    def _to_ask(self) -> list[str]:
        known = []
        for release in sorted(self._owed()):
            if release not in self._urls:
                seals = (seal_on(host, release) for host in self._fleet.hosts.values())
                seal = next(filter(None, seals), None)
                if seal is None:
                    if release in self._owed():
                        self._violated(f"G3: {release} is live, and no host holds its seal")
                    continue
                self._urls[release] = urls_of(seal)
            known.append(release)
        return known

    def _violated(self, text: str) -> None:
        if len(self.violations) < MANY:
            self.violations.append(text)


class Reader:
    """A browser of one host, with one connection that it keeps."""

    def __init__(self, address: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(address, port, timeout=20)

    def sha256(self, url: str) -> str:
        """Return the SHA-256 of the bytes behind a URL, or what came instead of them."""
        for attempt in (1, 2):  # the server may end an idle connection at any time
            try:
                self._connection.request("GET", url)
                answer = self._connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if attempt == 2:
                    return repr(error)
                continue
            break
        return hashlib.sha256(body).hexdigest() if answer.status == 200 else str(answer.status)
