"""The folder of a run, and who keeps watch over it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fab_static.remote.openssh.master import Master
from fab_static.remote.openssh.room import Room, short_enough
from tests.processes import alive, becomes


@pytest.fixture(autouse=True)
def below_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fab_static.remote.openssh.room.short_enough", lambda _folder: tmp_path)


def test_nobody_else_may_look_into_it_and_it_goes_with_the_last_user() -> None:
    room = Room()
    room.enter("one")
    room.enter("another")
    folder = room.path().parent
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "socket").touch()
    assert not room.leave("one")
    assert not room.leave("one")
    assert room.leave("another")
    room.close()
    assert not folder.exists()


def test_it_can_be_entered_again() -> None:
    room = Room()
    for _ in range(2):
        room.enter("one")
        assert room.path().parent.is_dir()
        room.leave("one")
        room.close()


def test_it_goes_where_somebody_has_ended_the_watch() -> None:
    room = Room()
    room.enter("one")
    folder = room.path().parent
    assert room._watch is not None
    room._watch.kill()
    room._watch.wait()
    room.close()
    assert not folder.exists()


@pytest.mark.parametrize(("length", "is_kept"), [(67, True), (69, False)])
def test_a_folder_whose_sockets_had_too_long_names_is_not_taken(length: int, is_kept: bool) -> None:
    folder = "/".ljust(length, "x")
    assert short_enough(folder) == (folder if is_kept else "/tmp")


def test_what_still_runs_is_ended_with_it(tmp_path: Path) -> None:
    room = Room()
    room.enter("one")
    one, other = (Master(["sleep", "60"], tmp_path / "none") for _ in range(2))
    for master in (one, other):
        room.began(master)
    other.end()
    room.ended(other)
    room.leave("one")
    room.close()
    assert becomes(lambda: not one.is_alive)


KILLED = """
import os, signal, sys
from fab_static.remote.openssh import room as module
from fab_static.remote.openssh.master import Master
from pathlib import Path
module.short_enough = lambda _folder: sys.argv[1]
room = module.Room()
room.enter("one")
master = Master(["sh", "-c", 'trap "" TERM; sleep 61 & wait; wait'], Path("/none"))
room.began(master)
print(master.pid, room.path().parent, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kill_9_of_its_owner_leaves_neither_folder_nor_process(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True
    )
    pid, folder = ran.stdout.split()
    assert becomes(lambda: not Path(folder).exists() and not alive(int(pid)))
