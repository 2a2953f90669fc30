"""Finds main modules by grep, as CommCare HQ's own command does; r.js and uglify-js do the rest."""

import posixpath
import subprocess
from collections import defaultdict
from pathlib import Path

from benchmarks.upstream.management.commands import build_requirejs


class Command(build_requirejs.Command):
    """Build the bundles of the main modules that grep finds."""

    def mains(self, project: Path, root: Path) -> dict[str, set[str]]:
        """Return the folders of main modules that templates name."""
        words = ["grep", "-rh", "requirejs_main", "--include=*.html"]
        left_out = [
            f"--exclude-dir={each}" for each in (".?*", "node_modules", "static", root.name)
        ]
        printed = subprocess.check_output([*words, *left_out, "."], cwd=project, text=True)
        found = defaultdict(set)
        for main in build_requirejs.MAIN.findall(printed):
            if (root / f"{main}.js").is_file():
                found[posixpath.dirname(main)].add(main)
        return found
