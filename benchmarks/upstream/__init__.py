"""The procedure that fab_static replaces, as our research describes it: what the benchmarks compare with.

Written from that description, and fair to it: nothing is slower than it need be to do what is described,
what it makes works, and what a real one does besides (cloning, virtual environments) is left out.

    fabfile.py    the deploy: every web and static host builds for itself, in parallel; links one by one
    settings.py   a project's own settings, with these commands in front of ours, and lessc for LESS
    management/   what its phases run inside the project
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from benchmarks import ROOT

# every web and static host runs these, one after the other
BUILD = (
    "python manage.py resource_static",
    "rm -rf {static_root}",
    "python manage.py collectstatic --noinput -v 0",
    "python manage.py fix_less_imports_collectstatic",
    "python manage.py compilejsi18n",
    "python manage.py build_requirejs",
)
COMPRESS = "python manage.py compress --force -v 0"  # the first static host alone
STATIC_ROOT = "staticfiles"


def command(words: str) -> str:
    """Return a step as a shell runs it in a checkout."""
    text = words.format(static_root=STATIC_ROOT)
    return text.replace("python", shlex.quote(sys.executable), 1)


def environment(settings: str) -> dict[str, str]:
    """Return what a step's environment needs, for a project with these settings."""
    return {
        "DJANGO_SETTINGS_MODULE": "benchmarks.upstream.settings",
        "UPSTREAM_PROJECT": settings,
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
    }


def manifest(checkout: Path) -> Path:
    """Return where a build leaves the offline manifest."""
    return checkout / STATIC_ROOT / "CACHE" / "manifest.json"
