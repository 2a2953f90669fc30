"""Links of the project become files while a build writes, and links again."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode

import os

import pytest

from fab_static.host.agent import disk
from tests.unit.host.agent.agents import MANIFEST, A, build, flip, full
from tests.unit.host.agent.rooms import replace


def test_lift_makes_files_of_links_and_lower_links_of_files(agent, root, tmp_path):
    """Else a build on a web host writes its new manifest through the link into the live release."""
    build(agent, A)
    own, other = tmp_path / "own.yml", tmp_path / "other.json"
    links = {
        str(own): str(root / "current/resource_versions.yml"),
        str(other): str(root / "current/static" / MANIFEST),
    }
    flip(agent, A, {str(own): links[str(own)]})
    other.write_text("a file of the project's own")
    assert agent.do("lift", links=links) == {"lifted": [str(own)]}
    own.write_text("the build writes")
    assert (root / "current/resource_versions.yml").read_bytes() == b"a.js: x\n"
    agent.do("lower", links=links, lifted=[str(own)])
    assert own.read_bytes() == b"a.js: x\n"
    assert other.read_text() == "a file of the project's own"


def test_lift_removes_a_link_that_leads_nowhere(agent, root, tmp_path):
    own = tmp_path / "own.yml"
    target = str(root / "current/resource_versions.yml")
    own.symlink_to(target)
    assert agent.do("lift", links={str(own): target}) == {"lifted": [str(own)]}
    assert not os.path.lexists(own)
    agent.do("lower", links={str(own): target}, lifted=[str(own)])
    assert os.readlink(own) == target


def test_links_are_all_turned_into_files_or_none(agent, root, tmp_path, monkeypatch):
    """A full disk at the second: the first stayed a plain file, and the next flip did not move it."""
    links = {}
    for name in ("a", "b"):
        (tmp_path / f"{name}.live").write_text(name)
        links[str(tmp_path / name)] = str(tmp_path / f"{name}.live")
        (tmp_path / name).symlink_to(tmp_path / f"{name}.live")
    real = disk.copy

    def copy(source, target, times=False):
        if source.endswith("/b"):
            full()
        real(source, target, times)

    replace(monkeypatch, "copy", copy)
    with pytest.raises(OSError, match="No space"):
        agent.do("lift", links=links)
    assert {path: os.readlink(path) for path in links} == links


def test_what_would_be_lifted_is_told_before(agent, tmp_path):
    """An operator whose connection is cut in the middle of it knows what to put back."""
    own = tmp_path / "own.yml"
    own.symlink_to(tmp_path / "live.yml")
    links = {str(own): str(tmp_path / "live.yml"), str(tmp_path / "none"): "elsewhere"}
    assert agent.do("to_lift", links=links) == {"lifted": [str(own)]}
    agent.do("lift", links=links)
    assert agent.do("to_lift", links=links) == {"lifted": []}
