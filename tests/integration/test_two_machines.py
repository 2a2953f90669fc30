"""Two machines that build one revision under one SOURCE_DATE_EPOCH export archives that are equal, bit by bit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.integration.conftest import FAB, write_tiny


def archive_of(machine: Path, project: Path, mask: int, **variables: str) -> bytes:
    """Build and export on a machine of its own: a folder, a umask, a time zone, a locale, an order of files."""
    code = machine / "work" / "code"
    code.mkdir(parents=True)
    files = sorted(path for path in project.rglob("*") if path.is_file())
    for path in files if mask else reversed(files):
        copy = code / path.relative_to(project)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    inventory = {
        "app": "tiny",
        "deploy_to": str(machine / "static"),
        "hosts": {"here": {"local": True, "roles": ["build", "static", "web"]}},
        "project": {"path": str(code), "python": sys.executable, "settings": "tiny.settings"},
        "build": {"phases": ["collectstatic", "compress"]},
    }
    (machine / "inventories").mkdir()
    (machine / "inventories" / "staging.yml").write_text(yaml.safe_dump(inventory))
    (machine / "fabfile.py").write_text("from fab_static import namespace\n")
    subprocess.run(
        [FAB, "staging", "prepare", "export", "--out", "tiny.release"],
        cwd=machine,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1764000000", **variables},
        umask=mask,
        check=True,
        capture_output=True,
    )
    return (machine / "tiny.release").read_bytes()


def test_folder_umask_time_zone_locale_and_order_of_files_make_no_difference(
    tmp_path: Path,
) -> None:
    project = write_tiny(tmp_path / "project")
    settings = project / "tiny" / "settings.py"
    settings.write_text(settings.read_text() + 'COMPRESS_CSS_HASHING_METHOD = "content"\n')
    one = archive_of(tmp_path / "one", project, 0o022, TZ="Asia/Tokyo", LC_ALL="C", LOGNAME="anna")
    two = archive_of(
        tmp_path / "a" / "longer" / "way", project, 0, TZ="UTC", LC_ALL="C.UTF-8", LOGNAME="ben"
    )
    assert one == two
    assert b"20251124T160000Z-" in one
