"""Hashes every source file that finders know, and writes the versions."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management.base import BaseCommand

from benchmarks.upstream import versions

SKIPPED = [".*", "*~", "* *"]


class Command(BaseCommand):
    """Write resource_versions.yml."""

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Hash all files of the project's own folders, one after the other."""
        found = {}
        for finder in finders.get_finders():
            for name, storage in finder.list(SKIPPED):
                source = Path(storage.path(name))
                if source.is_relative_to(settings.BASE_DIR):
                    prefix = getattr(storage, "prefix", None)
                    found[f"{prefix}/{name}" if prefix else name] = versions.of(source)
        versions.write(found)
