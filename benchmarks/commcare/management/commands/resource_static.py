"""Says which commit it is, as CommCare HQ's own command does, and writes the versions."""

import subprocess
from typing import Any

from django.conf import settings

from benchmarks.upstream.management.commands import resource_static


class Command(resource_static.Command):
    """Ask git, then hash all files."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the commit; hash all files of the project's own folders."""
        words = ["git", "log", "-1", "--format=%H"]
        commit = subprocess.check_output(words, cwd=settings.BASE_DIR, text=True)
        self.stdout.write(f"Current commit SHA: {commit}")
        super().handle(*args, **options)
