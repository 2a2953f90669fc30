"""What a host was sent to run is kept there, and counts only in a folder of its own user, byte for byte."""

import hashlib
import importlib.util
import marshal
import os
import sys
import zlib

import pytest

from fab_static.host.agent.programs import KEPT, kept_program


def packed(text):
    """Return an archive of one module, as the agent's own is packed."""
    # archive.packed() runs on the operator's machine alone, and this in each Python of hosts
    return zlib.compress(b"fab_static/host/one.py\0" + text.encode())


AGENT, PROJECT = packed("said = 'of the agent'"), b"x project"


def name(data):
    return hashlib.sha256(data).hexdigest()


def name_of_compiled(data):
    magic = importlib.util.MAGIC_NUMBER.hex()
    return f"{name(data)}.{sys.implementation.cache_tag}-{magic}"


@pytest.fixture
def keeping(agent):
    agent.archive, agent.project = AGENT, PROJECT
    agent.do("keep_programs")
    return agent


def test_programs_are_kept_by_their_sha256_for_this_user_alone(keeping, root):
    folder = root / "programs"
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    del kept[name_of_compiled(AGENT)]
    assert kept == {name(AGENT): AGENT, name(PROJECT): PROJECT}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert kept_program(keeping.host, name(AGENT)) == AGENT
    assert kept_program(keeping.host, name(b"another")) == b""


def test_other_bytes_under_a_name_do_not_count(keeping, root):
    (root / "programs" / name(AGENT)).write_bytes(b"x evil")
    assert kept_program(keeping.host, name(AGENT)) == b""
    keeping.do("keep_programs")
    assert kept_program(keeping.host, name(AGENT)) == AGENT


def said_by(kept):
    """Run the one module of what was compiled, behind its SHA-256; return what it says."""
    assert hashlib.sha256(kept[32:]).digest() == kept[:32]
    found = {}
    exec(marshal.loads(marshal.loads(kept[32:])["fab_static/host/one.py"]), found)
    return found["said"]


def test_what_this_python_compiled_of_the_agent_is_kept_beside_it(keeping, root):
    assert said_by((root / "programs" / name_of_compiled(AGENT)).read_bytes()) == "of the agent"


def test_what_was_compiled_is_made_again_where_it_is_not_whole(keeping, root):
    compiled = root / "programs" / name_of_compiled(AGENT)
    compiled.write_bytes(compiled.read_bytes()[:-1])
    keeping.do("keep_programs")
    assert said_by(compiled.read_bytes()) == "of the agent"


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o755])
def test_a_folder_that_others_may_enter_counts_for_nothing(keeping, root, mode):
    (root / "programs").chmod(mode)
    assert kept_program(keeping.host, name(AGENT)) == b""


def test_a_folder_of_somebody_elses_counts_for_nothing(keeping, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert kept_program(keeping.host, name(AGENT)) == b""


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/"), lambda path: path.touch()])
def test_what_stands_in_its_place_is_left_alone(agent, root, make):
    root.mkdir()
    make(root / "programs")
    agent.archive, agent.project = AGENT, PROJECT
    agent.do("keep_programs")
    assert kept_program(agent.host, name(AGENT)) == b""
    assert (root / "programs").is_symlink() or (root / "programs").is_file()


@pytest.mark.parametrize("put", [lambda path: os.mkfifo(path), lambda path: path.mkdir()])
def test_a_name_that_is_no_file_is_not_waited_for(keeping, root, put):
    (root / "programs" / name(AGENT)).unlink()
    put(root / "programs" / name(AGENT))
    assert kept_program(keeping.host, name(AGENT)) == b""


def test_the_oldest_go(agent, root):
    agent.project = b""
    for number in range(KEPT):
        agent.archive = packed(f"number = {number}")
        agent.do("keep_programs")
        for file in (root / "programs").glob(name(agent.archive) + "*"):
            os.utime(file, (number, number))
    kept = {path.name for path in (root / "programs").iterdir()}
    latest = [packed(f"number = {number}") for number in range(KEPT // 2, KEPT)]
    assert kept == {make(each) for each in latest for make in (name, name_of_compiled)}
