"""Writes resource_versions.yml."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fab_static.django_app import resource_versions
from fab_static.errors import FabStaticError


class Command(BaseCommand):
    """Hash the served files and write their versions, from scratch."""

    help = "Writes resource_versions.yml: the version of each static file, from the bytes that are served."
    requires_system_checks: list[str] = []  # noqa: RUF012  # Django declares it so

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Write the file. Names of files that are gone vanish from it."""
        try:
            versions = resource_versions.of_served_files()
            file = resource_versions.write(versions)
        except FabStaticError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(versions)} versions written to {file}")
