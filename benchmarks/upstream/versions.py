"""resource_versions.yml as that procedure keeps it: a list of names and versions, by PyYAML in Python."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import yaml
from django.conf import settings


def path() -> Path:
    """Return the file's place, beside manage.py."""
    return Path(settings.BASE_DIR, "resource_versions.yml")


def of(file: Path) -> str:
    """Return the version of a file."""
    return hashlib.sha1(file.read_bytes()).hexdigest()[:7]


def read() -> dict[str, str]:
    """Return all versions: name -> version."""
    return {each["name"]: each["version"] for each in yaml.safe_load(path().read_text("utf-8"))}


def write(versions: Mapping[str, str]) -> None:
    """Write all versions."""
    listed = [{"name": name, "version": version} for name, version in versions.items()]
    path().write_text(yaml.dump(listed), encoding="utf-8")
