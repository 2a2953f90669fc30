"""Two machines that build one revision under one SOURCE_DATE_EPOCH export archives that are equal, bit by bit."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.integration.conftest import FAB, write_tiny
from tests.unit.signing import key

ANOTHER = (
    "unshare",
    "--user",
    "--map-user=1000",
)  # another account to whoever asks, and no other rights


def archive_of(
    machine: Path, project: Path, mask: int, signer: Path, account: Sequence[str], **variables: str
) -> bytes:
    """Build and export on a machine of its own: a folder, an account, a umask, a time zone, a locale, an order of files."""
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
        "release": {"sign_with": str(signer)},
    }
    (machine / "inventories").mkdir()
    (machine / "inventories" / "staging.yml").write_text(yaml.safe_dump(inventory))
    (machine / "fabfile.py").write_text("from fab_static import namespace\n")
    subprocess.run(
        [*account, FAB, "staging", "prepare", "export", "--out", "tiny.release"],
        cwd=machine,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1764000000", **variables},
        umask=mask,
        check=True,
        capture_output=True,
    )
    return (machine / "tiny.release").read_bytes()


def member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as found:
        file = found.extractfile(name)
        assert file
        return file.read()


def account() -> Sequence[str]:
    """Return the words before a command of another account; none where the kernel gives us no other."""
    tried = subprocess.run([*ANOTHER, "true"], capture_output=True)
    return ANOTHER if tried.returncode == 0 else ()


def test_folder_account_umask_time_zone_locale_and_order_of_files_make_no_difference(
    tmp_path: Path,
) -> None:
    project = write_tiny(tmp_path / "project")
    settings = project / "tiny" / "settings.py"
    settings.write_text(settings.read_text() + 'COMPRESS_CSS_HASHING_METHOD = "content"\n')
    signer = key(tmp_path, "signer")
    anna, ben = {"TZ": "Asia/Tokyo", "LC_ALL": "C"}, {"TZ": "UTC", "LC_ALL": "C.UTF-8"}
    one = archive_of(tmp_path / "one", project, 0o022, signer, (), LOGNAME="anna", **anna)
    far = tmp_path / "a" / "longer" / "way"
    two = archive_of(far, project, 0, signer, account(), LOGNAME="ben", **ben)
    assert one == two
    assert b"20251124T160000Z-" in one
    statement = json.loads(member(one, "release.intoto.json"))
    sealed = hashlib.sha256(member(one, "release.json")).hexdigest()
    assert statement["subject"] == [{"name": "release.json", "digest": {"sha256": sealed}}]
    used = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {one["name"] for one in used} >= {"collectstatic", "Django"}
