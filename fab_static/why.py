"""Everything known of one URL, or of the key of an OfflineGenerationError."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from fab_static.errors import InventoryError, ReleaseError
from fab_static.phases.deployment import Deployment
from fab_static.plan import offline_manifest
from fab_static.plan.release import Release

_KEY = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}")


def why(deploy: Deployment, what: str) -> dict[str, Any]:
    """Return what is known of a static URL, or of an offline manifest's key.

    Raises:
        InventoryError: it is neither.
        ReleaseError: nothing is live.
    """
    deploy.look()
    live = deploy.live or deploy.recorded_live
    if live is None:
        raise ReleaseError(
            "nothing is live yet",
            where=f"every host of {deploy.environment.name}",
            mend=f"deploy first: fab {deploy.environment.name} deploy",
        )
    release = deploy.read_release(live)
    if _KEY.fullmatch(what):
        return _of_key(deploy, release, what)
    path, version = _parsed(what, release)
    return _of_path(deploy, release, path, version)


def _parsed(url: str, release: Release) -> tuple[str, str | None]:
    """Return the path below the static root and the version that a URL, or a bare name, asks for."""
    parts = urlsplit(url)
    base = urlsplit(str(release.settings["STATIC_URL"])).path
    path = unquote(parts.path)
    if path.startswith(base):
        path = path[len(base) :]
    elif parts.scheme or path.startswith("/"):
        raise InventoryError(
            f"{url} is no static URL: those begin with {base}",
            where="the command line",
            mend="name a URL as a page prints it, or a path below the static root",
        )
    return path, parse_qs(parts.query).get("version", [None])[0]


def _of_path(
    deploy: Deployment, release: Release, path: str, version: str | None
) -> dict[str, Any]:
    file = release.files.get(path)
    hosts, failures = deploy.fleet.attempt(
        deploy.hosts("static"),
        lambda host: host.ask("look_at", path=path, version=version)[0],
    )
    expected = release.versions.get(path)
    return {
        "path": path,
        "asked_version": version,
        "release": release.id,
        "in_release": file is not None,
        "version": expected,
        "sha256": file.sha256 if file else None,
        "size": file.size if file else None,
        "kind": _kind(path, release),
        "phases": _phases(deploy, path),
        "releases": [
            name
            for name in sorted(deploy.states[deploy.build]["releases"])
            if path in deploy.read_release(name, deploy.build).files
        ],
        "hosts": [
            {
                "host": host.name,
                "current": found["current"],
                "pool": found["pool"],
                "named": found["named"],
            }
            for host, found in hosts.items()
        ]
        + [{"host": host.name, "error": error.what} for host, error in failures.items()],
        "verdict": _verdict(release, path, version),
    }


def _kind(path: str, release: Release) -> str:
    if path in release.named:
        return "content-named"
    return "versioned" if path in release.versions else "unversioned"


def _verdict(release: Release, path: str, version: str | None) -> str:
    if path not in release.files:
        return f"the live release has no {path}"
    expected = release.versions.get(path)
    if version and version != expected:
        return (
            f"pages of the live release print version {expected or 'none'}; {version} is of another "
            "release, and is served from the pool as long as that is kept"
        )
    return "as the live release has it"


def _phases(deploy: Deployment, path: str) -> list[dict[str, Any]]:
    """Return the build phases that wrote the file, in order, with the bytes each left."""
    found = []
    last = None
    for name in deploy.environment.build.phases:
        entry = deploy.journal.phases.get(name)
        if entry is None:
            continue
        _, listing = deploy.build.ask("read_object", object=entry["listing"])
        known = json.loads(listing)["files"].get(path)
        sha256 = known and known[0]
        if sha256 != last:
            found.append({"phase": name, "sha256": sha256})
            last = sha256
    return found


def _of_key(deploy: Deployment, release: Release, key: str) -> dict[str, Any]:
    """Return which kept releases have the key, and which templates ask for it."""
    holders = {}
    for name in sorted(deploy.states[deploy.build]["releases"]):
        sealed = deploy.read_release(name, deploy.build)
        if sealed.offline_manifest_sha256:
            _, text = deploy.build.ask("read_object", object=sealed.offline_manifest_sha256)
            manifest = offline_manifest.parse(text.decode(), where=name)
            if key in manifest:
                holders[name] = manifest[key]
    asked_by: list[dict[str, Any]] = []
    for host in deploy.hosts("web"):
        folder = host.layout.release(release.id)
        answer = deploy.project(host).ask(
            {
                "ask": "coverage",
                "manifest": str(folder / "static" / str(release.offline_manifest)),
                "redirect": {},
                "texts": True,
            }
        )
        for gap in answer["missing"]:
            if gap["key"] == key:
                asked_by.append(
                    {"host": host.name, "template": gap["template"], "line": gap["line"]}
                )
        text = answer.get("texts", {}).get(key)
        if text is not None:
            asked_by.append({"host": host.name, "text": text})
    live = release.id in holders
    return {
        "key": key,
        "release": release.id,
        "in_release": live,
        "releases": holders,
        "asked_by": asked_by,
        "verdict": "the live manifest has it"
        if live
        else "the live manifest lacks it: pages that ask for it raise OfflineGenerationError",
    }
