"""What one run has hashed is not read again by the next, while it is the same file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fab_static.host.project.reads.states import TICK_NS, state_of
from fab_static.host.project.results import Results
from fab_static.host.project.starts.hashed import Hashed
from fab_static.host.project.starts.standing import Standing, View
from tests.processes import becomes

IN, OTHER = "in.js", "other.js"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a static root, whose files have been written so long ago that a change has other times."""
    root = tmp_path / "static"
    root.mkdir()
    for name in (IN, OTHER):
        (root / name).write_text("text")
    settle(root)
    return root


def settle(root: Path) -> None:
    last = max(path.stat().st_ctime_ns for path in root.iterdir())
    assert becomes(lambda: time.time_ns() > last + 2 * TICK_NS)


def run(root: Path, trust: tuple[str, ...] = ()) -> tuple[View, int]:
    """Look, as a run does; return the view, and how many files were read for it."""
    standing = Standing([str(root)])
    hashed = Hashed(Results(str(root.parent / "cache"), "results 1", trust=trust), standing)
    hashed.take()
    found = standing.look()
    hashed.keep()
    assert found
    return found, standing.hashed


def test_a_file_is_read_by_the_first_run_alone(root: Path) -> None:
    assert [run(root)[1] for _ in range(3)] == [2, 0, 0]


def with_its_times(path: Path, work: Callable[[Path], object]) -> None:
    before = path.stat()
    work(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def moved_in(path: Path) -> None:
    aside = path.with_name("aside.js")
    aside.write_text("TEXT")
    aside.replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda path: path.write_text("more text"),
    "written with as many bytes and the times of before": lambda path: with_its_times(
        path, lambda path: path.write_text("TEXT")
    ),
    "another in its place, with its times": lambda path: with_its_times(path, moved_in),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_has_changed_is_read_again(root: Path, change: str) -> None:
    run(root)
    CHANGES[change](root / IN)
    for _ in range(2):  # at once, and when its times stand for its bytes
        found, count = run(root)
        assert count == 1
        assert found.state_of("bytes", str(root / IN)) == state_of("bytes", str(root / IN))
        assert found.state_of("bytes", str(root / OTHER)) == state_of("bytes", str(root / OTHER))
        settle(root)
    assert run(root)[1] == 0


def test_a_file_that_has_just_been_written_is_not_known_by_its_times(root: Path) -> None:
    """It may be written again within the same tick."""
    run(root)
    standing = Standing([str(root)])
    now = (root / IN).stat().st_ctime_ns
    standing.known = {}
    standing.look()
    hashed = Hashed(Results(str(root.parent / "cache"), "results 1"), standing)
    standing.known = {
        path: file._replace(is_settled=not path.endswith(IN))
        for path, file in standing.known.items()
    }
    hashed.keep()
    assert (root / IN).stat().st_ctime_ns == now
    assert run(root)[1] == 1


def test_what_cannot_be_read_is_not_known(root: Path) -> None:
    run(root)
    (kept,) = (path for path in (root.parent / "cache").rglob("*") if path.is_file())
    kept.write_bytes(kept.read_bytes().replace(b"in.js", b"no.js"))
    assert run(root)[1] == 2


def test_other_folders_have_their_own(root: Path, tmp_path: Path) -> None:
    run(root)
    other = tmp_path / "other"
    other.mkdir()
    (other / IN).write_text("another")
    assert run(other)[1] == 1
    assert run(root)[1] == 0
