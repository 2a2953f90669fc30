"""What programs read, in the record of the run that started them."""

from __future__ import annotations

from pathlib import Path

from fab_static.host.project.reads.notes import Notes
from fab_static.host.project.reads.programs import take_in
from fab_static.host.project.traces.seen import Seen


def test_a_folder_that_was_opened_as_a_file_has_no_bytes_that_change(tmp_path: Path) -> None:
    """Programs in Go open all alike; each phase that made a file in its checkout was never used again."""
    seen = Seen()
    seen.look("bytes", str(tmp_path))
    (tmp_path / "made").write_text("since the start")
    notes = Notes(0.0, ())
    take_in(notes, seen, 0)
    assert notes.unseen == []
    assert {aspect for aspect, path in notes.inputs if path == str(tmp_path)} == {"kind"}
