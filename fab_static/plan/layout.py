"""The paths below `deploy_to`, the same on every host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

# A manifest that stands outside the static root is named as a path from there; none of the files can be.
OUTSIDE = "../manifests/"


def in_folder(path: str) -> str:
    """Return where a file or manifest stands in the folder of its release."""
    return path.removeprefix("../") if path.startswith(OUTSIDE) else f"static/{path}"


@dataclass(frozen=True)
class Layout:
    """The paths below `deploy_to`, the same on every host."""

    deploy_to: PurePosixPath

    @property
    def current(self) -> PurePosixPath:
        """The link to what is live."""
        return self.deploy_to / "current"

    @property
    def versions(self) -> PurePosixPath:
        """The live resource versions, through `current`: what the project's own file links to."""
        return self.current / "resource_versions.yml"

    def release(self, release: str) -> PurePosixPath:
        """The folder of one release."""
        return self.deploy_to / "releases" / release

    def object(self, sha256: str) -> PurePosixPath:
        """The object with these bytes."""
        return self.deploy_to / "objects" / sha256[:2] / sha256

    def live_file(self, path: str) -> PurePosixPath:
        """A file or manifest of the live release, through `current`."""
        return self.current / in_folder(path)


def wants_signature(where: str) -> bool:
    """Tell by the file that a host's refusal names whether it wants a signature: shipping again would not help."""
    return where.endswith("/release.json.sig")
