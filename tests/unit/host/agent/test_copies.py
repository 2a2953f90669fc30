"""Precompressed copies: of the right bytes, the same everywhere, beside their files."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode
# ruff: noqa: PTH121

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fab_static.host.agent.copies import ENCODERS, gzipped
from fab_static.host.agent.refusals import RefusedError
from tests.unit.host.agent.agents import (
    FILES,
    A,
    B,
    C,
    FakeAgent,
    are_whole,
    build,
    flip,
    overwrite,
    prune,
    record_of,
    sha1_of,
    sha256_of,
)
from tests.unit.host.examples import examples

TEXT = b"body { color: red }\n" * 200


NOISE = bytes(hashlib.sha256(bytes([n])).digest()[0] for n in range(256)) * 4


def encode(agent, *contents, endings=("gz",)):
    """Store contents and have them encoded; return content -> ending -> the copy's bytes, or None."""
    for data in contents:
        agent.do("put_object", data)
    wanted = {sha256_of(data): list(endings) for data in contents}
    answer = json.loads(agent.ask("encode", json.dumps(wanted).encode())[1])

    def bytes_of(copy):
        data = copy and agent.ask("read_object", object=copy[0])[1]
        assert copy is None or len(data) == copy[1]
        return data

    return {
        data: {end: bytes_of(copy) for end, copy in answer[sha256_of(data)].items()}
        for data in contents
    }


def test_a_copy_is_gzip_without_name_and_time(agent):
    """Two builds on two days make one release's bytes; RFC 1952 says where both would stand."""
    copy = encode(agent, TEXT)[TEXT]["gz"]
    assert copy[:4] == b"\x1f\x8b\x08\x00"  # gzip, deflate, no flag: no name
    assert copy[4:8] == b"\0\0\0\0"
    assert gzip.decompress(copy) == TEXT


@settings(max_examples=examples(25))
@given(st.lists(st.binary(max_size=60).map(lambda data: data * 50), unique=True, max_size=5))
def test_a_copy_decodes_to_its_object_helps_and_is_the_same_wherever_it_is_made(contents):
    with tempfile.TemporaryDirectory() as folder:
        here, there = FakeAgent(Path(folder, "a")), FakeAgent(Path(folder, "b"))
        made = encode(here, *contents)
        for data, copies in made.items():
            copy = copies["gz"]
            helps = len(gzipped(data)) <= 0.95 * len(data)
            assert (copy is not None) == helps
            assert copy is None or gzip.decompress(copy) == data
        for data in reversed(contents):  # one by one, in another order
            assert encode(there, data)[data] == made[data]


def test_copies_are_the_same_whatever_the_number_of_threads(agent, root, monkeypatch):
    contents = [b"%d " % number * 1000 for number in range(40)]
    made = {}
    for threads in (1, 7):
        monkeypatch.setattr(os, "cpu_count", lambda threads=threads: threads)
        made[threads] = encode(FakeAgent(root / str(threads)), *contents)
    assert made[1] == made[7]


def test_a_copy_that_saves_less_than_a_twentieth_is_not_kept(agent, root):
    enough, too_little = os.urandom(800) + b" " * 200, os.urandom(980) + b" " * 20
    made = encode(agent, enough, too_little)
    assert made[enough]["gz"] is not None
    assert made[too_little]["gz"] is None
    assert len([path for path in (root / "objects").rglob("*") if path.is_file()]) == 3


def test_a_damaged_object_is_never_encoded(agent):
    """Its copy would be whole, and verified on every host, and wrong."""
    agent.do("put_object", TEXT)
    path = agent.host.object(sha256_of(TEXT))
    overwrite(path, TEXT.replace(b"red", b"bad"))
    with pytest.raises(RefusedError) as caught:
        agent.ask("encode", json.dumps({sha256_of(TEXT): ["gz"]}).encode())
    assert caught.value.what == f"object {sha256_of(TEXT)} is damaged"
    assert caught.value.mend == "build again: deploy"


def test_what_a_release_has_is_taken_over_and_not_made_again(agent, monkeypatch):
    copy = gzip.compress(TEXT, 1)  # another zlib's, say
    build(agent, A, {"a.css": TEXT}, encodings={"a.css": {"gz": copy}})
    monkeypatch.setitem(ENCODERS, "gz", lambda data: pytest.fail("made again"))
    assert encode(agent, TEXT)[TEXT] == {"gz": copy}


