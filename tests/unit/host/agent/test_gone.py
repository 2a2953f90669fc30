"""Names that a kept release has and the live one has not: pages that are still open ask for them (G1)."""

import gzip

import pytest

from fab_static.host.agent import gone
from fab_static.host.agent.refusals import RefusedError
from tests.unit.host.agent.agents import (
    ALL,
    FILES,
    MANIFEST,
    A,
    B,
    C,
    D,
    build,
    flip,
    flip_back,
    prune,
    sha256_of,
)

CHUNK = "dist/lazy.3f9c1a7b.js"
OTHER = "dist/lazy.9a8b7c6d.js"


def answered(root, path):
    """Return the bytes that nginx finds for an unversioned name, and in which folder; None for none."""
    for folder in ("pool/named", "pool/named~", "current/static", "pool/gone", "pool/gone~"):
        if (root / folder / path).is_file():
            return (root / folder / path).read_bytes(), folder
    return None


def live(agent, release, **files):
    """Build and flip to a release of CHUNK, OTHER or neither, with these bytes."""
    names = {"chunk": CHUNK, "other": OTHER}
    build(agent, release, {**FILES, **{names[name]: data for name, data in files.items()}})
    flip(agent, release)


def test_a_chunk_of_the_release_before_is_still_answered(agent, root):
    live(agent, A, chunk=b"one")
    assert not (root / "pool/gone").exists()
    live(agent, B, other=b"two")
    assert answered(root, CHUNK) == (b"one", "pool/gone")
    assert answered(root, OTHER) == (b"two", "current/static")
    link = (root / "pool/gone" / CHUNK).stat()
    assert link.st_ino == (root / "releases" / A / "static" / CHUNK).stat().st_ino


def test_it_is_answered_as_long_as_a_release_that_had_it_is_kept(agent, root):
    live(agent, A, chunk=b"one")
    for release in (B, C, D):
        live(agent, release)
        prune(agent)
        assert answered(root, CHUNK) == (b"one", "pool/gone")
    prune(agent, A)
    assert answered(root, CHUNK) is None
    assert not (root / "pool/gone").exists()


def test_a_rollback_keeps_the_names_of_what_it_leaves(agent, root):
    live(agent, A, chunk=b"one")
    live(agent, B, other=b"two")
    flip(agent, A)
    assert answered(root, OTHER) == (b"two", "pool/gone")
    assert answered(root, CHUNK) == (b"one", "current/static")


def test_a_flip_undone_keeps_them_too(agent, root):
    """Pages of the release that was live for a moment may be open."""
    live(agent, A, chunk=b"one")
    build(agent, B, {**FILES, OTHER: b"two"})
    flip(agent, B, provisional=True)
    flip_back(agent, A, None)
    assert answered(root, OTHER) == (b"two", "pool/gone")
    assert answered(root, CHUNK) == (b"one", "current/static")


def test_a_host_that_has_not_flipped_yet_answers_for_those_that_have(agent, root):
    live(agent, A, chunk=b"one")
    build(agent, B, {**FILES, OTHER: b"two"})
    assert answered(root, OTHER) == (b"two", "pool/gone")


def test_until_then_a_name_of_an_earlier_release_keeps_its_bytes(agent, root):
    live(agent, A, chunk=b"one")
    live(agent, B)
    build(agent, C, {**FILES, CHUNK: b"three"})
    assert answered(root, CHUNK) == (b"one", "pool/gone")
    flip(agent, C, provisional=True)
    assert answered(root, CHUNK) == (b"three", "current/static")
    flip_back(agent, B, A)
    assert answered(root, CHUNK) == (b"three", "pool/gone"), "pages of C are open"


def test_a_name_has_the_bytes_that_it_had_when_it_was_last_live(agent, root):
    live(agent, A, chunk=b"one")
    live(agent, B, chunk=b"two")
    live(agent, C)
    assert answered(root, CHUNK) == (b"two", "pool/gone")
    prune(agent)
    assert answered(root, CHUNK) == (b"two", "pool/gone")
    flip(agent, A)
    flip(agent, C)
    prune(agent)
    assert answered(root, CHUNK) == (b"one", "pool/gone")
    live(agent, D)
    prune(agent, A)
    assert answered(root, CHUNK) == (b"two", "pool/gone")


def test_a_name_that_comes_back_has_the_live_release_s_bytes(agent, root):
    live(agent, A, chunk=b"one")
    live(agent, B)
    live(agent, C, chunk=b"three")
    assert answered(root, CHUNK) == (b"three", "current/static")
    prune(agent)
    assert not (root / "pool/gone").exists()


def test_precompressed_copies_stay_beside_their_files(agent, root):
    copy = gzip.compress(b"one", mtime=0)
    build(agent, A, {**FILES, CHUNK: b"one"}, encodings={CHUNK: {"gz": copy}})
    flip(agent, A)
    live(agent, B)
    assert (root / f"pool/gone/{CHUNK}.gz").read_bytes() == copy


