"""Builds the RequireJS bundles."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fab_static.django_app.requirejs.build import build
from fab_static.django_app.requirejs.minifying import MINIFIERS, PACKAGES
from fab_static.errors import FabStaticError


class Command(BaseCommand):
    """Build one bundle a folder of main modules, and tell RequireJS and the tags of them."""

    help = "Builds a RequireJS bundle for each folder of main modules that templates name."
    requires_system_checks: list[str] = []  # noqa: RUF012  # Django declares it so

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --minify."""
        parser.add_argument(
            "--minify",
            choices=MINIFIERS,
            help="minify with this package of the project's node_modules, and write source maps; default: the "
            "first that is there of oxc, swc, uglify-js, terser, esbuild",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Build, write, and tell."""
        try:
            built = build(options["minify"])
        except FabStaticError as error:
            raise CommandError(str(error)) from error
        for name, version in built.versions.items():
            self.stdout.write(f"{name}?version={version}")
        for problem in built.not_utf8:
            self.stderr.write(f"warning: letters are lost in a bundle: {problem}")
        if built.minifier:
            self.stderr.write(
                f"minified with {built.minifier}: {built.traced_bytes:,} bytes to {built.written_bytes:,}"
            )
        elif options["minify"] is None:
            packages = ", ".join(PACKAGES.values())
            self.stderr.write(
                f"warning: the bundles are not minified: {built.written_bytes:,} bytes, about twice what they could "
                f"be. None of {packages} is installed: npm install --save-dev oxc-minify (or say --minify none)"
            )
