"""The files that caches may keep for good: their names never get other bytes, as far as the record shows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

from fab_static.phases.run.audit import refuse_other_bytes
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.bundler_manifest import is_map
from fab_static.plan.globs import matching
from fab_static.plan.layout import OUTSIDE
from fab_static.plan.release import File
from fab_static.plan.wire import verbs
from fab_static.plan.wording import some_of

SHOWN = 5  # names told in one message


def names_for_good(
    deploy: Deployment, files: Mapping[str, File], hashed: Collection[str]
) -> set[str]:
    """Return the files whose names never get other bytes: those in `build.immutable`, and `hashed` ones.

    A hashed name that has other bytes in a kept release does not count, whatever its bundler says.

    Args:
        deploy: of whose build host.
        files: of the release.
        hashed: those whose names carry a hash of their content, by a bundler's manifest.

    Raises:
        ReleaseError: what `build.immutable` names has other bytes in a release that is kept.
    """
    asked = _asked_for(deploy, files)
    other = _with_other_bytes(deploy, {path: files[path] for path in {*asked, *hashed}})
    refuse_other_bytes(deploy, {path: other[path] for path in other if path in asked})
    if other:
        deploy.show.warn(
            f"browsers will not keep {some_of(sorted(other), SHOWN)}: releases that are kept have other bytes "
            "under such a name, so its hash is not one of the content"
        )
    return {*asked, *hashed} - other.keys()


def without_manifests(
    files: Mapping[str, File], manifests: Iterable[str | None], copies: Collection[str]
) -> dict[str, File]:
    """Return the files that pages ask for: no manifest, by its name in the release, and no compressed copy."""
    read_here = {(name or "").removeprefix(f"{OUTSIDE}static/") for name in manifests}
    return {
        path: file for path, file in files.items() if path not in read_here and path not in copies
    }


def _asked_for(deploy: Deployment, files: Collection[str]) -> set[str]:
    """Return the files that `build.immutable` names."""
    found: set[str] = set()
    for glob in deploy.environment.build.immutable:
        some = matching(glob, files)
        if not is_map(glob):  # a comment that changes is another map, of a script that is the same
            some = {path for path in some if not is_map(path)}
        if not some:
            deploy.show.warn(f"build.immutable: no file of the release is {glob}")
        found |= some
    return found


def _with_other_bytes(deploy: Deployment, files: Mapping[str, File]) -> dict[str, list[str]]:
    """Return the names that have other bytes in releases here, and which these are."""
    live = deploy.last_live
    if live in deploy.states[deploy.build]["releases"]:  # what it calls so was looked up then
        known = deploy.seals.read(str(live), deploy.build)
        named = {path for path in known.named if path in files}
        files = {
            path: file
            for path, file in files.items()
            if path not in named or known.files[path].sha256 != file.sha256
        }
    if not files:
        return {}
    asked = json.dumps({path: file.sha256 for path, file in files.items()})
    head, _ = deploy.build.ask(verbs.OTHER_BYTES, body=asked.encode())
    return head["releases"]
