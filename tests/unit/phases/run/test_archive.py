"""An archive is taken when every byte of it is as it was written, and never else."""

from __future__ import annotations

import io
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import InventoryError
from fab_static.host.agent.protocol import RECORD
from fab_static.phases.export import export
from fab_static.phases.run.archive import Archive, read
from fab_static.plan.archive import END, Marker, header, object_name, padding
from fab_static.plan.release import Encoded, File, Release, digest
from fab_static.plan.wire import verbs
from tests.unit.site import NEW, Site, file_of


@pytest.fixture
def whole(site: Site, tmp_path: Path) -> bytes:
    """The archive of a release whose sheet has a precompressed copy."""
    sheet = replace(file_of(b"body {}"), encodings={"gz": Encoded(file_of(b"gz").sha256, 2)})
    files = {"logo.svg": file_of(b"logo"), "site.css": sheet}
    for host in site.hosts.values():
        host.ask(verbs.PUT_OBJECT, body=b"gz")
    release = site.hold("20261124T170102Z", b"logo", files=files)
    export(site.deployment(), release, tmp_path / "shop.release", None)
    return (tmp_path / "shop.release").read_bytes()


def taken(data: bytes) -> Archive:
    return read(io.BytesIO(data), "shop.release")


def refused(data: bytes) -> str:
    with pytest.raises(InventoryError) as caught:
        taken(data)
    assert caught.value.where.startswith("shop.release")
    return caught.value.what


def written(release: Release, objects: dict[str, bytes] | None = None, **marker: Any) -> bytes:
    """Return an archive as somebody writes it who knows how, whatever it holds."""
    seal = release.to_json().encode()
    first = Marker("shop", "staging", release.id, file_of(seal).sha256)
    members = {"fab_static-release": replace(first, **marker).text(), "release.json": seal}
    members |= {object_name(sha256): data for sha256, data in (objects or {}).items()}
    return b"".join(
        header(name, len(data)) + data + padding(len(data)) for name, data in members.items()
    ) + END  # fmt: skip


def test_each_change_of_one_byte_is_refused(whole: bytes) -> None:
    """At a thousand random places; and of each, any other byte."""
    dice = random.Random(20)  # the same places in every run
    taken(whole)
    for _ in range(1000):
        at, other = dice.randrange(len(whole)), dice.randrange(1, 256)
        refused(whole[:at] + bytes([whole[at] ^ other]) + whole[at + 1 :])


def test_it_is_refused_wherever_it_is_cut(whole: bytes) -> None:
    for at in (*range(0, len(whole), 97), len(whole) - 1):
        refused(whole[:at])


def test_what_follows_its_end_is_refused(whole: bytes) -> None:
    assert "more follows" in refused(whole + b"\0")


def test_a_member_that_nobody_named_is_refused(whole: bytes) -> None:
    more = header("../../etc/passwd", 1) + b"x" + padding(1)
    assert "more follows" in refused(whole[: -len(END)] + more + END)


def test_an_archive_of_a_newer_format_says_what_to_do(whole: bytes) -> None:
    size = int(whole[124:135], 8)
    marker = json.loads(whole[512 : 512 + size]) | {"format": 2, "novelty": 1}
    text = json.dumps(marker).encode()
    data = header("fab_static-release", len(text)) + text + padding(len(text))
    assert refused(data) == "the archive has format 2, and this fab_static knows 1"


def test_a_first_member_without_the_keys_that_came_later_is_taken(whole: bytes) -> None:
    """As archives had it that were written before there were statements, or signatures."""
    size = int(whole[124:135], 8)
    marker = json.loads(whole[512 : 512 + size])
    assert (marker.pop("statement"), marker.pop("signature")) == (None, None)
    text = (json.dumps(marker, indent=1, sort_keys=True) + "\n").encode()
    first = header("fab_static-release", len(text)) + text + padding(len(text))
    found = taken(first + whole[512 + size + len(padding(size)) :])
    assert found.release == taken(whole).release


def release_of(**changes: Any) -> Release:
    known: dict[str, Any] = {
        "id": "20261124T170102Z",
        "app": "shop",
        "environment": "staging",
        "revision": None,
        "created_at": "2026-11-24T17:01:02Z",
        "created_by": "anna@desk",
        "settings": {},
        "phases": (),
        "files": {"a.css": file_of(b"a")},
        "versions": {},
        "named": (),
        "offline_manifest": None,
        "versions_sha256": None,
    }
    release = Release(**(known | changes))
    return replace(release, id=f"{release.id}-{release.digest[:8]}")


