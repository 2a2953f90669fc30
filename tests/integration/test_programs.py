"""A command that is run to be used again: what it printed, and what it read, by whatever program it starts."""

import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

from fab_static.host.project.reads import programs
from fab_static.host.project.reads.compared import first_change


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "site.less").write_text('@import "part";')
    (tmp_path / "part.less").write_text("b {}")
    while time.time_ns() - (tmp_path / "part.less").stat().st_ctime_ns < 100_000_000:
        pass  # a file of this very tick may be changed again, unseen
    return tmp_path


def test_a_shell_line_answers_as_without_us_and_says_what_it_read(folder):
    ran = programs.run(
        "cat site.less -; cd /; echo oops >&2; exit 3", given=b"!", folder=str(folder)
    )
    assert (ran.code, ran.output, ran.errors) == (3, b'@import "part";!', b"oops\n")
    assert (ran.unseen, first_change(ran.inputs)) == ([], None)
    (folder / "site.less").write_text("a {}")
    assert first_change(ran.inputs) == f"{folder}/site.less has changed"


def test_a_file_that_was_looked_for_and_is_there_now_is_a_change(folder):
    ran = programs.run(["cat", "nope.less"], folder=str(folder))
    assert (ran.code, first_change(ran.inputs)) == (1, None)
    (folder / "nope.less").write_text("")
    assert first_change(ran.inputs) == f"{folder}/nope.less is there now"


def test_a_folder_that_was_listed_counts_with_its_names(folder):
    ran = programs.run(["ls"], folder=str(folder))
    assert first_change(ran.inputs) is None
    (folder / "other.less").write_text("")
    assert first_change(ran.inputs) == f"{folder} has changed"


def test_what_it_made_itself_is_no_input_but_has_to_stay(folder):
    ran = programs.run("sed s/b/c/ part.less > made.css; cat made.css", folder=str(folder))
    assert (ran.output, ran.unseen) == (b"c {}", [])
    assert ran.written == [str(folder / "made.css")]
    (folder / "made.css").unlink()
    assert first_change(ran.inputs) == f"{folder}/made.css is gone"


THREADS = """
import os, subprocess, threading
def work():
    os.chdir("/")
    subprocess.run(["/bin/cat", "etc/hostname"])
os.chdir("/tmp")
thread = threading.Thread(target=work)
thread.start()
thread.join()
number = os.posix_spawn("/bin/cat", ["cat", "etc/hosts"], os.environ)
os.waitpid(number, 0)
"""


def test_threads_vfork_and_posix_spawn_are_followed(folder):
    ran = programs.run([sys.executable, "-S", "-c", THREADS], folder=str(folder))
    read = {path for aspect, path, _, _ in ran.inputs if aspect == "bytes"}
    assert (ran.code, ran.unseen) == (0, [])
    assert {"/etc/hostname", "/etc/hosts"} <= read


def test_a_process_that_is_left_running_ends_with_it_and_is_told(folder):
    ran = programs.run("setsid sleep 1000 >/dev/null 2>&1 & echo $!", folder=str(folder))
    assert ran.unseen == ["it left sleep running, which was ended"]
    assert not runs(int(ran.output))


def runs(number):
    stat = Path(f"/proc/{number}/stat")
    return stat.exists() and ") Z " not in stat.read_text()


def test_a_process_in_the_background_that_prints_is_waited_for(folder):
    ran = programs.run("(sleep 3; echo late) & echo early", folder=str(folder))
    assert (ran.output, ran.unseen) == (b"early\nlate\n", [])


def test_the_signal_that_ended_it_is_told(folder):
    ran = programs.run("kill -9 $$", folder=str(folder))
    assert (ran.code, ran.unseen) == (-9, [])


def test_a_name_that_is_no_text_is_seen(folder):
    name = os.fsdecode(b"caf\xe9 <x>\n")
    (folder / name).write_text("hello")
    ran = programs.run(["sh", "-c", "cat caf*"], folder=str(folder))
    assert (ran.output, first_change(ran.inputs)) == (b"hello", None)
    (folder / name).write_text("other")
    assert first_change(ran.inputs) == f"{folder}/{name} has changed"


def test_nothing_of_strace_stays(folder, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    programs.run("true", folder=str(folder))
    assert sorted(path.name for path in folder.iterdir()) == ["part.less", "site.less"]
