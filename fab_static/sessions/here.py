"""`verify --here`: the gate on this machine, where an image is made that carries the manifests of a release."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fab_static.errors import ReleaseError
from fab_static.phases.distribute import ship
from fab_static.phases.export import at_hand
from fab_static.phases.gate import gate, where_read
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.naming import release_named
from fab_static.plan.inventory import Environment, Host
from fab_static.plan.release import Release
from fab_static.plan.wording import counted, indented

NAME = "here"


@contextmanager
def environment_here(environment: Environment, python: str | None) -> Iterator[Environment]:
    """Yield an environment of this machine alone, in a folder that is gone afterwards.

    Args:
        environment: whose project it is.
        python: the project's interpreter on this machine; None: the inventory's.
    """
    project = environment.project
    with tempfile.TemporaryDirectory(prefix="fab-static-") as folder:
        yield replace(
            environment,
            deploy_to=folder,
            # web alone: it is given what web processes read, and none of the files that visitors get
            hosts=(Host(name=NAME, address=NAME, roles=("web",), local=True),),
            ssh=replace(environment.ssh, become=None),
            project=replace(project, python=python or project.python),
            origin=None,
            hub=None,
            cdn=None,
        )


def verify_here(deploy: Deployment, source: Deployment, name: str | None) -> Release:
    """Ask the project on this machine whether its pages find all that they name in a release.

    Args:
        deploy: of the environment of this machine.
        source: the environment that has the release; it is only read.
        name: of the release; None: the one that `export` would write, the one sealed last or, where that was rolled
            back, the live one.

    Raises:
        ReleaseError: the project here does not carry the manifests of the release, or pages would name other URLs.
        BuildError: a page would miss a compress block; every one is named.
        ManifestError: a page would miss an entry of a bundler; every one is named.
    """
    source.look()
    wanted = release_named(source, name, where="verify --release") if name else at_hand(source)
    release = source.seals.read(wanted)
    deploy.look()
    deploy.seals.take(release, source.seals.text(release))
    ship(deploy, release, source.holders)
    gate(deploy, release)
    _refuse_other_manifests(deploy, release)
    deploy.show.say(f"the project here finds all that it names in release {release.id}")
    return release


def _refuse_other_manifests(deploy: Deployment, release: Release) -> None:
    """Refuse a project whose manifests are not the release's: its pages would name files of another."""
    lines = []
    for path, sealed in where_read(deploy, deploy.build, release).items():
        own = Path(path)
        if not own.is_file():
            lines.append(f"{own} is missing")
        elif own.read_bytes() != Path(sealed).read_bytes():
            lines.append(f"{own} is not the one of this release")
    if lines:
        raise ReleaseError(
            f"{counted(len(lines), 'manifest')} of release {release.id} would not be in the image:\n"
            + indented(lines, len(lines)),
            where=f"the project here: {deploy.project(deploy.build).path}",
            mend=f"have the image carry them: fab {deploy.environment.name} export {release.id} --manifests DIR",
        )