@pytest.mark.parametrize("size", [10**18, 2**64, -1, True, "1"])
@pytest.mark.parametrize("what", ["file", "copy", "versions"])
def test_a_seal_that_claims_a_size_that_no_file_has_is_refused_before_anything_is_read(
    what: str, size: Any
) -> None:
    """Whoever wrote it fills no memory and no disk by a number."""
    sheet = file_of(b"a")
    changes: dict[str, Any] = {
        "file": {"files": {"a.css": replace(sheet, size=size)}},
        "copy": {"files": {"a.css": replace(sheet, encodings={"gz": Encoded(sheet.sha256, size)})}},
        "versions": {"versions_sha256": sheet.sha256, "versions_size": size},
    }[what]
    assert "its seal does not say what" in refused(written(release_of(**changes)))


def test_what_is_written_so_in_a_test_is_taken() -> None:
    archive = taken(written(release_of(), {file_of(b"a").sha256: b"a"}))
    assert list(archive.release.files) == ["a.css"]


@pytest.mark.parametrize(
    "name", ["../up.css", "/etc/passwd", "a//b", "a/./b", "a\0b", "a\nb", "a\\b", ""]
)
def test_a_name_that_leads_outside_or_that_no_page_can_print_is_refused(name: str) -> None:
    release = release_of()
    right = digest({name: file_of(b"a")}, None, {})  # all but the name is as it should be
    named = f"20261124T170102Z-{right[:8]}"
    seal = release.to_json().replace('"a.css"', json.dumps(name)).replace(release.id, named)
    seal = seal.replace(release.digest, right).encode()
    first = Marker("shop", "staging", named, file_of(seal).sha256)
    seal_member = header("release.json", len(seal)) + seal + padding(len(seal))
    text = first.text()
    said = refused(
        header("fab_static-release", len(text)) + text + padding(len(text)) + seal_member
    )
    assert repr(name) in said


@pytest.mark.parametrize(
    "file",
    [
        {"sha256": "../../x", "size": 1, "version": "1234567"},
        {"sha256": file_of(b"a").sha256, "size": -1, "version": "1234567"},
        {"sha256": file_of(b"a").sha256, "size": 1e3, "version": "1234567"},
        {"sha256": file_of(b"a").sha256, "size": True, "version": "1234567"},
        {"sha256": file_of(b"a").sha256, "size": 8**11, "version": "1234567"},
        {"sha256": file_of(b"a").sha256, "size": 1, "version": "../up"},
    ],
)
def test_a_seal_that_does_not_say_what_a_file_holds_is_refused(file: dict[str, Any]) -> None:
    release = release_of(files={"a.css": File(**file)})
    refused(written(release, {file_of(b"a").sha256: b"a"}))


def test_a_bomb_is_read_no_further_than_its_seal_says() -> None:
    """What is kept meanwhile never grows beyond that."""
    sha256 = file_of(b"a").sha256
    data = written(release_of(), {sha256: b"a"})
    bomb = data[: -len(END)] + bytes(10_000_000)
    kept = io.BytesIO()
    with pytest.raises(InventoryError):
        read(io.BytesIO(bomb), "shop.release", kept)
    assert len(kept.getvalue()) <= len(data)
    huge = header("fab_static-release", 8**10) + bytes(1000)
    assert "fab_static-release should come next" in refused(huge)


def test_an_object_that_changes_while_it_is_read_is_refused(whole: bytes) -> None:
    file = io.BytesIO(whole)
    archive = read(file, "shop.release")
    file.getbuffer()[whole.index(b"body {}")] ^= 1
    wanted = RECORD.pack(bytes.fromhex(file_of(b"body {}").sha256), 7)
    with pytest.raises(InventoryError, match="was changed while the file was read"):
        list(archive.objects(wanted))


def test_a_release_of_another_app_than_the_first_member_says_is_refused() -> None:
    data = written(release_of(), {file_of(b"a").sha256: b"a"}, app="blog")
    assert "of another app or environment" in refused(data)
    assert NEW not in data.decode("latin-1")
