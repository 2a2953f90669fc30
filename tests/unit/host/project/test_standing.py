"""What stood in the static root before a program started: what it read there it may have overwritten."""

import os
from pathlib import Path

import pytest

from fab_static.host.project.reads.states import state_of
from fab_static.host.project.starts.standing import KINDS, Standing


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    (root / "js").mkdir(parents=True)
    (root / "js/in.js").write_text("text")
    return root


def test_a_view_says_of_each_path_what_the_disk_says(root: Path) -> None:
    view = Standing([str(root)]).look()
    assert view
    for path in (root, root / "js", root / "js/in.js", root / "js/none.js", root / "js/in.js/x"):
        for aspect in set(KINDS) - {"times"}:
            assert view.state_of(aspect, str(path)) == state_of(aspect, str(path)), (aspect, path)


def test_a_view_is_of_its_time(root: Path) -> None:
    standing = Standing([str(root)])
    before = standing.look()
    (root / "js/in.js").write_text("other")
    (root / "new.js").write_text("")
    after = standing.look()
    assert before
    assert after
    assert after.changed_since(before) == {str(root / "js/in.js"), str(root / "new.js")}
    assert before.state_of("bytes", str(root / "js/in.js")) == (
        "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"  # of "text"
    )
    assert before.state_of("names", str(root)) != after.state_of("names", str(root))


def test_a_file_written_twice_within_a_tick_is_read_again(root: Path) -> None:
    """Its size and times may be the same: those of a file that has just been written stand for nothing."""
    standing = Standing([str(root)])
    before = standing.look()
    (root / "js/in.js").write_text("TEXT")
    after = standing.look()
    assert before
    assert after
    assert after.state_of("bytes", str(root / "js/in.js")) == state_of(
        "bytes", str(root / "js/in.js")
    )


def test_the_times_of_a_file_are_its_bytes(root: Path) -> None:
    """Each build copies the files anew."""
    standing = Standing([str(root)])
    view = standing.look()
    os.utime(root / "js/in.js", (1, 1))
    after = standing.look()
    assert view
    assert after
    path = str(root / "js/in.js")
    assert view.state_of("times", path) == after.state_of("times", path) == state_of("bytes", path)


def test_where_links_stand_nothing_is_known(root: Path) -> None:
    (root / "link.js").symlink_to("js/in.js")
    assert Standing([str(root)]).look() is None


def test_a_root_is_the_same_by_another_name(root: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(root)
    standing = Standing([str(tmp_path / "other")])
    view = standing.look()
    assert view
    for name in (root, tmp_path / "other"):
        assert str(name / "js") in standing
        assert view.state_of("kind", str(name / "js/in.js")) == "file"
    assert str(tmp_path / "another") not in standing


def test_a_root_that_is_not_there_yet_holds_nothing(tmp_path: Path) -> None:
    view = Standing([str(tmp_path / "none"), str(tmp_path / "file.yml")]).look()
    assert view
    assert view.state_of("kind", str(tmp_path / "none/in.js")) == "absent"
