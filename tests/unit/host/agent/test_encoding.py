"""Copies made while the phases of a build run: the seal takes them, and none that is not right."""

import gzip
import json
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from fab_static.host.agent import copies, encoding
from fab_static.host.agent.copies import ENCODERS, gzipped
from fab_static.host.agent.refusals import RefusedError
from tests.unit.host.agent.agents import overwrite, sha256_of

TEXT = b"body { color: red }\n" * 200
WANTED = json.dumps({sha256_of(TEXT): ["gz"]}).encode()
ONE = (sha256_of(TEXT), "gz")


def begin(agent):
    """Have the copy of TEXT made ahead; return when that has ended, well or not."""
    agent.ask("encode_ahead", WANTED)
    agent.host.begun[ONE].exception()


def encode(agent):
    """Return the copy that the seal is given: its SHA-256."""
    answer = json.loads(agent.ask("encode", WANTED)[1])
    return answer[sha256_of(TEXT)]["gz"][0]


def test_the_seal_takes_what_was_made_ahead(agent, monkeypatch):
    agent.do("put_object", TEXT)
    begin(agent)
    monkeypatch.setitem(ENCODERS, "gz", lambda data: pytest.fail("made again"))
    assert encode(agent) == sha256_of(gzipped(TEXT))


def test_what_is_asked_for_twice_is_made_once(agent, monkeypatch):
    agent.do("put_object", TEXT)
    begin(agent)
    monkeypatch.setitem(ENCODERS, "gz", lambda data: pytest.fail("made again"))
    begin(agent)


@pytest.mark.parametrize("how", ["lost", "damaged"])
def test_a_copy_that_is_not_there_any_more_is_made_again(agent, how):
    """A release that names it would be refused by every host."""
    agent.do("put_object", TEXT)
    begin(agent)
    path = Path(agent.host.object(sha256_of(gzipped(TEXT))))
    if how == "lost":
        path.unlink()
    else:
        overwrite(path, b"!" * len(gzipped(TEXT)))
    assert encode(agent) == sha256_of(gzipped(TEXT))
    assert path.read_bytes() == gzipped(TEXT)


def test_an_object_that_was_damaged_ahead_of_time_is_looked_at_again(agent):
    agent.do("put_object", TEXT)
    path = agent.host.object(sha256_of(TEXT))
    overwrite(path, TEXT.replace(b"red", b"bad"))
    begin(agent)
    with pytest.raises(RefusedError, match="is damaged"):
        encode(agent)
    agent.do("put_object", TEXT)
    assert encode(agent) == sha256_of(gzipped(TEXT))


def test_a_copy_that_nobody_has_begun_to_make_is_made_by_the_seal_itself(agent):
    agent.do("put_object", TEXT)
    waits = agent.host.begun[ONE] = Future()
    assert encode(agent) == sha256_of(gzipped(TEXT))
    assert waits.cancelled()


def test_a_copy_that_is_being_made_is_waited_for(agent, monkeypatch):
    agent.do("put_object", TEXT)
    begun, asked, made = threading.Event(), threading.Event(), []

    def slowly(data):
        made.append(data)
        begun.set()
        asked.wait(120)
        return gzipped(data)

    monkeypatch.setitem(ENCODERS, "gz", slowly)
    agent.ask("encode_ahead", WANTED)
    assert begun.wait(120)
    known = encoding.encodings_of
    # the seal asks what is known after it took over what was begun, or before: it waits either way
    monkeypatch.setattr(encoding, "encodings_of", lambda host: (asked.set(), known(host))[1])
    assert encode(agent) == sha256_of(gzipped(TEXT))
    assert made == [TEXT]


def test_brotli_is_left_to_the_seal_where_the_program_is_missing(agent, monkeypatch):
    """The seal says what to install; a thread could only fail."""
    monkeypatch.setenv("PATH", "/nowhere")
    agent.do("put_object", TEXT)
    agent.ask("encode_ahead", json.dumps({sha256_of(TEXT): ["br"]}).encode())
    assert not agent.host.begun


# ---- copies that another machine made


def told_of(agent, copy, ending="gz"):
    """Have the bytes of a copy here, and the agent told that it is one of TEXT."""
    agent.do("put_object", TEXT)
    if copy:
        agent.do("put_object", copy)
    body = json.dumps([[sha256_of(TEXT), ending, sha256_of(copy), len(copy)]]).encode()
    agent.ask("take_copies", body)


def test_a_copy_of_another_machine_is_taken_where_it_reads_back(agent, monkeypatch):
    """Another zlib makes other bytes."""
    copy = gzip.compress(TEXT, 1, mtime=0)
    assert copy != gzipped(TEXT)
    told_of(agent, copy)
    monkeypatch.setitem(ENCODERS, "gz", lambda data: pytest.fail("made again"))
    agent.ask("encode_ahead", WANTED)
    assert not agent.host.begun
    assert encode(agent) == sha256_of(copy)


def test_a_copy_of_another_machine_that_is_lost_again_is_made_here(agent):
    copy = gzip.compress(TEXT, 1, mtime=0)
    told_of(agent, copy)
    Path(agent.host.object(sha256_of(copy))).unlink()
    assert encode(agent) == sha256_of(gzipped(TEXT))


def test_so_it_is_where_a_program_reads_it(agent, monkeypatch):
    copy = gzip.compress(TEXT, 1, mtime=0)
    monkeypatch.setitem(copies.DECODERS, "br", ["gzip", "--decompress", "--stdout"])
    told_of(agent, copy, "br")
    assert agent.host.brought[sha256_of(TEXT), "br"] == (sha256_of(copy), len(copy))


WRONG = {
    "other bytes": gzip.compress(TEXT.replace(b"red", b"tan")),
    "fewer": gzip.compress(TEXT[:-1]),
    "a bomb": gzip.compress(TEXT + bytes(200_000_000), 9)[:250_000],
    "cut": gzip.compress(TEXT)[:-9],
    "more behind it": gzip.compress(TEXT) + b"<script>",
    "no copy": b"body",
    "hardly smaller": gzip.compress(TEXT, 0),
    "not here": b"",
}


@pytest.mark.parametrize("how", WRONG)
@pytest.mark.parametrize("ending", ["gz", "br"])
def test_a_copy_that_does_not_read_back_is_made_here(agent, how, ending, monkeypatch):
    monkeypatch.setitem(copies.DECODERS, "br", ["gzip", "--decompress", "--stdout"])
    told_of(agent, WRONG[how], ending)
    assert not agent.host.brought
    assert encode(agent) == sha256_of(gzipped(TEXT))


def test_a_copy_that_a_release_here_has_stays_the_only_one(agent, monkeypatch):
    """Pools of hosts hold it: a URL has one copy."""
    monkeypatch.setattr(encoding, "encodings_of", lambda host: {ONE: (sha256_of(b"x"), 1)})
    told_of(agent, gzip.compress(TEXT, 1, mtime=0))
    assert not agent.host.brought
