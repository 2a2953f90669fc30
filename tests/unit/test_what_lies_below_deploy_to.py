"""`check` and the first write find folders that are spread, or another account's.

Hosts that share a folder: tests/unit/phases/run/test_sharing.py.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from fab_static.doctor.hosts import of_host
from fab_static.host.agent.digests import mtime_of
from fab_static.host.agent.disk import link_or_copy
from fab_static.host.agent.explaining import explained
from fab_static.host.agent.noting import append
from fab_static.host.agent.objects import has_object, keep_bytes
from fab_static.host.agent.record import record_of
from fab_static.host.agent.store import Host
from fab_static.host.agent.wire import function_of
from tests.unit.site import NEW, OLD, ScriptedHost, Site

MALLORY = 65534


def found_of(host: ScriptedHost) -> list[dict[str, Any]]:
    host._agent.hello = {"user": "deploy", "python": "3.11.2"}
    return [one for one in of_host(host)[0] if one["subject"] == "deploy_to"]


# ---- spread (fleet C10)


def test_check_finds_objects_on_another_file_system(site: Site) -> None:
    """(fleet C10): hard links are the design, so it is refused and not worked around."""
    edge1 = site.hosts["edge1"]
    objects = Path(edge1.agent.host.path("objects"))
    elsewhere = Path("/dev/shm") / f"records-{os.getpid()}"
    if not Path("/dev/shm").is_dir() or Path("/dev/shm").stat().st_dev == objects.stat().st_dev:
        pytest.skip("there is no second file system")
    shutil.move(objects, elsewhere)
    try:
        objects.symlink_to(elsewhere)
        (found,) = [one for one in found_of(edge1) if not one["ok"]]
        assert found["what"] == f"{objects} lie on another file system"
        assert found["mend"].startswith("keep objects/, releases/ and pool/ on one file system")
        with pytest.raises(OSError, match="cross-device") as caught:
            os.link(next(elsewhere.glob("*/*")), objects.parent / "x")
        told = explained(caught.value)
        assert told["mend"] == (
            "keep objects/, releases/ and pool/ on one file system: files are hard links"
        )
    finally:
        shutil.rmtree(elsewhere)


# ---- links


def test_check_names_a_link_in_the_place_of_a_folder(site: Site) -> None:
    """(fleet D4): a deploy refuses it, and `prune` does."""
    edge1 = site.hosts["edge1"]
    objects = Path(edge1.agent.host.path("objects"))
    shutil.move(objects, site.folder / "elsewhere")
    objects.symlink_to(site.folder / "elsewhere")
    (found,) = [one for one in found_of(edge1) if not one["ok"]]
    assert found["what"] == (
        f"objects is a symbolic link to {site.folder / 'elsewhere'}: nothing is written or removed through it"
    )
    root = edge1.agent.host.root
    assert found["mend"] == (
        f"remove the link, and move the folder itself to {root} if the link led to it; to keep all of it on "
        f"another disk, let {root} as a whole be a link to there"
    )
    objects.unlink()
    shutil.move(site.folder / "elsewhere", objects)  # as the cure says
    assert all(one["ok"] for one in found_of(edge1))


# ---- of another account (fleet C9)


def test_check_names_what_lies_open_to_others(site: Site) -> None:
    """(fleet D4)."""
    edge1 = site.hosts["edge1"]
    root = Path(edge1.agent.host.root)
    assert all(one["ok"] for one in found_of(edge1))
    root.chmod(0o777)
    (found,) = [one for one in found_of(edge1) if not one["ok"]]
    assert found["what"].startswith(f"every account may write {root}: whoever may write there")
    assert found["mend"].startswith(f"sudo chown -R deploy {root}; sudo chmod -R go-w {root}")
    root.chmod(0o2775)  # people who deploy together
    assert all(one["ok"] for one in found_of(edge1))
    assert any("its group may write" in one["what"] for one in found_of(edge1))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another account")
def test_a_second_account_deploys_over_what_the_first_one_left(tmp_path: Path) -> None:
    """Objects are 0444 and another's; fs.protected_hardlinks lets nobody link to those (fleet C9)."""
    root = tmp_path / "static"
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    host = Host(str(root), "shop", "production")
    sha256, size = keep_bytes(host, b"body {}")
    append(host, {"event": "note"})
    for path in (root, *root.rglob("*")):
        if path.is_dir():
            path.chmod(0o777)
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setgroups([])
            os.setgid(MALLORY)
            os.setuid(MALLORY)
            (root / "pool").mkdir()
            target = str(root / "pool" / "site.css")
            link_or_copy(host.object(sha256), target)
            link_or_copy(host.object(sha256), target)  # again: nothing to do
            append(host, {"event": "note"})
            linked, known = Path(target).stat(), Path(host.object(sha256)).stat()
            ok = linked.st_ino == known.st_ino and known.st_mode & 0o777 == 0o444
            ok = ok and int(known.st_mtime) == mtime_of(sha256) and has_object(host, sha256, size)
            ok = ok and Path(target).read_bytes() == b"body {}"
            ok = ok and len(record_of(host)) == 2
            code = 0 if ok else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another account")
def test_check_looks_below_the_top_folder(site: Site) -> None:
    """The top folder may be written, and those in it may not (fleet C9)."""
    edge1 = site.hosts["edge1"]
    root = Path(edge1.agent.host.root)
    root.chmod(0o777)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        for folder in (root, *root.parents):
            if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
                folder.chmod(folder.stat().st_mode | 0o055)
        os.setgroups([])
        os.setgid(MALLORY)
        os.setuid(MALLORY)
        facts = function_of("facts")(edge1.agent, {}, b"")[0]
        os.write(write, repr(facts["unwritable"][:2]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(read, 65536).decode()
    assert str(root / "releases") in told
    assert OLD != NEW
