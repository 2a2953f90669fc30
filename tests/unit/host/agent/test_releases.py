"""A release is built of objects, verified, and mended."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode
# ruff: noqa: PTH103, PTH116, PTH121

import ctypes
import errno
import json
import os
import shutil

import pytest

from fab_static.host.agent import disk
from fab_static.host.agent.digests import mtime_of
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.seals import is_seal
from tests.unit.host.agent.agents import (
    ALL,
    FILES,
    MANIFEST,
    A,
    B,
    C,
    are_whole,
    build,
    everything_below,
    flip,
    flip_back,
    overwrite,
    record_of,
    seal_of,
    sha1_of,
    sha256_of,
    write_tree,
)
from tests.unit.host.agent.rooms import replace


def test_a_release_is_hard_links_into_the_objects(agent, root):
    seal = build(agent, A)
    folder = root / "releases" / A
    assert (folder / "release.json").read_bytes() == seal
    for path, data in FILES.items():
        assert (folder / "static" / path).read_bytes() == data
        assert os.path.samefile(folder / "static" / path, agent.host.object(sha256_of(data)))
    assert (folder / "resource_versions.yml").read_bytes() == b"a.js: x\n"
    assert agent.host.releases() == [A]


def test_the_pool_holds_each_versioned_url_and_each_content_named_file(agent, root):
    build(agent, A)
    assert (root / "pool" / sha1_of(b"one") / "js/a.js").read_bytes() == b"one"
    assert (root / "pool/named/CACHE/css/output.3f9c1a7b2d4e.css").read_bytes() == b"body{}"
    held = [path for path in (root / "pool").rglob("*") if path.is_file()]
    assert len(held) == 2


def test_the_pool_serves_old_and_new_bytes_of_one_name(agent, root):
    build(agent, A)
    build(agent, B, {**FILES, "js/a.js": b"two"})
    assert (root / "pool" / sha1_of(b"one") / "js/a.js").read_bytes() == b"one"
    assert (root / "pool" / sha1_of(b"two") / "js/a.js").read_bytes() == b"two"


def test_a_web_host_holds_just_the_manifests(agent, root):
    build(agent, A, roles=["web"])
    held = {
        str(path.relative_to(root)) for path in (root / "releases").rglob("*") if path.is_file()
    }
    base = f"releases/{A}/"
    assert held == {
        base + "release.json",
        base + "resource_versions.yml",
        base + "static/" + MANIFEST,
    }
    assert not (root / "pool").exists()


def test_a_web_host_holds_djangos_manifest_of_hashed_names_too(agent, root):
    names = b'{"paths": {}}'
    seal = json.loads(build(agent, A, {**FILES, "staticfiles.json": names}))
    seal["staticfiles_manifest"] = {"path": "staticfiles.json", "sha256": sha256_of(names)}
    seal["id"] = B
    agent.do("build_release", json.dumps(seal).encode(), roles=["web"])
    static = root / "releases" / B / "static"
    assert sorted(path.name for path in static.rglob("*.json")) == [
        "manifest.json",
        "staticfiles.json",
    ]
    assert (static / "staticfiles.json").read_bytes() == names


@pytest.mark.parametrize("roles", [["web"], ["static"], ["static", "web"]])
def test_a_manifest_outside_the_static_root_stands_beside_it_in_the_release(agent, root, roles):
    names = b'{"paths": {}}'
    seal = json.loads(build(agent, A))
    name = "../manifests/staticfiles/staticfiles.json"
    agent.do("put_object", names)
    seal["manifests"] = {
        name: {"sha256": sha256_of(names), "size": len(names), "version": "1a2b3c4"}
    }
    seal["staticfiles_manifest"] = {"path": name, "sha256": sha256_of(names)}
    seal["id"] = B
    agent.do("build_release", json.dumps(seal).encode(), roles=roles)
    there = root / "releases" / B / "manifests/staticfiles/staticfiles.json"
    assert there.read_bytes() == names
    assert not list((root / "releases" / B / "static").rglob("staticfiles.json"))
    answer = agent.do("verify", release=B, roles=roles, bytes=True)
    assert (answer["missing"], answer["changed"]) == (0, 0)


@pytest.mark.parametrize("name", ["../manifests/../../x", "../x", "static.json"])
def test_a_seal_whose_manifest_would_lead_elsewhere_is_none(agent, name):
    seal = json.loads(build(agent, A))
    assert is_seal(seal, A)
    one = {"sha256": "a" * 64, "size": 1, "version": "1a2b3c4"}
    assert not is_seal({**seal, "manifests": {name: one}}, A)


def test_building_a_release_again_changes_nothing(agent, root):
    build(agent, A)
    before = {path: path.stat().st_ino for path in root.rglob("*") if path.is_file()}
    build(agent, A)
    assert {path: path.stat().st_ino for path in root.rglob("*") if path.is_file()} == before


def test_building_again_mends_what_somebody_wrote_to(agent, root):
    build(agent, A)
    overwrite(
        root / "releases" / A / "static/js/a.js", b"evil"
    )  # the object and the pool too: one file
    assert agent.do("verify", release=A, roles=ALL)["changed"] == 2
    build(agent, A)
    answer = agent.do("verify", release=A, roles=ALL, bytes=True)
    assert (answer["missing"], answer["changed"]) == (0, 0)
    assert (root / "pool" / sha1_of(b"one") / "js/a.js").read_bytes() == b"one"


def test_building_again_mends_what_somebody_removed_or_replaced(agent, root):
    build(agent, A)
    (root / "releases" / A / "static/js/a.js").unlink()
    (root / "releases" / A / "resource_versions.yml").unlink()
    (root / "pool" / sha1_of(b"one") / "js/a.js").unlink()
    logo = root / "releases" / A / "static/img/logo.png"
    logo.unlink()
    logo.write_bytes(b"own")
    build(agent, A)
    answer = agent.do("verify", release=A, roles=ALL, bytes=True)
    assert (answer["missing"], answer["changed"]) == (0, 0)


def test_building_again_mends_a_file_whose_time_somebody_changed(agent, root):
    """A restored backup has other times: the bytes are right, yet verify would fail at every deploy."""
    build(agent, A)
    os.utime(agent.host.object(sha256_of(b"logo")))
    agent.ask("missing", record_of(b"logo"))
    build(agent, A)
    answer = agent.do("verify", release=A, roles=ALL)
    assert (answer["missing"], answer["changed"]) == (0, 0)


def test_a_rotten_object_is_missing_once_verify_has_read_it(agent, root):
    """Its size and time are right; else `distribute verify`, the cure that is told, mends nothing."""
    build(agent, A)
    path = agent.host.object(sha256_of(b"logo"))
    overwrite(path, b"1ogo")
    os.utime(path, (mtime_of(sha256_of(b"logo")),) * 2)
    assert agent.do("verify", release=A, roles=ALL)["changed"] == 0
    assert agent.do("verify", release=A, roles=ALL, bytes=True)["changed"] == 1
    assert agent.ask("missing", record_of(b"logo"))[1] == record_of(b"logo")


def send(agent, data):
    """Store one object as `distribute` does, unless the host says that it holds it."""
    if agent.ask("missing", record_of(data))[1]:
        agent.frames.extend([({"pack": "plain"}, record_of(data) + data), ({"end": True}, b"")])
        agent.do("store")


@pytest.mark.parametrize("shipped", ["store", "put_object", "snapshot"])
def test_an_object_shipped_anew_mends_every_release_and_pool_entry_that_has_it(
    agent, root, tmp_path, shipped
):
    """Else the next rollback goes live with the damaged bytes, or is refused."""
    for release in (A, B, C):
        build(agent, release, {**FILES, "own.txt": release.encode()})
    overwrite(root / "releases" / B / "static/js/a.js", b"evil")
    overwrite(root / "releases" / B / "static/CACHE/css/output.3f9c1a7b2d4e.css", b"evil")
    assert not any(are_whole(agent, one) for one in (A, B, C))
    if shipped == "snapshot":
        write_tree(tmp_path / "static", {"a.js": b"one", "b.css": b"body{}"})
        agent.ask("snapshot", root=str(tmp_path / "static"), extra=[])
    else:
        for data in (b"one", b"body{}"):
            send(agent, data) if shipped == "store" else agent.do("put_object", data)
    assert are_whole(agent, A, B, C)
    assert (root / "pool" / sha1_of(b"one") / "js/a.js").read_bytes() == b"one"
    assert (root / "pool/named/CACHE/css/output.3f9c1a7b2d4e.css").read_bytes() == b"body{}"
    links = os.stat(agent.host.object(sha256_of(b"one"))).st_nlink
    assert links == 1 + 3 + 1  # the object, three releases, the pool


def test_a_repair_that_is_cut_off_is_made_anew_by_the_next(agent, root, monkeypatch):
    """As long as one file is damaged the object is missing, so that it is shipped again."""
    for release in (A, B):
        build(agent, release)
    overwrite(agent.host.object(sha256_of(b"one")), b"evil")
    real = disk.link_or_copy

    def killed(source, target):
        if f"releases/{B}" in target:
            raise KeyboardInterrupt
        real(source, target)

    replace(monkeypatch, "link_or_copy", killed)
    with pytest.raises(KeyboardInterrupt):
        send(agent, b"one")
    monkeypatch.undo()
    agent.frames.clear()
    assert agent.ask("missing", record_of(b"one"))[1] == record_of(b"one")
    send(agent, b"one")
    assert are_whole(agent, A, B)


def test_a_repair_replaces_nothing_but_links_to_the_damaged_bytes(agent, root):
    """What somebody put in their place is for `rollback --repair` to tell and to mend."""
    build(agent, A)
    own = root / "releases" / A / "static/js/a.js"
    own.unlink()
    own.write_bytes(b"own")
    overwrite(agent.host.object(sha256_of(b"one")), b"evil")
    send(agent, b"one")
    assert own.read_bytes() == b"own"
    assert (root / "pool" / sha1_of(b"one") / "js/a.js").read_bytes() == b"one"


def test_all_of_a_release_is_on_the_disk_before_its_name_is(agent, root, monkeypatch):
    """A host that lost its power came back with a live release of empty files."""
    seen = []
    replace(monkeypatch, "to_disk", lambda host: seen.append(host.releases()))
    build(agent, A)
    assert seen == [[], [A]], "before the name, and the name itself before the answer"


@pytest.mark.parametrize("do", ["snapshot", "flip", "confirm", "flip_back"])
def test_what_was_answered_outlives_a_loss_of_power(agent, root, tmp_path, monkeypatch, do):
    """Else a host that was told to be live, or to be done, is not after it starts again."""
    build(agent, A)
    synced = []
    replace(monkeypatch, "to_disk", lambda host: synced.append(host.live()))
    if do == "snapshot":
        (tmp_path / "site").mkdir()
        agent.do("snapshot", root=str(tmp_path / "site"), extra=[])
        assert synced == [None]
    else:
        flip(agent, A, provisional=True)
        assert synced == [A]
    if do == "confirm":
        agent.do("confirm", release=A)
        assert len(synced) == 2
    if do == "flip_back":
        flip_back(agent, None)
        assert synced == [A, None]


def test_bytes_are_brought_to_the_disk_where_syncfs_is_missing_too(agent, root, monkeypatch):
    called = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    monkeypatch.setattr(os, "sync", lambda: called.append("sync"))
    os.makedirs(root)
    disk.to_disk(agent.host)
    assert called == ["sync"]


def test_a_release_whose_objects_are_not_all_here_never_appears(agent, root):
    for data in (b"logo", b"{}", b"a.js: x\n", b"body{}"):
        agent.do("put_object", data)
    with pytest.raises(FileNotFoundError):
        agent.do("build_release", seal_of(A, FILES), roles=ALL)
    assert agent.host.releases() == []
    assert not (root / "releases" / A).exists()
    build(agent, A)
    assert agent.do("verify", release=A, roles=ALL, bytes=True)["missing"] == 0


def test_another_seal_under_the_same_id_is_refused(agent, root):
    seal = build(agent, A)
    with pytest.raises(RefusedError) as caught:
        agent.do("build_release", seal_of(A, {"js/a.js": b"one"}), roles=ALL)
    assert caught.value.what == f"release {A} is here already, sealed with other content"
    assert caught.value.kind == "release"
    assert caught.value.mend == "deploy again: a new release gets a new id"
    assert (root / "releases" / A / "release.json").read_bytes() == seal


def test_other_bytes_under_a_pool_url_are_refused(agent, root):
    """Caches keep that URL for a year."""
    build(agent, A)
    agent.do("put_object", b"two")
    seal = json.loads(seal_of(B, {"js/a.js": b"two"}, versioned=["js/a.js"]))
    seal["versioned"]["js/a.js"] = sha1_of(b"one")
    with pytest.raises(RefusedError) as caught:
        agent.do("build_release", json.dumps(seal).encode(), roles=ALL)
    url = f"pool/{sha1_of(b'one')}/js/a.js"
    assert caught.value.what == f"{url} has other bytes here, and a URL must never change its bytes"
    assert caught.value.mend == (
        "run resource_static after all that writes the file, then deploy again"
    )
    assert (root / url).read_bytes() == b"one"
    assert agent.host.releases() == [A]


def test_a_file_with_too_many_links_is_copied(agent, root, monkeypatch):
    real = os.link

    def link(source, target):
        if str(target).endswith("logo.png"):
            raise OSError(errno.EMLINK, "Too many links", source)
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    build(agent, A)
    answer = agent.do("verify", release=A, roles=ALL, bytes=True)
    assert (answer["missing"], answer["changed"]) == (0, 0)
    logo = root / "releases" / A / "static/img/logo.png"
    assert logo.stat().st_mode & 0o777 == 0o444
    build(agent, A)
    assert agent.do("verify", release=A, roles=ALL, bytes=True)["changed"] == 0


def test_names_of_any_bytes_are_served_under_their_own_name(agent, root):
    names = [
        "tea bowl.svg",
        'it\'s "q".css',
        "new\nline.js",
        "K\u00fcche.svg",
        os.fsdecode(b"\xe9.png"),
    ]
    files = {name: name.encode("utf-8", "surrogateescape") for name in names}
    build(agent, A, files)
    for name, data in files.items():
        assert (root / "releases" / A / "static" / name).read_bytes() == data
    answer = agent.do("verify", release=A, roles=ALL, bytes=True)
    assert (answer["missing"], answer["changed"]) == (0, 0)


def test_verify_tells_missing_and_changed_with_examples_and_digests(agent, root):
    build(agent, A)
    (root / "releases" / A / "static/img/logo.png").unlink()
    shutil.rmtree(root / "pool" / "named")
    manifest = root / "releases" / A / "static" / MANIFEST
    manifest.unlink()
    manifest.symlink_to("/etc/passwd")
    answer = agent.do("verify", release=A, roles=ALL)
    assert (answer["missing"], answer["changed"]) == (2, 1)
    assert set(answer["examples"]) == {
        f"releases/{A}/static/img/logo.png",
        "pool/named/CACHE/css/output.3f9c1a7b2d4e.css",
        f"releases/{A}/static/{MANIFEST}",
    }
    assert answer["versions_sha256"] == sha256_of(b"a.js: x\n")


def test_verify_of_a_whole_release_gives_the_digests_of_both_manifests(agent):
    build(agent, A)
    assert agent.do("verify", release=A, roles=["web"], bytes=True) == {
        "missing": 0,
        "changed": 0,
        "examples": [],
        "versions_sha256": sha256_of(b"a.js: x\n"),
        "offline_manifest_sha256": sha256_of(b"{}"),
        "release": A,
    }


def test_a_release_that_is_not_here_cannot_be_read_verified_or_made_live(agent):
    for do, params in (
        ("read_release", {}),
        ("verify", {"roles": ALL}),
        (
            "flip",
            {"links": {}, "entry": {}, "manifest": None, "reload": None, "confirm_timeout": 60},
        ),
    ):
        with pytest.raises(RefusedError) as caught:
            agent.do(do, release=A, **params)
        assert caught.value.what == f"there is no release {A}"
        assert caught.value.mend == "choose one that `releases` lists"
    assert agent.host.live() is None


def test_summaries_count_files_and_bytes(agent):
    build(agent, A)
    ((one,)) = agent.do("summaries")["releases"]
    assert (one["id"], one["files"], one["bytes"]) == (A, 4, sum(map(len, FILES.values())))


def test_a_disk_that_is_full_in_the_middle_changes_nothing_that_is_live(agent, root, monkeypatch):
    build(agent, A)
    flip(agent, A)
    before = everything_below(root / "releases")

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", target)

    replace(monkeypatch, "link_or_copy", full)
    with pytest.raises(OSError, match="No space left"):
        build(agent, B, {**FILES, "js/a.js": b"two"})
    monkeypatch.undo()
    assert agent.host.releases() == [A]
    assert agent.host.live() == A
    assert set(before) <= set(everything_below(root / "releases"))
    build(agent, B, {**FILES, "js/a.js": b"two"})
    assert agent.do("verify", release=B, roles=ALL, bytes=True)["missing"] == 0


def test_names_with_other_bytes_are_told_with_their_releases(agent):
    build(agent, A, {**FILES, "dist/a.js": b"one"})
    build(agent, B, {**FILES, "dist/a.js": b"two"})
    asked = {"dist/a.js": sha256_of(b"two"), "dist/new.js": sha256_of(b"two")}
    found = agent.do("other_bytes", json.dumps(asked).encode())
    assert found == {"releases": {"dist/a.js": [A]}}
