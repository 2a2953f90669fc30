"""Deltas: read back by zstd itself, small, kept once, within their time, and laid out by record."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from fab_static.host.agent.deltas import MAGIC
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.seals import place_of_delta
from tests.unit.host.agent.agents import (
    A,
    B,
    are_whole,
    build,
    flip,
    overwrite,
    prune,
    sha1_of,
    sha256_of,
)

OLD = b"".join(hashlib.sha256(bytes([n])).hexdigest().encode() + b"\n" for n in range(200))
NEW = OLD[:6000] + b"one line more\n" + OLD[6000:]
PAIR = (sha256_of(NEW), sha256_of(OLD), 5000, None)


def deltas(agent, *pairs, seconds=60):
    """Store both contents and have deltas made; return what was answered: the head, and the JSON."""
    for data in (OLD, NEW):
        agent.do("put_object", data)
    head, body = agent.ask("deltas", json.dumps(pairs).encode(), seconds=seconds, releases=3)
    return head, json.loads(body)


def delta_of(agent, *pairs):
    found = deltas(agent, *pairs)[1][sha256_of(NEW)][sha256_of(OLD)]
    return found and agent.ask("read_object", object=found[0])[1]


def test_a_delta_is_a_zstd_frame_behind_the_name_of_what_is_held(agent, tmp_path):
    """RFC 9842, 5: the 40 bytes are a skippable frame, which zstd itself passes over."""
    delta = delta_of(agent, PAIR)
    assert delta[:40] == MAGIC + hashlib.sha256(OLD).digest()
    assert len(delta) < 150
    (tmp_path / "old").write_bytes(OLD)
    back = subprocess.run(
        ["zstd", "-dc", "-D", tmp_path / "old"], input=delta, capture_output=True, check=True
    )
    assert back.stdout == NEW


def test_a_file_has_a_delta_to_itself_for_who_asks_anew(agent):
    """Zstd refuses one file that is both: input and dictionary."""
    own = (PAIR[0], PAIR[0], 5000, None)
    found = deltas(agent, own)[1][sha256_of(NEW)][sha256_of(NEW)]
    assert found[1] < 80


def test_the_same_delta_is_made_again(agent, tmp_path):
    one = delta_of(agent, PAIR)
    Path(agent.host.object(sha256_of(one))).unlink()
    assert delta_of(agent, PAIR) == one


def test_one_that_a_release_has_is_taken_over_and_never_replaced(agent):
    """Another zstd would make other bytes, and other hosts' pools hold these."""
    agent.do("put_object", b"of another zstd")
    known = [sha256_of(b"of another zstd"), 15]
    assert delta_of(agent, (*PAIR[:3], known)) == b"of another zstd"
    Path(agent.host.object(known[0])).unlink()
    assert delta_of(agent, (*PAIR[:3], known)) is None


def test_one_that_saves_too_little_is_not_kept(agent):
    assert delta_of(agent, (*PAIR[:2], 60, None)) is None


def test_when_the_time_is_over_the_rest_is_left_out(agent):
    assert deltas(agent, PAIR, PAIR, seconds=0) == ({"left_out": 2}, {})


@pytest.mark.parametrize("which", [OLD, NEW])
def test_damaged_or_absent_bytes_make_no_delta(agent, which):
    deltas(agent)
    path = agent.host.object(sha256_of(which))
    overwrite(path, which + b"more")
    assert deltas_again(agent) == ({"left_out": 1}, {})
    Path(path).unlink()
    assert deltas_again(agent) == ({"left_out": 1}, {})


def deltas_again(agent):
    head, body = agent.ask("deltas", json.dumps([PAIR]).encode(), seconds=60, releases=3)
    return head, json.loads(body)


def test_a_host_without_zstd_says_what_to_install(agent, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RefusedError) as caught:
        deltas(agent, PAIR)
    assert caught.value.what == "there is no program zstd here, and build.deltas is 3"
    assert caught.value.mend == (
        "install it there (Debian: apt-get install zstd), or take deltas out of build"
    )


@pytest.mark.parametrize("digest", [hashlib.sha256(b"%d" % n).hexdigest() for n in range(40)])
def test_the_folder_of_what_is_held_is_one_name(digest):
    """Base64 has a / among its letters."""
    name = place_of_delta(digest)
    assert "/" not in name
    assert base64.b64decode(name.replace("_", "/") + "=").hex() == digest


def with_deltas(agent, release, content, held=OLD):
    """Build a release of a script, a versioned and a content-named one, each with a delta to what is held."""
    files = {"js/a.js": content, "CACHE/css/b.000000000001.css": content, "plain.js": content}
    delta = b"the delta of " + content
    seal = json.loads(build(agent, release, files, deltas={path: {held: delta} for path in files}))
    return {path: f"{place_of_delta(sha256_of(held))}" for path in seal["files"]}, delta


def test_deltas_stand_by_record_and_go_with_their_release(agent):
    """For plain names in the release, so that they flip with it; for names that never change bytes in the pool."""
    places, delta = with_deltas(agent, A, NEW)
    held = places["js/a.js"]
    stand = [
        f"releases/{A}/dcz/{held}/plain.js",
        f"releases/{A}/dcz/{held}/js/a.js",
        f"pool/dcz/{held}/{sha1_of(NEW)}/js/a.js",
        f"pool/dcz/{held}/named/CACHE/css/b.000000000001.css",
    ]
    for path in stand:
        assert Path(agent.host.path(path)).read_bytes() == delta, path
    assert agent.do("verify", release=A, roles=["static"])["missing"] == 0
    Path(agent.host.path(stand[0])).unlink()
    assert agent.do("verify", release=A, roles=["static"])["examples"] == [stand[0]]
    build(agent, B, {"js/a.js": OLD})
    flip(agent, B)
    prune(agent, A)
    assert not any(Path(agent.host.path(path)).exists() for path in stand)
    assert not Path(agent.host.object(sha256_of(delta))).exists()
    assert are_whole(agent, B)


def test_another_delta_of_the_same_bytes_takes_the_place_of_the_first(agent):
    """Two build hosts with two versions of zstd: a delta promises nothing but what it makes."""
    with_deltas(agent, A, NEW)
    files = {"js/a.js": NEW}
    build(agent, B, files, deltas={"js/a.js": {OLD: b"of another zstd"}})
    held = place_of_delta(sha256_of(OLD))
    there = Path(agent.host.path(f"pool/dcz/{held}/{sha1_of(NEW)}/js/a.js"))
    assert there.read_bytes() == b"of another zstd"
