"""A process that may write below one folder alone: the kernel refuses the rest, to what it starts as well."""

import ctypes
import json
import subprocess
import sys
import tempfile

import pytest

from fab_static.host.project import confining
from fab_static.host.project.traces import strace

PROGRAM = """
import json, os, pathlib, subprocess, sys, tempfile
from fab_static.host.project.confining import confine
from fab_static.host.project.traces import temporary
own, there = map(pathlib.Path, sys.argv[1:])
assert confine(str(own / "made"))

def refused(work):
    try:
        work()
    except OSError as error:
        return error.strerror
    return None

aside = temporary.folder()
print(json.dumps({
    "below": refused(lambda: (own / "made/new").write_text("new")),
    "temporary": refused(lambda: open(aside + "/new", "w").close()),
    "nothing": refused(lambda: open(os.devnull, "w").close()),
    "beside": refused(lambda: (own / "new").write_text("new")),
    "written": refused(lambda: there.write_text("new")),
    "added to": refused(lambda: there.open("a").close()),
    "truncated": refused(lambda: os.truncate(there, 0)),
    "removed": refused(there.unlink),
    "moved in": refused(lambda: there.rename(own / "made/moved")),
    "linked in": refused(lambda: os.link(there, own / "made/linked")),
    "moved out": refused(lambda: (own / "made/new").rename(own / "moved")),
    "a child": subprocess.run(["sh", "-c", 'echo > "$0"', there], stderr=subprocess.DEVNULL).returncode,
    "read": there.read_text(),
}))
"""


def test_only_what_is_below_a_folder_is_written(tmp_path):
    there = tmp_path / "there"
    there.write_text("there")
    words = [sys.executable, "-c", PROGRAM, str(tmp_path), str(there)]
    told = json.loads(subprocess.check_output(words, env={"TMPDIR": str(tmp_path)}))
    assert told.pop("read") == there.read_text() == "there"
    assert told.pop("a child") != 0
    passed = {what for what, why in told.items() if why is None}
    assert passed == {"below", "temporary", "nothing"}


@pytest.mark.parametrize("version", [1, 2])
def test_a_kernel_that_leaves_a_way_to_write_is_not_enough(version, monkeypatch, tmp_path):
    """Before Linux 6.2 anybody may cut a file."""
    monkeypatch.setattr(confining, "_ask", lambda *_: version)
    refuses(tmp_path)


def test_where_the_kernel_has_no_such_call_nothing_changes(monkeypatch, tmp_path):
    def without(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(confining, "_ask", without)
    refuses(tmp_path)


def refuses(tmp_path):
    before = tempfile.gettempdir()
    assert not confining.confine(str(tmp_path / "made"))
    assert not strace.is_confined()
    assert tempfile.gettempdir() == before
    assert list(tmp_path.iterdir()) == []


def test_a_call_that_fails_says_why():
    with pytest.raises(OSError, match="Bad file descriptor"):
        confining._ask(ctypes.CDLL(None, use_errno=True), confining._RESTRICT, -1, 0)
