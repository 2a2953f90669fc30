"""Builds the RequireJS bundles."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fab_static.django_app import requirejs
from fab_static.errors import FabStaticError


class Command(BaseCommand):
    """Build one bundle a folder of main modules, and tell RequireJS and the tags of them."""

    help = "Builds a RequireJS bundle for each folder of main modules that templates name."
    requires_system_checks: list[str] = []  # noqa: RUF012  # Django declares it so

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --minify."""
        parser.add_argument(
            "--minify",
            choices=requirejs.MINIFIERS,
            default="none",
            help="minify with this package of the project's node_modules, and write source maps",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Build, write, and tell."""
        try:
            written = requirejs.build(options["minify"])
        except FabStaticError as error:
            raise CommandError(str(error)) from error
        for name, version in written.items():
            self.stdout.write(f"{name}?version={version}")
