"""Makes the @imports of collected LESS files true in the static root."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fab_static.django_app import less_imports
from fab_static.errors import FabStaticError


class Command(BaseCommand):
    """Rewrite the static root's LESS files in place, and fail on an import that leads nowhere."""

    help = (
        "Makes the @imports of collected LESS files true in STATIC_ROOT, and checks that they are."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012  # Django declares it so

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Rewrite, check, and tell."""
        try:
            report = less_imports.fix()
        except FabStaticError as error:
            raise CommandError(str(error)) from error
        for name in report.rewritten:
            self.stdout.write(f"rewritten: {name}")
        for problem in report.unused:
            self.stderr.write(f"in no template's reach: {problem}")
        if report.problems:
            listed = "\n  ".join(map(str, report.problems))
            raise CommandError(
                f"{len(report.problems)} @imports lead nowhere in the static root\n  {listed}\n"
                "  mend:  collect the files they mean (STATICFILES_DIRS), or name what stands before such"
                " a path in the source and in the static root: FAB_STATIC_LESS_PREFIXES"
            )
        self.stdout.write(
            f"{len(report.rewritten)} LESS files rewritten; every @import in use resolves"
        )
