"""The static root of a build: kept, put back, and never emptied where something else lies in it."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode
# ruff: noqa: PTH118

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fab_static.host.agent.protocol import PIECE
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.walking import files_below
from tests.unit.host.agent.agents import (
    CHANGES,
    EVIL,
    A,
    FakeAgent,
    change_after_read,
    everything_below,
    sha1_of,
    sha256_of,
    write_tree,
    wrongly_named,
)
from tests.unit.host.agent.rooms import replace
from tests.unit.host.examples import examples

part = st.one_of(
    st.sampled_from(["a", "b", "a b", "it's", '"q"', "n\nl", "-rf", "$HOME", "*", "\u00fc", "..."]),
    st.binary(min_size=1, max_size=6).map(
        lambda data: os.fsdecode(data.translate(None, b"/\0") or b"x")
    ),
).filter(lambda name: name not in {".", ".."})


@st.composite
def trees(draw):
    """Return files, path -> bytes, that one disk can hold: no file is a folder of another."""
    tree = {}
    for names in draw(st.lists(st.lists(part, min_size=1, max_size=3), max_size=6)):
        path = "/".join(names)
        above = {"/".join(names[:at]) for at in range(1, len(names))}
        if path in tree or above & tree.keys() or any(it.startswith(path + "/") for it in tree):
            continue
        tree[path] = draw(st.binary(max_size=5))
    return tree


def read_tree(folder):
    return {
        os.path.relpath(path, folder): Path(path).read_bytes() for path in files_below(str(folder))
    }


def snapshot(agent, static, **more):
    return agent.do("snapshot", **{"root": str(static), "extra": [], **more})["listing"]


def files_in(agent, listing):
    return json.loads(agent.ask("read_object", object=listing)[1])["files"]


@settings(max_examples=examples(80))
@given(trees(), trees())
def test_restore_gives_back_exactly_what_a_snapshot_saw(first, second):
    """Changed, added, removed, a file where a folder was and a folder where a file was, any names."""
    with tempfile.TemporaryDirectory() as folder:
        agent, static = FakeAgent(Path(folder, "deploy_to")), os.path.join(folder, "static")
        write_tree(static, first)
        listing = snapshot(agent, static)
        assert agent.ask("read_object", object=listing)[1].isascii()
        another = FakeAgent(Path(folder, "deploy_to"))  # it must read the listing
        for one in (agent, another):
            write_tree(static, second)
            one.do("restore", listing=listing, root=static)
            assert read_tree(static) == first
            assert snapshot(one, static, before=listing) == listing
            assert one.do("restore", listing=listing, root=static) == {"changed": 0}


def test_a_listing_that_was_damaged_since_it_was_made_is_refused(agent, tmp_path):
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"one"})
    listing = snapshot(agent, static)
    kept = Path(agent.host.object(listing))
    kept.unlink()
    kept.write_bytes(b'{"files": {}, "extra": {}}')
    with pytest.raises(RefusedError, match="is damaged"):
        agent.do("restore", listing=listing, root=str(static))
    assert read_tree(static) == {"a.js": b"one"}


def test_a_snapshot_lists_sha256_size_and_version(agent, tmp_path):
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"one", "b/c.js": b"two"})
    head = agent.do("snapshot", root=str(static), extra=[])
    _, data = agent.ask("read_object", object=head["listing"])
    assert json.loads(data)["files"] == {
        "a.js": [sha256_of(b"one"), 3, sha1_of(b"one")],
        "b/c.js": [sha256_of(b"two"), 3, sha1_of(b"two")],
    }
    assert head == {"listing": sha256_of(data), "read": 2, "extra": {}}


@pytest.mark.parametrize("size", [0, 9, PIECE - 1, PIECE, PIECE + 9])
def test_what_is_kept_of_a_file_is_named_by_its_bytes(agent, tmp_path, size):
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"x" * size})
    kept = files_in(agent, snapshot(agent, static))["a.js"]
    assert kept == [sha256_of(b"x" * size), size, sha1_of(b"x" * size)]
    assert Path(agent.host.object(kept[0])).read_bytes() == b"x" * size


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("size", [9, PIECE - 4, PIECE + 9])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_kept_is_never_kept_under_a_wrong_name(
    agent, tmp_path, monkeypatch, change, size, number
):
    """Before it is hashed, between that and its copy, and while it is copied: at each read of it."""
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"x" * size})
    with monkeypatch.context() as patch:
        change_after_read(patch, number, lambda: change(static / "a.js", b"x" * size))
        listing = None
        with contextlib.suppress(RefusedError):
            listing = snapshot(agent, static)
    assert wrongly_named(agent) == []
    if listing:
        sha256, length, version = files_in(agent, listing)["a.js"]
        data = Path(agent.host.object(sha256)).read_bytes()
        assert (length, version) == (len(data), sha1_of(data))


def test_files_that_did_not_change_are_not_read_again(agent, tmp_path):
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"one", "b.js": b"two"})
    listing = snapshot(agent, static)
    (static / "b.js").write_bytes(b"TWO")  # the same size
    head = agent.do("snapshot", root=str(static), extra=[], before=listing)
    assert head["read"] == 1
    assert files_in(agent, head["listing"])["b.js"][0] == sha256_of(b"TWO")


def test_restore_removes_the_folders_of_what_it_removes(agent, tmp_path):
    """A program that lists them would see that a later phase has run before."""
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"one", "app/b.js": b"two"})
    (static / "empty").mkdir()
    listing = snapshot(agent, static)
    for later in ("CACHE/css/c.css", "CACHE/js/d.js", "app/deep/er/e.js"):
        (static / later).parent.mkdir(parents=True)
        (static / later).touch()
    agent.do("restore", listing=listing, root=str(static))
    folders = {str(path.relative_to(static)) for path in static.rglob("*") if path.is_dir()}
    assert folders == {"app", "empty"}
    agent.do("restore", listing=snapshot(agent, static), root=str(static))
    (static / "a.js").unlink()
    (static / "app/b.js").unlink()
    nothing = snapshot(agent, static)
    agent.do("restore", listing=listing, root=str(static))
    agent.do("restore", listing=nothing, root=str(static))
    assert [path.name for path in static.iterdir()] == ["empty"]


def test_a_snapshot_copies_since_builds_write_their_files_in_place(agent, tmp_path):
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"one"})
    listing = snapshot(agent, static)
    (static / "a.js").write_bytes(b"changed in place")
    assert Path(agent.host.object(sha256_of(b"one"))).read_bytes() == b"one"
    agent.do("restore", listing=listing, root=str(static))
    (static / "a.js").write_bytes(b"changed again")
    assert Path(agent.host.object(sha256_of(b"one"))).read_bytes() == b"one"


def test_restored_files_can_be_written_to_by_the_next_phase(agent, tmp_path):
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"one"})
    listing = snapshot(agent, static)
    (static / "a.js").unlink()
    agent.do("restore", listing=listing, root=str(static))
    assert (static / "a.js").stat().st_mode & 0o200


def test_files_beside_the_static_root_are_kept_and_removed_again(agent, tmp_path):
    static, versions = tmp_path / "static", tmp_path / "resource_versions.yml"
    write_tree(static, {})
    without = agent.do("snapshot", root=str(static), extra=[str(versions)])
    assert without["extra"] == {str(versions): None}
    versions.write_text("a: b")
    listing = snapshot(agent, static, extra=[str(versions)])
    agent.do("restore", listing=without["listing"], root=str(static))
    assert not versions.exists()
    agent.do("restore", listing=listing, root=str(static))
    assert versions.read_text() == "a: b"


def test_a_link_inside_the_static_root_is_its_file(agent, tmp_path):
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"one"})
    (static / "b.js").symlink_to("a.js")
    files = files_in(agent, snapshot(agent, static))
    assert files["b.js"] == files["a.js"]


def test_a_file_that_became_a_link_is_a_file_again_after_restore(agent, tmp_path):
    """The link's target may be removed by the same restore: a dangling link would be sealed."""
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"one"})
    listing = snapshot(agent, static)
    (static / "a.js").rename(static / "b.js")
    (static / "a.js").symlink_to("b.js")
    agent.do("restore", listing=listing, root=str(static))
    assert read_tree(static) == {"a.js": b"one"}


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "folder", "nowhere", "loop"])
def test_a_link_that_leads_outside_or_nowhere_is_refused(agent, tmp_path, target):
    """Its bytes are not the project's: they would be served to everybody."""
    static = tmp_path / "static"
    write_tree(static, {"folder/a.js": b"one"})
    (tmp_path / "outside").write_text("secret")
    (static / "loop").symlink_to(target)
    with pytest.raises(RefusedError) as caught:
        agent.ask("snapshot", root=str(static), extra=[])
    assert caught.value.what == f"loop is a symbolic link to {target}"
    assert caught.value.where == str(static)
    assert caught.value.mend == (
        "collect without --link; a link must lead to a file in the static root"
    )
    assert caught.value.kind == "build"


