"""What must be links on a web host, so that all manifests of its web processes flip in one rename."""

from __future__ import annotations

from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.settings import manifest_path, staticfiles_manifest_path
from fab_static.plan.release import Release
from fab_static.remote import RemoteHost


def links_of(deploy: Deployment, host: RemoteHost, release: Release | None) -> dict[str, str]:
    """Return the project's own files -> their places in `current`, as this release has them."""
    facts = deploy.facts(host)
    links = {}
    has_versions = release is not None and release.versions_sha256 is not None
    if has_versions or facts["is_versions_file_known"] or deploy.built_versions_file:
        links[deploy.versions_file(host)] = str(host.layout.versions)
    manifest = manifest_path(facts)
    if manifest:
        sealed = release.offline_manifest if release else None
        links[str(facts["offline_manifest"])] = str(host.layout.live_file(sealed or manifest))
    hashed_names = staticfiles_manifest_path(facts)
    if hashed_names:
        sealed = release.staticfiles_manifest if release else None
        links[str(facts["staticfiles_manifest"])] = str(
            host.layout.live_file(sealed or hashed_names)
        )
    for one in deploy.bundler_manifests(host):
        if release is None or one.name in release.manifests:
            links[one.path] = str(host.layout.live_file(one.name))
    return links
