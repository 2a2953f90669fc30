"""The tasks that write a release, or a part of one, on this machine."""

from __future__ import annotations

from pathlib import Path

from invoke.context import Context

from fab_static.errors import InventoryError
from fab_static.tasks.ending import task_session
from fab_static.tasks.looking import ReleasesByPlace
from fab_static.tasks.options import QUIET, WAIT
from fab_static.tasks.ours import seconds, task


@task(
    klass=ReleasesByPlace,
    help={
        "release": "a release (default: the one sealed last)",
        "out": "the file to write; with the ending .zst it is compressed",
        "manifests": "the folder to write what an image must carry: the manifests, as a checkout has them",
        "without_objects_of": "leave out what this release holds: whoever takes the file has it",
        "quiet": QUIET,
    },
)
def export(
    c: Context,
    release: str | None = None,
    out: str | None = None,
    manifests: str | None = None,
    without_objects_of: str | None = None,
    quiet: bool = False,
) -> None:
    """Look · Write a sealed release as one file.

    fab production export --out shop.release
    fab production export 20261122T170102Z-3f9c1a7b --out shop.release.zst
    fab production export --manifests image    what web processes in an image read
    """
    with task_session(quiet=quiet) as session:
        if out is None and manifests is None:
            raise InventoryError(
                "it must be said what is written",
                where="export",
                mend=f"name a file: fab {session.environment.name} export --out shop.release",
            )
        session.export(
            release,
            out=Path(out).expanduser() if out else None,
            manifests=Path(manifests).expanduser() if manifests else None,
            without_objects_of=without_objects_of,
        )


@task(
    klass=ReleasesByPlace,
    help={"release": "a release (default: the one sealed last)", "wait": WAIT, "quiet": QUIET},
)
def sign(c: Context, release: str | None = None, wait: str = "0", quiet: bool = False) -> None:
    """Live · Sign a release that hosts keep already.

    fab production sign 20261122T170102Z-3f9c1a7b
    """
    with task_session(quiet=quiet) as session:
        session.sign(release, wait_seconds=seconds(wait))
