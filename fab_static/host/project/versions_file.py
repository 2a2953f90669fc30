"""Finds resource_versions.yml: for a deploy that asks the project, and for the project's own tag and commands."""

from __future__ import annotations

import os
from typing import Sequence

from fab_static.host.project.paths import base_dir

NAMES = ("resource_versions.yml", "resource_versions.yaml")


def places(folder: str) -> list[str]:
    """Return where the file may be: where the setting says, else in the project's folder or in BASE_DIR."""
    from django.conf import settings

    named = getattr(settings, "FAB_STATIC_VERSIONS_FILE", None)
    if named:
        return [os.path.join(folder, os.fspath(named))]
    folders = dict.fromkeys([folder, base_dir() or folder])
    return [os.path.join(each, name) for each in folders for name in NAMES]


def chosen(places: Sequence[str]) -> str:
    """Return the first place that holds a file, else the one where it will be written."""
    # lexists: it may be a link into the live release, and the first release is still to come
    there = next(filter(os.path.lexists, places), None)
    return there or places[-len(NAMES) :][0]
