"""Makes the @imports of collected LESS files true in the static root."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fab_static.django_app import less_imports
from fab_static.errors import FabStaticError


class Command(BaseCommand):
    """Rewrite the static root's LESS files in place, and fail on an @import that leads nowhere."""

    help = "Makes the @imports of collected LESS files true in STATIC_ROOT, and checks all their links."
    requires_system_checks: list[str] = []  # noqa: RUF012  # Django declares it so

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Rewrite, check, and tell."""
        try:
            report = less_imports.fix()
        except FabStaticError as error:
            raise CommandError(str(error)) from error
        for name in report.rewritten:
            self.stdout.write(f"rewritten: {name}")
        for note in report.unread:
            self.stderr.write(f"what it names is not known: {note}")
        for problem in report.unused:
            self.stderr.write(f"in no template's reach: {problem}")
        for problem in report.dangling:
            self.stderr.write(f"warning: {problem}")
        for problem in report.tolerated:
            self.stderr.write(f"not fatal, in a package or printed only when called for: {problem}")
        if options["verbosity"] > 1:
            for problem in report.not_known:
                self.stderr.write(f"not known before it is compiled: {problem}")
        if report.problems:
            listed = "\n  ".join(map(str, report.problems))
            raise CommandError(
                f"{len(report.problems)} links of LESS files lead nowhere in the static root\n"
                f"  {listed}\n"
                "  mend:  collect the files they mean (STATICFILES_DIRS), or name what stands before such"
                " a path in the source and in the static root (FAB_STATIC_LESS_PREFIXES)"
            )
        resolves = f"all but {len(report.dangling)} links" if report.dangling else "every link"
        not_known = f"; {len(report.not_known)} not known" if report.not_known else ""
        self.stdout.write(
            f"{len(report.rewritten)} LESS files rewritten; {resolves} in use resolve"
            f"{'' if report.dangling else 's'}{not_known}"
        )