def test_the_link_of_a_web_host_in_the_same_checkout_is_told_with_its_cure(agent, tmp_path):
    """`collect without --link` was said, and nobody had collected with it."""
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"one"})
    (static / "manifest.json").symlink_to("/srv/web1/current/static/CACHE/manifest.json")
    with pytest.raises(RefusedError, match="a symbolic link to /srv/web1/current/static") as caught:
        agent.ask("snapshot", root=str(static), extra=[])
    assert caught.value.mend == (
        "a web host made it: give the build host a checkout of its own, or let one host have both roles"
    )


def test_what_is_neither_file_nor_folder_is_refused(agent, tmp_path):
    (tmp_path / "static").mkdir()
    os.mkfifo(tmp_path / "static/pipe")
    with pytest.raises(RefusedError, match="pipe is not a file"):
        agent.ask("snapshot", root=str(tmp_path / "static"), extra=[])


@pytest.mark.parametrize("evil", [name for name in EVIL if "\0" not in name])
def test_a_listing_whose_names_lead_outside_writes_nothing(agent, tmp_path, evil):
    static = tmp_path / "deep" / "static"
    static.mkdir(parents=True)
    agent.do("put_object", b"x")
    listing = {"files": {evil: [sha256_of(b"x"), 1, "0" * 7]}, "extra": {}}
    name = agent.do("put_object", json.dumps(listing).encode())["object"]
    before = everything_below(tmp_path)
    with pytest.raises(RefusedError, match="is not a path inside the static root"):
        agent.do("restore", listing=name, root=str(static))
    assert everything_below(tmp_path) == before