def test_a_copy_that_was_lost_is_made_again_and_only_the_very_same_counts(agent):
    """A pool entry is one file for all releases: another zlib's copy would change it under the old ones."""
    own, other = gzipped(TEXT), gzip.compress(TEXT * 2, 1)
    files = {"a.css": TEXT, "b.css": TEXT * 2}
    build(agent, A, files, encodings={"a.css": {"gz": own}, "b.css": {"gz": other}})
    for data in (own, other):
        Path(agent.host.object(sha256_of(data))).unlink()
    made = encode(agent, TEXT, TEXT * 2)
    assert made == {TEXT: {"gz": own}, TEXT * 2: {"gz": None}}


@pytest.mark.parametrize(
    ("copy", "is_right"),
    [
        (gzip.compress(TEXT), True),
        (gzip.compress(TEXT[:40]) + gzip.compress(TEXT[40:]), True),
        (gzip.compress(TEXT + b"\n"), False),
        (gzip.compress(TEXT)[:-9], False),
        (TEXT, False),
        (b"", False),
    ],
    ids=["right", "in two members", "a byte more", "cut off", "not encoded", "empty"],
)
def test_a_project_s_own_copy_of_other_bytes_is_found(agent, copy, is_right):
    """Nearly everybody takes gzip, and nginx sends it in place of the file."""
    other = gzip.compress(TEXT, 5)
    for data in (copy, other, TEXT):
        agent.do("put_object", data)
    pairs = [("gz", sha256_of(one), sha256_of(TEXT)) for one in (other, copy, other)]
    head = agent.do("mismatched", json.dumps(pairs).encode())
    assert head == {"wrong": [] if is_right else [1]}


