"""A name may be a file in one release and a folder in the next, while both are kept (build A10)."""

import gzip

import pytest

from fab_static.host.agent.refusals import RefusedError
from tests.unit.host.agent.agents import (
    FILES,
    A,
    B,
    C,
    are_whole,
    build,
    flip,
    prune,
    seal_of,
    sha1_of,
)

SAME = b"the same text in both\n" * 100
FILE, FOLDER = "lib/jquery.js", "lib/jquery.js/index.js"
NAMED = "CACHE/css/x.0123456789ab.css"


@pytest.mark.parametrize(
    ("before", "after"),
    [(FILE, FOLDER), (FOLDER, FILE), (NAMED, f"{NAMED}/y.css"), (f"{NAMED}/y.css", NAMED)],
)
def test_both_releases_stand_beside_each_other_and_either_may_go(agent, root, before, after):
    build(
        agent, A, {**FILES, before: SAME}, encodings={before: {"gz": gzip.compress(SAME, mtime=0)}}
    )
    flip(agent, A)
    build(agent, B, {**FILES, after: SAME}, encodings={after: {"gz": gzip.compress(SAME, mtime=0)}})
    build(agent, B, {**FILES, after: SAME}, encodings={after: {"gz": gzip.compress(SAME, mtime=0)}})
    assert are_whole(agent, A, B)
    pool = "named" if before.startswith("CACHE") else sha1_of(SAME)
    assert (root / "pool" / pool / before).read_bytes() == SAME
    assert (root / "pool" / f"{pool}~" / after).read_bytes() == SAME
    looked = agent.do("look_at", path=after, version=None if pool == "named" else pool)
    assert looked["named" if pool == "named" else "pool"]
    flip(agent, B)
    prune(agent)
    assert are_whole(agent, A, B)
    flip(agent, A)  # back
    assert are_whole(agent, A, B)
    build(agent, C)
    flip(agent, C)
    flip(agent, B)
    prune(agent, A)
    assert are_whole(agent, B)
    assert (root / "pool" / f"{pool}~" / after).read_bytes() == SAME
    assert not (root / "pool" / pool / before).is_file()
    build(agent, A, {**FILES, before: SAME})
    assert are_whole(agent, A, B)


def test_a_copy_whose_name_is_a_folder_elsewhere_stands_in_no_one_s_way(agent, root):
    copies = {NAMED: {"gz": gzip.compress(SAME, mtime=0)}}
    build(agent, A, {**FILES, NAMED: SAME}, encodings=copies)
    build(agent, B, {**FILES, f"{NAMED}.gz/z.css": SAME})
    assert are_whole(agent, A, B)


def test_a_damaged_object_is_mended_in_the_second_pool_too(agent, root):
    build(agent, A, {**FILES, FILE: SAME})
    build(agent, B, {**FILES, FOLDER: SAME})
    place = root / "pool" / f"{sha1_of(SAME)}~" / FOLDER
    place.chmod(0o644)
    place.write_bytes(b"x")
    agent.do("put_object", SAME)
    assert place.read_bytes() == SAME
    assert are_whole(agent, A, B)


def test_a_name_that_is_file_and_folder_three_times_over_is_refused_in_words(agent, root):
    deepest = f"{FOLDER}/deep.js"
    build(agent, A, {**FILES, FILE: SAME})
    build(agent, B, {**FILES, FOLDER: SAME})
    with pytest.raises(RefusedError) as caught:
        build(agent, C, {**FILES, deepest: SAME})
    path = f"pool/{sha1_of(SAME)}/{deepest}"
    assert caught.value.what == (
        f"{path} is both a file and a folder in releases that are kept, more than once over"
    )
    assert caught.value.mend == "rename the file or the folder; or prune those releases first"
    assert are_whole(agent, A, B)


def test_an_ordinary_file_never_hides_behind_a_content_named_one(agent, root):
    """Nginx looks into pool/named first: that file's bytes would be answered in its place."""
    build(agent, A, {**FILES, NAMED: SAME})
    build(agent, B, {**FILES, "js/other.js": SAME})
    seal = seal_of(
        C, {**FILES, NAMED: b"other"}, versioned=[], named=[], manifest=None, versions=b"a.js: x\n"
    )
    agent.do("put_object", b"other")
    with pytest.raises(RefusedError) as caught:
        agent.do("build_release", seal, roles=["build", "static", "web"])
    assert caught.value.what == (
        f"{NAMED} has other bytes than in a release that is kept, which named it by its content"
    )
    assert C not in agent.do("state")["releases"]