def test_empty_leaves_an_empty_static_root(agent, tmp_path):
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"one", "b/c.js": b"two", ".hidden/x": b""})
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("kept")
    (static / "link").symlink_to(tmp_path / "kept")
    agent.do("empty", root=str(static), keep={"the project": str(tmp_path / "code")})
    assert list(static.iterdir()) == []
    assert (tmp_path / "kept" / "file").read_text() == "kept", (
        "a link is removed, not what it leads to"
    )


@pytest.mark.parametrize(
    ("root_of", "source", "how"),
    [
        ("app/static", "app/static", "is"),
        ("app/static/out", "app/static", "lies in"),
        ("app", "app/static", "holds"),
        ("link", "app/static", "is"),
    ],
)
def test_empty_refuses_a_folder_that_overlaps_with_sources(
    agent, tmp_path, root_of, source, how, nothing_is_removed
):
    """(build A1, A1b) The sources were gone before anything was said."""
    (tmp_path / "app/static").mkdir(parents=True)
    (tmp_path / "link").symlink_to("app/static")
    sources = {str(tmp_path / source): "AppDirectoriesFinder (the app shop)"}
    for verb, more in (("empty", {}), ("guard", {"written": None})):
        with pytest.raises(RefusedError) as caught:
            agent.do(verb, root=str(tmp_path / root_of), keep={}, sources=sources, **more)
        assert caught.value.what == (
            f"STATIC_ROOT {how} {tmp_path / source}, a folder of sources that AppDirectoriesFinder (the app "
            "shop) reads, and a build starts by emptying STATIC_ROOT"
        )
        assert caught.value.mend == "set STATIC_ROOT to a folder of its own, apart from all sources"


def test_restore_removes_no_folder_by_the_name_of_the_versions_file(agent, tmp_path):
    write_tree(tmp_path / "static", {"a.js": b"a"})
    versions = str(tmp_path / "resource_versions.yaml")
    listing, _ = agent.ask("snapshot", root=str(tmp_path / "static"), extra=[versions])
    write_tree(tmp_path / "resource_versions.yaml", {"notes.txt": b"mine"})
    (tmp_path / "static" / "b.js").write_bytes(b"b")
    before = everything_below(tmp_path)
    with pytest.raises(RefusedError, match="is a folder, and the resource versions are kept"):
        agent.do("restore", listing=listing["listing"], root=str(tmp_path / "static"))
    assert everything_below(tmp_path) == before


