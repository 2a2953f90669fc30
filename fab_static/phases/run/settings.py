"""What the project's settings say, as a release and its hosts need it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from fab_static.errors import BuildError
from fab_static.plan.baked import Baked
from fab_static.plan.inventory import Environment
from fab_static.plan.layout import OUTSIDE
from fab_static.plan.wire.questions import SETTINGS, Settings

if TYPE_CHECKING:
    from fab_static.phases.run.deployment import Deployment
    from fab_static.remote import RemoteHost


def static_root_of(facts: Settings) -> str:
    """Return the project's STATIC_ROOT, where it was found to be set."""
    root = facts["static_root"]
    assert root  # noqa: S101 - see refuse_unsafe
    return root


def settings_of(deploy: Deployment, host: RemoteHost) -> Settings:
    """Return what a host's project says of its settings, or would say, where a cache of other machines can tell."""
    if deploy.environment.cache and host == deploy.build:
        # late: without a cache it is not needed
        from fab_static.phases.run.carried_answers import known_settings

        known = known_settings(deploy)
        if known:
            return known
    return deploy.project(host).ask(SETTINGS)


class UnsetError(BuildError):
    """The project answered, and lacks a setting that is needed."""


def static_url_of(facts: Settings, host: str) -> str:
    """Return the project's STATIC_URL.

    Raises:
        UnsetError: it is None, or empty.
    """
    if not facts["static_url"]:
        raise UnsetError(
            "STATIC_URL is not set",
            where=f"{host}: the project's settings",
            mend='set it, STATIC_URL = "/static/" for one',
        )
    return facts["static_url"]


def baked_settings(facts: Settings) -> Baked:
    """Return the settings that a build puts into its files, or into the keys of its blocks."""
    compress = facts["compress"]
    baked: Baked = {
        "STATIC_URL": facts["static_url"],
        "STATIC_CDN": facts["static_cdn"],
        "COMPRESS_URL": compress["url"] if compress else None,
        "libraries": facts["libraries"],
    }
    if facts["cdn_independent"]:
        baked["cdn_independent"] = True
    return baked


def staticfiles_manifest_path(facts: Settings) -> str | None:
    """Return the name of Django's staticfiles.json in a release, or None if there is none."""
    absolute = facts.get("staticfiles_manifest")
    return _in_release(absolute, facts, "staticfiles") if absolute else None


def reads_offline_manifest(facts: Settings) -> bool:
    """Tell whether pages look their compress blocks up, and fail where one is not found."""
    compress = facts["compress"]
    return bool(compress and compress["enabled"] and compress["offline"])


def manifest_path(facts: Settings) -> str | None:
    """Return the name of the offline manifest in a release, from the project's own settings.

    Raises:
        BuildError: what compress writes lies outside the static root, and so would be in no release.
    """
    absolute = facts.get("offline_manifest")
    if not absolute:
        return None
    path, compress = _in_release(absolute, facts, "offline"), facts["compress"]
    if path.startswith(OUTSIDE) and compress and compress["root"] != facts["static_root"]:
        raise BuildError(
            f"the offline manifest {absolute} lies outside STATIC_ROOT",
            where=f"COMPRESS_ROOT, with STATIC_ROOT = {facts['static_root']}",
            mend="set it to STATIC_ROOT, its default",
        )
    return path


def _in_release(absolute: str, facts: Settings, kind: str) -> str:
    """Return a manifest's path below the static root; of one outside, the name that stands for it."""
    root, path = facts["static_root"], PurePosixPath(absolute)
    if root and path.is_relative_to(root):
        return str(path.relative_to(root))
    return f"{OUTSIDE}{kind}/{path.name}"


@dataclass(frozen=True)
class BundlerManifest:
    """A bundler's manifest on one host: where it is there, its name in a release, and who asks for it."""

    path: str
    name: str
    below: str | None  # the folder of the static root that its names are relative to, if known
    reader: str  # an app, or web.manifests

    @property
    def is_asked_for(self) -> bool:
        """Whether the inventory names it: then it must be there."""
        return self.reader == IN_INVENTORY


IN_INVENTORY = "web.manifests"


def bundler_manifests(
    environment: Environment, folder: str, facts: Settings
) -> tuple[BundlerManifest, ...]:
    """Return the manifests of bundlers that web processes read on a host, by the inventory and the settings.

    Args:
        environment: the inventory.
        folder: the checkout there.
        facts: what the project there has said.
    """
    found = {
        str(PurePosixPath(folder) / one.path): (one.below, IN_INVENTORY)
        for one in environment.web.manifests
    }
    for one in facts["bundler_manifests"]:
        found.setdefault(one["path"], (one["below"], one["reader"]))
    known = {facts["offline_manifest"], facts["staticfiles_manifest"], facts["resource_versions"]}
    return tuple(
        BundlerManifest(path, _name_of(path, folder, facts["static_root"], reader), below, reader)
        for path, (below, reader) in found.items()
        if path not in known
    )


def _name_of(path: str, folder: str, static_root: str | None, reader: str) -> str:
    """Return a name that is the same on all hosts, wherever each has its checkout."""
    place = PurePosixPath(path)
    for kind, root in (("static", static_root), ("files", folder)):
        if root and place.is_relative_to(root):
            return f"{OUTSIDE}{kind}/{place.relative_to(root)}"
    return f"{OUTSIDE}{reader}/{place.name}"


def beside_root(facts: Settings, bundlers: Iterable[BundlerManifest] = ()) -> list[str]:
    """Return what a build writes outside the static root, and a release holds: versions, manifests."""
    named = (
        (facts.get("staticfiles_manifest"), staticfiles_manifest_path(facts)),
        (facts.get("offline_manifest"), manifest_path(facts)),
    )
    outside = [place for place, path in named if place and path and path.startswith(OUTSIDE)]
    root = facts["static_root"]
    outside += [
        one.path for one in bundlers if not (root and PurePosixPath(one.path).is_relative_to(root))
    ]
    return [*facts["versions_files"], *outside]
