"""Writes what an image must carry: the manifests of a release, where web processes read them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from fab_static.errors import InventoryError, ReleaseError
from fab_static.phases.gate import where_read
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.layout import in_folder
from fab_static.plan.release import Release, is_inside
from fab_static.plan.wording import counted


def export_manifests(deploy: Deployment, release: Release, folder: Path) -> list[str]:
    """Write the manifests of a release below a folder, each where it stands below `project.path`.

    Needs: a project that says where its web processes read them: on a web host, else on the build host.
    Leaves: the files, all of one release; other files of the folder are as they were.
    If it fails: the folder holds what it held.

    Returns:
        Their paths, relative to the folder.

    Raises:
        ReleaseError: a manifest is read outside `project.path`: an image could not be given it so.
    """
    texts = {path: deploy.object(sha256) for path, sha256 in _objects(deploy, release).items()}
    _write(folder, texts)
    deploy.show.say(f"release {release.id}: {counted(len(texts), 'manifest')} in {folder}")
    return list(texts)


def _objects(deploy: Deployment, release: Release) -> dict[str, str]:
    """Return the manifests as a checkout has them, path -> object."""
    host = next(iter(deploy.hosts("web")), deploy.build)
    code = PurePosixPath(deploy.project(host).path)
    sealed = _sealed(release, host.layout.release(release.id))
    found, outside = {}, []
    for path, place in sorted(where_read(deploy, host, release).items()):
        own = PurePosixPath(path)
        relative = str(own.relative_to(code)) if own.is_relative_to(code) else ""
        if is_inside(relative):
            found[relative] = sealed[place]
        else:
            outside.append(path)
    if outside:
        raise ReleaseError(
            f"{', '.join(outside)} lies outside the checkout, {code}",
            where=f"{host.name}: the project's settings",
            mend="let the project keep its manifests below project.path: STATIC_ROOT, COMPRESS_ROOT, or the "
            "manifest_storage of its staticfiles",
        )
    return found


def _sealed(release: Release, folder: PurePosixPath) -> Mapping[str, str]:
    """Return where a host has each manifest of the release -> its object."""
    names = [*release.manifests, release.offline_manifest, release.staticfiles_manifest]
    found = {str(folder / in_folder(name)): release.manifest(name).sha256 for name in names if name}
    if release.versions_sha256:
        found[str(folder / "resource_versions.yml")] = release.versions_sha256
    return found


def _write(folder: Path, texts: Mapping[str, bytes]) -> None:
    """Write files aside, and rename them in once all are there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fab-static-", dir=folder) as staged:
            for path, text in texts.items():
                aside = Path(staged, path)
                aside.parent.mkdir(parents=True, exist_ok=True)
                aside.write_bytes(text)
            for path in texts:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                Path(staged, path).replace(folder / path)
    except OSError as error:
        raise InventoryError(
            f"the manifests cannot be written: {error}",
            where=str(folder),
            mend="name a folder that you may write to: --manifests DIR",
        ) from error