@pytest.fixture
def brotli(tmp_path, monkeypatch):
    """Put a program brotli on the PATH: Node's encoder, which every machine that tests us has."""
    program = tmp_path / "bin" / "brotli"
    program.parent.mkdir()
    code = "fs.writeSync(1, zlib.brotliCompressSync(fs.readFileSync(0)))"
    program.write_text(f"#!/bin/sh\nexec {shutil.which('node')} -e '{code}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def test_a_copy_in_brotli_decodes_to_its_object(agent, brotli):
    made = encode(agent, TEXT, NOISE[:50], endings=["gz", "br"])
    assert gzip.decompress(made[TEXT]["gz"]) == TEXT
    assert made[NOISE[:50]] == {"gz": None, "br": None}
    code = "fs.writeSync(1, zlib.brotliDecompressSync(fs.readFileSync(0)))"
    node = subprocess.run(["node", "-e", code], input=made[TEXT]["br"], capture_output=True)
    assert node.stdout == TEXT


def test_without_the_program_brotli_is_refused_with_its_cure(agent, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RefusedError) as caught:
        encode(agent, TEXT, endings=["gz", "br"])
    assert caught.value.what == "there is no program brotli here, and build.precompress has br"
    assert caught.value.mend == (
        "install it there (Debian: apt-get install brotli), or take br out of build.precompress"
    )
    assert caught.value.kind == "release"


CSS = "CACHE/css/output.3f9c1a7b2d4e.css"


def test_copies_stand_beside_their_files_wherever_nginx_finds_these(agent, root):
    files = {**FILES, "js/a.js": TEXT, CSS: TEXT}
    copies = {"js/a.js": {"gz": b"gz", "br": b"br"}, CSS: {"gz": b"gz"}}
    build(agent, A, files, encodings=copies)
    version = sha1_of(TEXT)
    held = {str(path.relative_to(root)) for path in root.rglob("*.??") if path.is_file()}
    base = f"releases/{A}/static/"
    assert {path for path in held if path.endswith((".gz", ".br"))} == {
        *(base + "js/a.js.gz", base + "js/a.js.br", base + CSS + ".gz"),
        *(f"pool/{version}/js/a.js.gz", f"pool/{version}/js/a.js.br", f"pool/named/{CSS}.gz"),
    }
    copy = root / "pool" / version / "js/a.js.gz"
    assert os.path.samefile(copy, agent.host.object(sha256_of(b"gz")))
    assert are_whole(agent, A)
    overwrite(copy, b"zg")
    assert not are_whole(agent, A)
    assert agent.do("summaries")["releases"][0]["files"] == len(files)


def test_no_copy_is_ever_that_of_other_bytes(agent, root):
    """A stale .gz beside a new file is what makes people turn gzip_static off."""
    old, new = TEXT, TEXT.replace(b"red", b"blue")
    for release, data in ((A, old), (B, new)):
        copies = {"js/a.js": {"gz": gzipped(data)}}
        build(agent, release, {**FILES, "js/a.js": data}, encodings=copies)
    build(agent, C, {**FILES, "js/a.js": old[:-1]})  # too small, or precompress: []
    flip(agent, A)
    flip(agent, C)
    for _ in range(2):
        copies = [path for path in root.rglob("*.gz") if path.is_file()]
        for path in copies:
            assert gzip.decompress(path.read_bytes()) == path.with_suffix("").read_bytes()
        assert copies
        prune(agent, B)
    assert len(copies) == 2  # of A: in its static root, and in the pool
    assert are_whole(agent, A, C)


def test_another_copy_of_the_same_bytes_is_no_broken_promise(agent, root):
    """A build host that was set up anew may have another zlib; nobody asks for a copy by its name."""
    files = {**FILES, "js/a.js": TEXT}
    build(agent, A, files, encodings={"js/a.js": {"gz": gzip.compress(TEXT, 1)}})
    build(agent, B, files, encodings={"js/a.js": {"gz": gzip.compress(TEXT, 9)}})
    assert are_whole(agent, B)


@pytest.mark.parametrize("ending", ["", "../../../evil", "zip", "gz/..", "gz\n"])
def test_a_copy_s_ending_leads_nowhere_else(agent, root, ending):
    with pytest.raises(RefusedError, match="is not a seal"):
        build(agent, A, encodings={"js/a.js": {ending: b"evil"}})
    assert agent.host.releases() == []


def test_prune_keeps_and_takes_copies_with_their_files(agent, root):
    kept, gone = TEXT, TEXT + TEXT
    for release, data in ((A, gone), (B, kept), (C, kept)):
        copies = {"js/a.js": {"gz": gzipped(data)}}
        build(agent, release, {"js/a.js": data}, encodings=copies, roles=["build"])
    flip(agent, B)
    flip(agent, C)
    prune(agent, A, roles=["build"])
    wanted = record_of(gzipped(kept)) + record_of(gzipped(gone))
    assert agent.ask("missing", wanted)[1] == record_of(gzipped(gone))


def test_the_project_s_own_copy_stands_in_the_static_root_and_ours_in_the_pool(agent, root):
    """Its bytes change with every build; a pool entry never changes (build A4)."""
    ours, its = gzipped(TEXT), gzip.compress(TEXT, 1)
    build(agent, A, {**FILES, CSS: TEXT, f"{CSS}.gz": its}, encodings={CSS: {"gz": ours}})
    assert (root / "releases" / A / "static" / f"{CSS}.gz").read_bytes() == its
    assert (root / "pool" / "named" / f"{CSS}.gz").read_bytes() == ours
    assert are_whole(agent, A)


def test_zstd_is_read_back_and_the_same_wherever_it_is_made(agent):
    """It keeps to a window of 8 MB, the most that every browser takes (RFC 9659)."""
    made = encode(agent, TEXT, NOISE[:50], endings=["zst"])
    assert made[NOISE[:50]] == {"zst": None}
    read = subprocess.run(
        ["zstd", "-dc", "--memory=8MB"], input=made[TEXT]["zst"], capture_output=True, check=True
    )
    assert read.stdout == TEXT


def test_what_is_in_zstd_stands_in_folders_of_its_own_under_its_files_name(agent):
    """So nginx sends it with the type of the file: stock nginx looks for no .zst beside one."""
    build(agent, A, FILES, encodings={"js/a.js": {"zst": b"zst"}})
    version = sha1_of(FILES["js/a.js"])
    for path in (f"releases/{A}/zst/js/a.js", f"pool/zst/{version}/js/a.js"):
        assert Path(agent.host.path(path)).read_bytes() == b"zst"
    assert are_whole(agent, A)
