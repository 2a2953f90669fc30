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
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import FAB, write_tiny
from tests.unit.signing import key

MEMORY = Path("/dev/shm")  # a tmpfs
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
    left = shutil.ignore_patterns("staticfiles", "__pycache__")
    shutil.copytree(project, code, ignore=left, copy_function=shutil.copyfile)
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


def turkish(folder: Path) -> dict[str, str]:
    """Return the variables of a locale with other letters, another order and no UTF-8; C.UTF-8 where none can be made."""
    name = "tr_TR.ISO-8859-9"
    words = ["localedef", "-i", "tr_TR", "-f", "ISO-8859-9", str(folder / name)]
    if not shutil.which("localedef") or subprocess.run(words, capture_output=True).returncode:
        return {"LC_ALL": "C.UTF-8"}
    return {"LC_ALL": name, "LOCPATH": str(folder)}


@pytest.fixture
def another_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where files are listed the other way round; any other one where there is no such."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def listed(machine: Path) -> list[str]:
    """Return the names of the sources in the order of the disk."""
    return [one.name for one in os.scandir(machine / "work" / "code" / "assets")]


def test_folder_account_umask_time_zone_locale_and_order_of_files_make_no_difference(
    tmp_path: Path, another_disk: Path
) -> None:
    project = write_tiny(tmp_path / "project")
    settings = project / "tiny" / "settings.py"
    settings.write_text(settings.read_text() + 'COMPRESS_CSS_HASHING_METHOD = "content"\n')
    signer = key(tmp_path, "signer")
    near, far = tmp_path / "one", another_disk / "a" / "longer" / "way"
    anna, ben = {"TZ": "Asia/Tokyo", "LC_ALL": "C"}, {"TZ": "UTC", **turkish(tmp_path)}
    one = archive_of(near, project, 0o022, signer, (), LOGNAME="anna", **anna)
    two = archive_of(far, near / "work" / "code", 0, signer, account(), LOGNAME="ben", **ben)
    assert one == two
    assert listed(near) != listed(far) or another_disk == tmp_path
    assert b"20251124T160000Z-" in one
    statement = json.loads(member(one, "release.intoto.json"))
    sealed = hashlib.sha256(member(one, "release.json")).hexdigest()
    assert statement["subject"] == [{"name": "release.json", "digest": {"sha256": sealed}}]
    used = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {one["name"] for one in used} >= {"collectstatic", "Django"}
