"""Which files of node_modules the site serves."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from django.contrib.staticfiles.finders import FileSystemFinder
from django.contrib.staticfiles.utils import get_files
from django.core.files.storage import Storage

SERVED = (
    "bootstrap/fonts",
    "bootstrap/js",
    "bootstrap/less",
    "jquery/dist/jquery.js",
    "jquery/dist/jquery.min.js",
    "jquery/dist/jquery.min.map",
    "requirejs/require.js",
)


class NodePackagesFinder(FileSystemFinder):
    """Finds the files of STATICFILES_DIRS that SERVED names, under their own names: bootstrap/less/….

    The rest of node_modules is tools, tests and documentation, which nobody should be able to fetch.
    """

    def find(self, path: str, *args: object, **kwargs: object) -> str | list[str]:
        """Return where a served file is, or an empty list, as Django's finders do."""
        if not any(path == served or path.startswith(f"{served}/") for served in SERVED):
            return []
        return super().find(path, *args, **kwargs)

    def list(self, ignore_patterns: Iterable[str]) -> Iterator[tuple[str, Storage]]:
        """Yield (name, storage) of each file served."""
        for _, root in self.locations:
            storage = self.storages[root]
            for served in SERVED:
                if (Path(root) / served).is_dir():
                    for name in get_files(storage, ignore_patterns, served):
                        yield name, storage
                elif storage.exists(served):
                    yield served, storage