def test_only_files_whose_time_belongs_to_their_bytes_are_a_builds(agent, tmp_path):
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"a", "b.js": b"b"})
    agent.ask("snapshot", root=str(static), extra=[])
    (static / "b.js").write_bytes(b"other")
    (static / "mine.txt").write_bytes(b"mine")
    names = json.dumps(["a.js", "b.js", "mine.txt"]).encode()
    assert agent.do("not_ours", names, root=str(static)) == {
        "others": ["b.js", "mine.txt"],
        "count": 2,
    }


@pytest.mark.parametrize(
    ("root_of", "what"),
    [
        ("file", "is a file"),
        ("link", "is a file"),
        ("file/static", "lies below {tmp_path}/file, which is a file"),
        ("pipe", "is neither a file nor a folder"),
    ],
)
def test_a_static_root_that_cannot_be_a_folder_is_refused(
    agent, tmp_path, root_of, what, nothing_is_removed
):
    """(build A1) The deploy said only that a file exists, and sent the operator to look at it."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    for verb, more in (("empty", {}), ("guard", {"written": None})):
        with pytest.raises(RefusedError) as caught:
            agent.do(verb, root=str(tmp_path / root_of), keep={}, **more)
        assert caught.value.what == f"STATIC_ROOT {what.format(tmp_path=tmp_path)}"
        name = "pipe" if root_of == "pipe" else "file"
        assert caught.value.mend == (
            f"set STATIC_ROOT to a folder of its own, or move {tmp_path}/{name} away"
        )
    assert (tmp_path / "file").read_text() == "mine"


def test_empty_makes_a_static_root_that_is_not_there(agent, tmp_path):
    agent.do("empty", root=str(tmp_path / "new" / "static"), keep={})
    assert (tmp_path / "new" / "static").is_dir()


@pytest.fixture
def nothing_is_removed(monkeypatch):
    """Some of these folders are the machine's own: a missing refusal fails the test, not the machine."""

    def never(path=None, *more, **options):
        raise AssertionError(f"{path} would have been emptied")

    replace(monkeypatch, "remove_tree", never)
    monkeypatch.setattr(shutil, "rmtree", never)
    for name in ("unlink", "remove", "rmdir", "rename", "replace", "listdir", "scandir", "walk"):
        monkeypatch.setattr(os, name, never)


@pytest.mark.parametrize("root_of", ["code", ".", "code/../code", "link"])
def test_empty_refuses_a_folder_that_holds_the_project(
    agent, tmp_path, root_of, nothing_is_removed
):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "manage.py").write_text("")
    (tmp_path / "link").symlink_to("code")
    code = str(tmp_path / "code")
    with pytest.raises(RefusedError) as caught:
        agent.do("empty", root=str(tmp_path / root_of), keep={"the project": code})
    assert caught.value.what == (
        f"STATIC_ROOT holds the project ({code}), and a build starts by emptying it"
    )
    assert caught.value.mend == "set STATIC_ROOT to a folder of its own"
    assert (tmp_path / "code" / "manage.py").exists()


def test_empty_refuses_the_root_of_the_file_system(agent, tmp_path, nothing_is_removed):
    with pytest.raises(RefusedError):
        agent.do("empty", root="/", keep={"the project": str(tmp_path)})


def test_empty_refuses_the_home_folder(agent, tmp_path, monkeypatch, nothing_is_removed):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x").write_text("")
    with pytest.raises(RefusedError):
        agent.do("empty", root=str(tmp_path), keep={"the project": "/srv/code"})


@pytest.mark.parametrize(
    "inside", ["", "releases", "objects", "current/static", f"releases/{A}/static"]
)
def test_empty_refuses_deploy_to_and_every_folder_in_it(agent, root, inside, nothing_is_removed):
    """STATIC_ROOT = deploy_to/current/static: the next build would empty the live release."""
    build_folder = root / "releases" / A / "static"
    build_folder.mkdir(parents=True)
    (root / "objects").mkdir()
    (build_folder / "a.js").write_text("live")
    (root / "current").symlink_to(f"releases/{A}")
    with pytest.raises(RefusedError):
        agent.do("empty", root=str(root / inside), keep={"deploy_to": str(root)})
    assert (build_folder / "a.js").exists()