def test_what_is_named_by_its_content_stands_in_its_own_pool_alone(agent, root):
    build(agent, A, {**FILES, "CACHE/css/x.0123456789ab.css": b"x"})
    flip(agent, A)
    live(agent, B)
    prune(agent)
    assert answered(root, "CACHE/css/x.0123456789ab.css") == (b"x", "pool/named")
    assert not (root / "pool/gone").exists()


def test_a_name_that_is_a_folder_now_is_still_answered(agent, root):
    build(agent, A, {**FILES, "lib": b"a file"})
    flip(agent, A)
    build(agent, B, {**FILES, "lib/x.txt": b"in a folder"})
    flip(agent, B)
    assert answered(root, "lib")[0] == b"a file"
    live(agent, C)
    prune(agent)
    both = {answered(root, "lib"), answered(root, "lib/x.txt")}
    assert both == {(b"a file", "pool/gone~"), (b"in a folder", "pool/gone")}


def test_a_name_may_be_a_file_and_a_folder_by_turns(agent, root):
    build(agent, A, {**FILES, "lib": b"a file"})
    build(agent, B, {**FILES, "lib/x.txt": b"in a folder"})
    build(agent, C, {**FILES, "lib": b"another file"})
    for release in (A, B, C, B, A, B, C, A):
        flip(agent, release)
        prune(agent)
    assert answered(root, "lib") == (b"a file", "current/static")
    assert answered(root, "lib/x.txt")[0] == b"in a folder"


def test_hosts_that_serve_no_files_keep_none(agent, root):
    build(agent, A, {**FILES, CHUNK: b"one"}, roles=["web"])
    flip(agent, A)
    build(agent, B, roles=["web"])
    flip(agent, B)
    agent.do("prune", releases=[], roles=["web"])
    assert not (root / f"pool/gone/{CHUNK}").exists()


def test_prune_makes_what_an_earlier_version_or_a_full_disk_left_out(agent, root, monkeypatch):
    monkeypatch.setattr("fab_static.host.agent.flip.keep_names", lambda *_, **__: None)
    live(agent, A, chunk=b"one")
    live(agent, B)
    assert answered(root, CHUNK) is None
    prune(agent)
    assert answered(root, CHUNK) == (b"one", "pool/gone")


def test_a_full_disk_does_not_stop_the_way_back(agent, root, monkeypatch):
    live(agent, A)
    build(agent, B, {**FILES, CHUNK: b"one"})
    flip(agent, B, provisional=True)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gone.Folders, "make", full)
    flip_back(agent, A, None)
    assert agent.host.live() == A


def test_a_full_disk_stops_a_flip_before_anything_moves(agent, root, monkeypatch):
    live(agent, A, chunk=b"one")
    build(agent, B)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gone, "link_or_copy", full)
    with pytest.raises(OSError, match="No space"):
        flip(agent, B)
    assert agent.host.live() == A


def test_a_release_that_is_damaged_can_be_left(agent, root):
    live(agent, A, chunk=b"one")
    build(agent, B)
    seal = root / "releases" / A / "release.json"
    seal.chmod(0o644)
    seal.write_bytes(b"{")
    flip(agent, B)
    assert agent.host.live() == B


def test_a_lost_object_is_no_reason_to_stay(agent, root):
    live(agent, A, chunk=b"one")
    build(agent, B)
    digest = sha256_of(b"one")
    (root / "objects" / digest[:2] / digest).unlink()
    flip(agent, B)
    assert agent.host.live() == B


def test_a_link_in_the_way_is_never_followed(agent, root, tmp_path):
    live(agent, A, chunk=b"one")
    build(agent, B)
    (root / "pool").mkdir(exist_ok=True)
    (root / "pool/gone").symlink_to(tmp_path)
    with pytest.raises(RefusedError, match="link"):
        flip(agent, B)
    assert agent.host.live() == A
    assert not (tmp_path / "dist").exists()


def test_status_counts_a_name_that_is_lost_or_was_written_to(agent, root):
    live(agent, A, chunk=b"one")
    live(agent, B)
    whole = agent.do("verify", release=B, roles=ALL, gone=True)
    assert (whole["missing"], whole["changed"]) == (0, 0)
    (root / "pool/gone" / CHUNK).unlink()
    lost = agent.do("verify", release=B, roles=ALL, gone=True)
    assert (lost["missing"], lost["examples"]) == (1, [f"pool/gone/{CHUNK}"])
    (root / "pool/gone" / CHUNK).write_bytes(b"else")
    assert agent.do("verify", release=B, roles=ALL, gone=True)["changed"] == 1
    assert agent.do("verify", release=B, roles=ALL)["changed"] == 0, "no reason not to deploy"
    prune(agent)
    mended = agent.do("verify", release=B, roles=ALL, gone=True)
    assert (mended["missing"], mended["changed"]) == (0, 0)


def test_what_stands_behind_a_name_is_told(agent, root):
    live(agent, A, chunk=b"one")
    live(agent, B)
    found = agent.do("look_at", path=CHUNK, version=None)
    assert (found["current"], found["gone"]) == (None, sha256_of(b"one"))
    assert agent.do("look_at", path=MANIFEST, version=None)["gone"] is None
