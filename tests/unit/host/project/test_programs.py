"""What programs read, in the record of the run that started them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.host.project.reads.notes import Notes
from fab_static.host.project.reads.programs import take_in
from fab_static.host.project.traces.seen import ABSENT, Seen

LATER = 1e10  # seconds: all that the tests write was there when the run began


def test_a_folder_that_was_opened_as_a_file_has_no_bytes_that_change(tmp_path: Path) -> None:
    """Programs in Go open all alike; each phase that made a file in its checkout was never used again."""
    seen = Seen()
    seen.look("bytes", str(tmp_path))
    (tmp_path / "made").write_text("since the start")
    notes = Notes(0.0, ())
    take_in(notes, seen, 0)
    assert notes.unseen == []
    assert {aspect for aspect, path in notes.inputs if path == str(tmp_path)} == {"kind"}


def taken_in(seen: Seen) -> Notes:
    notes = Notes(LATER, ())
    take_in(notes, seen, int(LATER * 1e9))
    return notes


def installed_anew(folder: Path, marker: str) -> Seen:
    """Return what is seen of an installer that removes a package, and writes another in its place."""
    package, kept = folder / "node_modules/part", folder / "node_modules/kept"
    for path in (package, kept):
        path.mkdir(parents=True)
    seen = Seen()
    seen.list(str(folder / "node_modules"), [("part", "DT_DIR"), ("old", "DT_DIR")])
    for name in ("package.json", "old.js"):
        seen.look("bytes", str(package / name))
        seen.wrote(str(package / name))
    (package / "package.json").write_text("{}")
    (kept / "index.js").write_text("1")
    seen.look("bytes", str(kept / "index.js"))
    seen.wrote(str(folder / marker))
    (folder / marker).write_text("{}")
    return seen


@pytest.mark.parametrize(
    "marker", [".package-lock.json", ".yarn-integrity", ".yarn-state.yml", ".modules.yaml"]
)
def test_what_an_installer_found_in_its_folder_is_no_input(tmp_path: Path, marker: str) -> None:
    """Each deploy ran `npm ci` again: it had read what the last one wrote, and wrote it anew."""
    (tmp_path / "node_modules").mkdir()
    notes = taken_in(installed_anew(tmp_path, f"node_modules/{marker}"))
    assert notes.unseen == []
    assert set(notes.inputs) == {("bytes", str(tmp_path / "node_modules/kept/index.js"))}
    assert notes.written == {str(tmp_path / "node_modules" / marker): False}


def test_without_an_installer_what_is_read_and_written_is_told(tmp_path: Path) -> None:
    notes = taken_in(installed_anew(tmp_path, "package-lock.json"))
    package = tmp_path / "node_modules/part"
    assert notes.unseen == [
        f"it read {package / name} and wrote it" for name in ("package.json", "old.js")
    ]


def test_who_else_has_temporary_files_is_no_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A style element that postcss compiled was compiled by each deploy: it lists /tmp on its way."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen = Seen()
    for folder in (tmp_path, tmp_path / "own"):
        seen.list(str(folder), [("another", "DT_REG")])
    assert set(taken_in(seen).inputs) == {("names", str(tmp_path / "own"))}


def test_a_file_that_was_looked_for_in_a_folder_made_later_has_not_changed(tmp_path: Path) -> None:
    seen = Seen()
    seen.look("bytes", str(tmp_path / "made/file"), ABSENT)
    seen.made_folder(str(tmp_path / "made"))
    (tmp_path / "made").mkdir()
    (tmp_path / "made/file").write_text("")
    assert taken_in(seen).inputs == {}
