"""A host makes a file out of its gzip copy."""

import gzip

import pytest

from tests.unit.host.agent.agents import everything_below, lacked, seal_of, sha256_of

NEW = "20261123T170102Z-40b46b94"
VERSIONS = b"js/a.js: x\n"
TEXT = b"body { color: red }\n" * 400
COPY = gzip.compress(TEXT, mtime=0)
SHEET = "css/a.css"


def sealed_with_copy(copy=COPY):
    return seal_of(NEW, {SHEET: TEXT}, versions=VERSIONS, encodings={SHEET: {"gz": copy}})


def asked(agent, text, body, base=None, *, builds=True, roles=("static",)):
    words = {"release": NEW, "sha256": sha256_of(text), "base": base, "roles": [*roles]}
    return agent.ask("take_seal", body, builds=builds, **words)


def test_a_file_is_made_of_its_gzip_copy(agent, root):
    """So the bytes of a text travel once."""
    for data in (COPY, VERSIONS):
        agent.do("put_object", data)
    text = sealed_with_copy()
    head, absent = asked(agent, text, text)
    assert (head["built"], absent) == (True, b"")
    assert (root / "releases" / NEW / "static" / SHEET).read_bytes() == TEXT
    assert agent.do("verify", release=NEW, roles=["static"], bytes=True)["changed"] == 0


def test_who_only_asks_what_is_lacking_has_nothing_made(agent, root):
    for data in (COPY, VERSIONS):
        agent.do("put_object", data)
    text = sealed_with_copy()
    _, absent = asked(agent, text, text, builds=False)
    assert lacked(text, ["static"], absent) == [sha256_of(TEXT)]
    assert not (root / "objects" / sha256_of(TEXT)[:2] / sha256_of(TEXT)).exists()


@pytest.mark.parametrize(
    "copy",
    [
        gzip.compress(TEXT + b"x", mtime=0),
        gzip.compress(b"", mtime=0),
        COPY[:-20],
        COPY[:10] + b"\xff" * 20,
        b"no gzip",
        gzip.compress(bytes(1 << 24), mtime=0),  # many times what it should hold
    ],
    ids=["more", "nothing", "cut off", "broken", "none", "bomb"],
)
def test_a_copy_that_holds_something_else_makes_no_object(agent, root, copy):
    """The file itself is named, so that it is sent."""
    for data in (copy, VERSIONS):
        agent.do("put_object", data)
    text = sealed_with_copy(copy)
    head, absent = asked(agent, text, text)
    assert not head["built"]
    assert lacked(text, ["static"], absent) == [sha256_of(TEXT)]
    assert not (root / "releases" / NEW).exists()
    assert [name for name in everything_below(root / "objects") if "." in name] == []
    agent.do("put_object", TEXT)
    assert asked(agent, text, text)[0]["built"]


def test_where_neither_a_file_nor_its_copy_is_here_both_are_named(agent):
    agent.do("put_object", VERSIONS)
    text = sealed_with_copy()
    head, absent = asked(agent, text, text)
    assert not head["built"]
    assert lacked(text, ["static"], absent) == sorted(map(sha256_of, (TEXT, COPY)))
