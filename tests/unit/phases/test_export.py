"""What `export` writes: one file, of which every byte follows from the release."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from fab_static.errors import FabStaticError, InventoryError
from fab_static.phases import export as exporting
from fab_static.phases.export import at_hand, export
from fab_static.phases.run.archive import read
from fab_static.plan.wire import asks, verbs
from tests.unit.site import NEW, OLD, VERSIONS, Site, file_of


def exported(site: Site, out: Path, wanted: str = NEW, without: str | None = None) -> bytes:
    deploy = site.deployment()
    export(deploy, deploy.seals.read(wanted), out, without)
    return out.read_bytes()


def test_the_file_is_a_tar_with_its_members_in_the_stated_order(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "shop.release")
    with tarfile.open(tmp_path / "shop.release") as tar:
        names = tar.getnames()
    objects = [name.rpartition("/")[2] for name in names[2:]]
    files = sorted(file_of(data).sha256 for data in (b"new", b"body {}"))
    assert names[:2] == ["fab_static-release", "release.json"]
    assert objects == [file_of(VERSIONS).sha256, *files]


def test_two_fleets_with_one_release_export_equal_bytes_in_whatever_batches(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = exported(site, tmp_path / "a")
    monkeypatch.setattr(exporting, "BATCH_BYTES", 1)
    other = Site(tmp_path / "other", monkeypatch)
    assert exported(other, tmp_path / "b") == once


def test_what_was_written_is_read_again(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "shop.release")
    with (tmp_path / "shop.release").open("rb") as file:
        archive = read(file, "shop.release")
    assert archive.release == site.deployment().seals.read(NEW)
    seal = site.folder / "edge1" / "releases" / NEW / "release.json"
    assert archive.seal == seal.read_bytes()


def test_a_pipe_is_written_to_and_stays_a_pipe(site: Site, tmp_path: Path) -> None:
    """Root's `--out /dev/null` put a file in the place of the device."""
    once = exported(site, tmp_path / "shop.release")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert reader.stdout
        deploy = site.deployment()
        export(deploy, deploy.seals.read(NEW), pipe, None)
        assert reader.stdout.read() == once
    assert pipe.is_fifo()


def test_a_link_stays_a_link(site: Site, tmp_path: Path) -> None:
    link = tmp_path / "latest.release"
    link.symlink_to("shop.release")
    whole = exported(site, link)
    assert link.is_symlink()
    assert (tmp_path / "shop.release").read_bytes() == whole


def test_objects_of_another_release_are_left_out(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "small", without=OLD)
    with tarfile.open(tmp_path / "small") as tar:
        objects = [name.rpartition("/")[2] for name in tar.getnames()[2:]]
    assert objects == [file_of(b"new").sha256]
    with (tmp_path / "small").open("rb") as file:
        assert read(file, "small").marker.without == OLD


def test_objects_that_the_build_host_has_lost_come_from_a_static_host(
    site: Site, tmp_path: Path
) -> None:
    whole = exported(site, tmp_path / "a")
    sha256 = file_of(b"new").sha256
    (site.folder / "build1" / "objects" / sha256[:2] / sha256).unlink()
    assert exported(site, tmp_path / "b") == whole


def test_a_failure_leaves_no_file_and_none_in_its_place(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "shop.release"
    out.write_bytes(b"before")
    deploy = site.deployment()
    release = deploy.seals.read(NEW)
    for host in site.hosts.values():
        host.before["missing"] = host.cut
    with pytest.raises(FabStaticError):
        export(deploy, release, out, None)
    assert [path.name for path in tmp_path.glob("*shop*")] == ["shop.release"]
    assert out.read_bytes() == b"before"


def test_a_folder_that_is_not_there_is_bad_input(site: Site, tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="no file can be written there"):
        exported(site, tmp_path / "nowhere" / "shop.release")


def test_unless_one_is_named_it_is_the_one_sealed_last(site: Site) -> None:
    sealed = site.hold("20261124T170102Z", b"sealed").id
    deploy = site.deployment()
    deploy.journal.release = sealed
    assert at_hand(deploy) == sealed
    entry = {"event": "activate", "release": NEW, "rolled_back": sealed, "by": "ben"}
    site.hosts["build1"].ask(verbs.NOTE, asks.Note(entry=entry))
    deploy.look_again()
    assert at_hand(deploy) == NEW  # nobody wants the one that was rolled back


def test_a_name_that_ends_in_zst_is_compressed(site: Site, tmp_path: Path) -> None:
    plain = exported(site, tmp_path / "shop.release")
    exported(site, tmp_path / "shop.release.zst")
    ran = subprocess.run(
        ["zstd", "-dcq", tmp_path / "shop.release.zst"], capture_output=True, check=True
    )
    assert ran.stdout == plain
