"""A host takes a release in by its seal, of which it is sent what it does not have."""

import json

import pytest

from fab_static.host.agent.differing import difference
from fab_static.host.agent.refusals import RefusedError
from tests.unit.host.agent.agents import ALL, FILES, everything_below, lacked, seal_of, sha256_of
from tests.unit.host.agent.stores import Shelf

OLD, NEW = "20261122T170102Z-40b46b94", "20261123T170102Z-40b46b94"
VERSIONS = b"js/a.js: x\n"


def seal(name):
    return seal_of(name, FILES, versioned=["js/a.js"], versions=VERSIONS)


@pytest.fixture
def holding(agent):
    """An agent whose host has the release OLD."""
    for data in (*FILES.values(), VERSIONS):
        agent.do("put_object", data)
    agent.do("build_release", seal(OLD), roles=ALL)
    return agent


def take(agent, name, body, base, **more):
    words = {"release": name, "sha256": sha256_of(seal(name)), "base": base, "roles": ALL}
    return agent.ask("take_seal", body, **words, **{"builds": True, **more})


def test_a_seal_comes_as_its_difference_and_the_release_is_laid_out(holding, root):
    head, absent = take(holding, NEW, difference(seal(OLD), seal(NEW)), OLD)
    assert (head, absent) == ({"taken": True, "built": True, "mended": False}, b"")
    assert (root / "releases" / NEW / "release.json").read_bytes() == seal(NEW)


def test_a_seal_that_was_changed_since_it_came_is_not_what_was_sealed(holding, root):
    assert take(holding, NEW, seal(NEW), None)[0]["built"]
    words = {"release": NEW, "roles": ALL, "seal": sha256_of(seal(NEW))}
    assert holding.do("verify", **words)["missing"] == 0
    path = root / "releases" / NEW / "release.json"
    path.write_bytes(seal(NEW).replace(b"anna@desk", b"eve@cafe."))
    with pytest.raises(RefusedError, match="is not what was sealed"):
        holding.do("verify", **words)
    path.write_bytes(seal(OLD))
    with pytest.raises(RefusedError, match="is not what was sealed"):
        holding.do("read_release", release=NEW)
    path.write_bytes(seal(NEW))
    assert holding.do("verify", **words)["missing"] == 0


def test_a_seal_in_the_folder_of_another_release_is_not_its_own(holding, root):
    assert take(holding, NEW, seal(NEW), None)[0]["built"]
    (root / "releases" / OLD / "release.json").write_bytes(seal(NEW))
    with pytest.raises(RefusedError, match=f"{OLD} is not what was sealed"):
        holding.do("read_release", release=OLD)


def test_of_a_release_that_is_there_nothing_need_come(holding):
    assert take(holding, OLD, b"", OLD)[0]["built"]


def test_what_is_lacking_is_named_and_nothing_is_laid_out(holding, root):
    lost = FILES["js/a.js"]
    path = root / "objects" / sha256_of(lost)[:2] / sha256_of(lost)
    path.unlink()
    head, absent = take(holding, NEW, seal(NEW), None)
    assert (head["taken"], head["built"]) == (True, False)
    assert lacked(seal(NEW), ALL, absent) == [sha256_of(lost)]
    assert not (root / "releases" / NEW).exists()


def test_who_only_asks_what_is_lacking_lays_nothing_out(holding, root):
    assert take(holding, NEW, seal(NEW), None, builds=False)[0]["built"] is False
    assert not (root / "releases" / NEW).exists()


@pytest.mark.parametrize(
    ("body", "base"),
    [
        (difference(seal(NEW), seal(NEW)), OLD),  # of another base than it says
        (b"no difference", OLD),
        (b"", NEW),  # which is not there
        (b"{}", None),
    ],
)
def test_where_the_right_bytes_cannot_be_made_all_of_it_is_asked_for(holding, root, body, base):
    head, _ = take(holding, NEW, body, base)
    assert head == {"taken": False, "built": False, "mended": False}
    assert not (root / "releases" / NEW).exists()


def test_what_is_no_seal_is_refused(holding):
    words = {"release": NEW, "sha256": sha256_of(b"{}"), "base": None, "roles": ALL}
    with pytest.raises(RefusedError, match=f"what came is not a seal of {NEW}"):
        holding.do("take_seal", b"{}", **words, builds=True)


@pytest.mark.parametrize("size", [10**18, 2**64, -1, True, "1"])
def test_a_seal_that_claims_a_size_that_no_file_has_is_refused_and_nothing_is_written(
    agent, root, size
):
    claims = json.loads(seal(NEW))
    claims["files"]["js/a.js"]["size"] = size
    text = json.dumps(claims).encode()
    words = {"release": NEW, "sha256": sha256_of(text), "base": None, "roles": ALL}
    with pytest.raises(RefusedError, match="what came is not a seal of"):
        agent.ask("take_seal", text, builds=True, **words)
    assert everything_below(root) == []


def test_a_web_host_needs_a_manifest_and_no_copy_of_it(agent):
    """Else it would wait for a copy that nobody sends it, and never lay the release out."""
    agent.do("put_object", VERSIONS)
    manifest = "CACHE/manifest.json"
    copies = {manifest: {"gz": b"a copy"}}
    files = {manifest: b"a manifest"}
    text = seal_of(NEW, files, versions=VERSIONS, manifest=manifest, encodings=copies)
    words = {"release": NEW, "sha256": sha256_of(text), "base": None, "roles": ["web"]}
    head, absent = agent.ask("take_seal", text, builds=True, **words)
    assert not head["built"]
    assert lacked(text, ["web"], absent) == [sha256_of(b"a manifest")]
    agent.do("put_object", b"a manifest")
    assert agent.ask("take_seal", text, builds=True, **words)[0]["built"]


def test_a_seal_comes_once(holding):
    """It is a hundred bytes a file: where objects must be sent, the host is asked twice."""
    take(holding, NEW, seal(NEW), None, builds=False)
    head, absent = take(holding, NEW, b"", NEW)
    assert (head, absent) == ({"taken": True, "built": True, "mended": False}, b"")


def test_a_seal_may_lie_in_the_store(holding, root):
    with Shelf(difference(seal(OLD), seal(NEW))) as shelf:
        head, absent = take(holding, NEW, b"", OLD, lent=shelf.lent)
    assert (head, absent) == ({"taken": True, "built": True, "mended": False}, b"")
    assert (root / "releases" / NEW / "release.json").read_bytes() == seal(NEW)


def test_where_the_store_does_not_give_it_the_host_says_why_and_it_is_sent(holding):
    with Shelf(seal(NEW), status=403) as shelf:
        head, _ = take(holding, NEW, b"", None, lent=shelf.lent)
    assert head == {
        "taken": False,
        "built": False,
        "mended": False,
        "why": "the store answered 403",
    }
    assert take(holding, NEW, seal(NEW), None)[0]["built"]
