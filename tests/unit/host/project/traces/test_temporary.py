"""Folders of our own among the machine's temporary files."""

import tempfile
from pathlib import Path

import pytest

from fab_static.host.project.traces import temporary


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "_begins", ["fab-static-"])
    return tmp_path


def test_only_those_of_the_ended_process_are_removed(place):
    before = temporary.folder()
    begins = temporary.begin_with_another()
    Path(temporary.folder(), "infile").touch()
    temporary.folder()
    assert len(list(place.iterdir())) == 3
    temporary.remove_all(begins)
    assert [str(path) for path in place.iterdir()] == [before]


def test_two_processes_never_begin_names_alike(place):
    assert temporary.begin_with_another() != temporary.begin_with_another()
