"""What is done as soon as the project imports a module, and not before."""

import sys

import pytest

from fab_static.host.project.imports import when_imported


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that can be imported once its folder is on sys.path; returns that folder."""
    (tmp_path / "awaited_by_us.py").write_text("value = 1\n")
    finders = list(sys.meta_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.meta_path[:] = finders
    sys.modules.pop("awaited_by_us", None)


def test_it_is_called_once_the_module_is_loaded(module):
    sys.path.insert(0, str(module))
    heard = []
    when_imported("awaited_by_us", lambda: heard.append(sys.modules["awaited_by_us"].value))
    import json  # noqa: F401  # another one

    assert heard == []
    import awaited_by_us  # noqa: F401

    assert heard == [1]


def test_of_a_module_that_is_there_it_is_called_at_once():
    heard = []
    when_imported("sys", lambda: heard.append("sys"))
    assert heard == ["sys"]


def test_who_looks_in_vain_may_look_again(module):
    """A manage.py may try to import Django, and then say where it is."""
    heard = []
    when_imported("awaited_by_us", lambda: heard.append("it"))
    with pytest.raises(ImportError):
        import awaited_by_us
    sys.path.insert(0, str(module))
    import awaited_by_us  # noqa: F401

    assert heard == ["it"]
