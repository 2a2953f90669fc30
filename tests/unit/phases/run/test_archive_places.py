"""Where an archive may come from: a file, a URL, a bucket; compressed or not."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fab_static.aws.s3 import Bucket
from fab_static.errors import InventoryError
from fab_static.host.agent.protocol import RECORD
from fab_static.phases.export import export
from fab_static.phases.run import archive_places
from fab_static.phases.run.archive_places import opened
from tests.unit.site import NEW, Site, file_of


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The URL under which the files of `tmp_path` are read."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def file(site: Site, tmp_path: Path) -> Path:
    out = tmp_path / "shop.release"
    deploy = site.deployment()
    export(deploy, deploy.seals.read(NEW), out, None)
    subprocess.run(["zstd", "-q", out], check=True)
    return out


def logo_in(place: str, site: Site) -> bytes:
    record = RECORD.pack(bytes.fromhex(file_of(b"new").sha256), 3)
    with opened(place, site.session.environment) as archive:
        return dict(archive.objects(record))[file_of(b"new").sha256]


@pytest.mark.parametrize("ending", ["", ".zst"])
def test_it_is_read_from_a_file_or_a_url(site: Site, file: Path, url: str, ending: str) -> None:
    assert logo_in(f"{file}{ending}", site) == b"new"
    assert logo_in(f"{url}/shop.release{ending}?token=secret", site) == b"new"


def test_a_bucket_is_reached_as_the_inventory_says(
    site: Site, file: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.open("distribute: {via: s3, bucket: builds, prefix: hub/, region: eu-west-1}")
    asked = []

    def presign(bucket: Bucket, keys: list[str], *, seconds: int) -> list[str]:
        asked.append((bucket.place, *keys))
        return [f"{url}/{file.name}"]

    monkeypatch.setattr(Bucket, "presign", presign)
    assert logo_in("s3://builds/ci/shop.release", site) == b"new"
    [(place, key)] = asked
    assert (place.region, place.prefix, key) == ("eu-west-1", "", "ci/shop.release")


def refused(place: str, site: Site) -> InventoryError:
    with pytest.raises(InventoryError) as caught, opened(place, site.session.environment):
        pass
    return caught.value


def test_a_file_that_is_cut_or_no_zstd_is_refused(site: Site, file: Path) -> None:
    packed = file.with_suffix(".release.zst")
    packed.write_bytes(packed.read_bytes()[:-9])
    assert "zstd cannot decompress it" in refused(str(packed), site).what
    packed.write_bytes(b"x" * 1000)
    assert "zstd cannot decompress it" in refused(str(packed), site).what


def test_a_bomb_behind_an_archive_is_refused_and_not_inflated(site: Site, file: Path) -> None:
    """What is kept never grows beyond what the seal says, however much a few kilobytes hold."""
    bomb = subprocess.run(["zstd", "-q"], input=bytes(300_000_000), capture_output=True, check=True)
    packed = file.with_suffix(".release.zst")
    packed.write_bytes(packed.read_bytes() + bomb.stdout)
    assert "more follows than its seal names" in refused(str(packed), site).what


def test_what_cannot_be_read_is_named_without_secrets(site: Site, file: Path, url: str) -> None:
    missing = refused(f"{url}/nothing.release?signature=secret", site)
    assert (missing.where, "404" in missing.what) == (f"{url}/nothing.release", True)
    assert "No such file" in refused(str(file.parent / "nothing"), site).what
    plain = refused("http://anna:secret@example.com/shop.release", site)
    assert "secret" not in str(plain)
    assert "anybody on the way could change it" in plain.what


def test_a_machine_without_zstd_is_told(
    site: Site, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_places.shutil, "which", lambda _: None)
    assert "this machine has no zstd" in refused(f"{file}.zst", site).what
