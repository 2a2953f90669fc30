"""What tests of a build's phases share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fab_static.phases.run.deployment import Deployment
from tests.unit.site import Site

Build = Callable[..., Deployment]


def left(site: Site) -> set[str]:
    """Return the files of the build host's static root."""
    root = site.project.root
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def appends(root: Path) -> None:
    """Write as r.js does: what it makes of its own output is another thing."""
    with (root / "site.css").open("a") as file:
        file.write("/* once more */")
