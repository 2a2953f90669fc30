"""Objects: named by their bytes, whole or not there, and sent from host to host."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode
# ruff: noqa: PTH110, PTH116

import os
import random
import tempfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fab_static.host.agent.digests import mtime_of
from fab_static.host.agent.objects import object_writer
from fab_static.host.agent.protocol import PIECE, RECORD
from fab_static.host.agent.refusals import RefusedError
from tests.unit.host.agent.agents import (
    ALL,
    A,
    FakeAgent,
    everything_below,
    overwrite,
    record_of,
    sha256_of,
)
from tests.unit.host.examples import examples


def test_an_object_is_named_by_its_bytes_read_only_and_timed_by_its_content(agent, root):
    head = agent.do("put_object", b"hello")
    sha256 = sha256_of(b"hello")
    assert head == {"object": sha256, "size": 5}
    path = root / "objects" / sha256[:2] / sha256
    assert path.read_bytes() == b"hello"
    assert path.stat().st_mode & 0o777 == 0o444
    assert path.stat().st_mtime == mtime_of(sha256)


@given(st.binary(min_size=32, max_size=32).map(bytes.hex))
def test_the_time_made_from_content_is_never_in_the_future(sha256):
    """A Last-Modified in the future is ignored by caches."""
    assert 946684800 <= mtime_of(sha256) < 1483555712


def test_storing_what_is_there_writes_nothing(agent, root):
    agent.do("put_object", b"hello")
    before = os.stat(agent.host.object(sha256_of(b"hello"))).st_ino
    agent.do("put_object", b"hello")
    assert os.stat(agent.host.object(sha256_of(b"hello"))).st_ino == before


def test_missing_names_exactly_what_is_not_here(agent):
    agent.do("put_object", b"here")
    agent.do("put_object", b"")
    wanted = record_of(b"here") + record_of(b"away") + record_of(b"")
    assert agent.ask("missing", wanted)[1] == record_of(b"away")


@pytest.mark.parametrize("damage", [b"h", b"hellO", b"hello, world", b""])
def test_a_damaged_object_counts_as_missing(agent, damage):
    agent.do("put_object", b"hello")
    overwrite(agent.host.object(sha256_of(b"hello")), damage)
    assert agent.ask("missing", record_of(b"hello"))[1] == record_of(b"hello")
    agent.do("put_object", b"hello")
    assert agent.ask("missing", record_of(b"hello"))[1] == b""
    assert Path(agent.host.object(sha256_of(b"hello"))).read_bytes() == b"hello"


def test_an_object_is_written_aside_and_a_failed_one_leaves_nothing(agent, root):
    sha256 = sha256_of(b"hello")

    def write_some():
        with object_writer(agent.host, sha256, 5) as writer:
            writer.write(b"hell")
            assert not os.path.exists(agent.host.object(sha256))

    with pytest.raises(RefusedError) as caught:
        write_some()
    assert caught.value.what == f"the bytes that arrived are not those of object {sha256}"
    assert caught.value.mend == (
        "run the task again; if it happens twice, a file changes while it is read"
    )
    assert everything_below(root) == ["objects", f"objects/{sha256[:2]}"]


def test_an_interrupted_write_leaves_nothing(agent, root):
    def write_some():
        with object_writer(agent.host, sha256_of(b"hello"), 5) as writer:
            writer.write(b"he")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_some()
    assert [path for path in root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a" * 63, "A" * 64, "a" * 65, None, 3, "a" * 64 + "\n"]
)
def test_only_a_sha256_names_an_object(agent, name):
    with pytest.raises(RefusedError, match="names no object"):
        agent.do("read_object", object=name)


@pytest.mark.parametrize("name", ["..", "current", A + "/", "../" + A, A + "\n", None, ["x"]])
@pytest.mark.parametrize("do", ["read_release", "verify"])
def test_only_an_id_names_a_release(agent, do, name):
    with pytest.raises(RefusedError, match="names no release"):
        agent.do(do, release=name, roles=ALL)


@settings(max_examples=examples(30))
@given(
    st.lists(st.binary(max_size=200), unique=True, max_size=6),
    st.integers(1, 300),
    st.booleans(),
)
def test_objects_travel_between_hosts_whatever_the_pieces(contents, piece, deflate):
    with tempfile.TemporaryDirectory() as folder:
        source, target = FakeAgent(Path(folder, "a")), FakeAgent(Path(folder, "b"))
        for data in contents:
            source.do("put_object", data)
        wanted = b"".join(record_of(data) for data in contents)
        source.do("fetch", wanted)
        stream = b"".join(
            zlib.decompress(body) if head["pack"] == "deflate" else body
            for head, body in source.sent
        )
        for at in range(0, len(stream), piece):
            data = stream[at : at + piece]
            target.frames.append(
                ({"pack": "deflate"}, zlib.compress(data)) if deflate else ({"pack": "plain"}, data)
            )
        target.frames.append(({"end": True}, b""))
        assert target.do("store") == {"stored": len(contents)}
        assert target.ask("missing", wanted)[1] == b""


def test_a_large_object_travels_in_pieces(agent, tmp_path):
    data = os.urandom(3 * PIECE + 17)
    agent.do("put_object", data)
    agent.do("fetch", record_of(data))
    assert [head["pack"] for head, _ in agent.sent] == ["plain"] * 4
    assert max(len(body) for _, body in agent.sent) <= PIECE + RECORD.size


def test_text_is_deflated_on_its_way(agent):
    data = b"body { color: red }\n" * 5000
    agent.do("put_object", data)
    agent.do("fetch", record_of(data))
    ((head, body),) = agent.sent
    assert head == {"pack": "deflate", "raw": RECORD.size + len(data)}
    assert len(body) < len(data) / 10


def test_text_is_deflated_beside_images_too(agent):
    """Objects come in the order of their hashes, so that kinds alternate."""
    contents = [
        kind(number)
        for number in range(40)
        for kind in (_image_bytes, lambda n: b"%d text\n" % n * 900)
    ]
    for data in contents:
        agent.do("put_object", data)
    agent.do("fetch", b"".join(map(record_of, contents)))
    sent = {head["pack"]: (head["raw"], len(body)) for head, body in agent.sent}
    assert sent["plain"][0] == 40 * (RECORD.size + 3000)
    assert sent["deflate"][1] < sent["deflate"][0] / 10


def noise(seed, size):
    """Return bytes that do not deflate; random.randbytes came with Python 3.9."""
    return random.Random(seed).getrandbits(8 * size + 1).to_bytes(size + 1, "little")[:size]


def _image_bytes(number):
    return noise(number, 3000)


def test_objects_of_several_frames_are_whole_whatever_comes_between(tmp_path):
    """A stream of two kinds that alternate must not cut one object with another's bytes."""
    source, target = FakeAgent(tmp_path / "a"), FakeAgent(tmp_path / "b")
    sizes = (10, PIECE - RECORD.size, PIECE, 2 * PIECE + 5, 3, PIECE - 1, 70_000)
    contents = [noise(size, size) for size in sizes]
    contents += [b"text %d\n" % size * (size // 7 + 1) for size in sizes]
    random.Random(1).shuffle(contents)
    for data in contents:
        source.do("put_object", data)
    wanted = b"".join(map(record_of, contents))
    source.do("fetch", wanted)
    target.frames.extend([*source.sent, ({"end": True}, b"")])
    assert target.do("store") == {"stored": len(contents)}
    assert target.ask("missing", wanted)[1] == b""


def test_a_stream_that_ends_inside_an_object_stores_nothing_of_it(agent, root):
    agent.frames.extend([({"pack": "plain"}, record_of(b"hello") + b"hel"), ({"end": True}, b"")])
    with pytest.raises(RefusedError, match="the stream ended inside an object"):
        agent.do("store")
    assert not [path for path in (root / "objects").rglob("*") if path.is_file()]


def test_wrong_bytes_in_a_stream_are_refused_and_the_good_ones_before_are_kept(agent):
    stream = record_of(b"good") + b"good" + record_of(b"right") + b"wrong"
    agent.frames.extend([({"pack": "plain"}, stream), ({"end": True}, b"")])
    with pytest.raises(RefusedError, match="the bytes that arrived are not those of object"):
        agent.do("store")
    assert agent.ask("missing", record_of(b"good") + record_of(b"right"))[1] == record_of(b"right")


def test_a_refused_stream_is_read_to_its_end():
    """Else the frames left are taken for requests, and the next task reads their errors as its answer."""
    with tempfile.TemporaryDirectory() as folder:
        agent = FakeAgent(folder)
        bad = ({"pack": "plain"}, record_of(b"right") + b"wrong")
        more = ({"pack": "plain"}, record_of(b"later") + b"later")
        agent.frames.extend([bad, more, more, ({"end": True}, b"")])
        with pytest.raises(RefusedError, match="the bytes that arrived"):
            agent.do("store")
        assert not agent.frames
