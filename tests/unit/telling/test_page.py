"""What the report shows besides the summary: the end of the log, and images. None of it decides anything."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import RemoteError
from fab_static.plan.wire import verbs
from fab_static.telling import page
from tests.unit.site import NEW, OLD, Said, Site

BEFORE, NOW = (f"<svg xmlns='http://www.w3.org/2000/svg' id='{one}'/>".encode() for one in "ab")


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "fab_static" / "shop" / "staging"


def url(data: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(data).decode()}"


@pytest.fixture
def drawn(site: Site) -> tuple[str, str]:
    """Two releases, the second one live, whose logo differs."""
    first, second = site.hold("20261123T170102Z", BEFORE), site.hold("20261124T170102Z", NOW)
    site.make_live(first.id)
    site.make_live(second.id)
    return first.id, second.id


def test_images_of_both_releases_come_from_the_build_host(
    drawn: tuple[str, str], site: Site, said: Said, state: Path
) -> None:
    assert said() == (0, "")
    text = next(state.glob("*.html")).read_text()
    assert text.index(url(NOW)) < text.index(url(BEFORE))  # it went back
    assert {host for host, verb in site.asked if verb == verbs.READ_OBJECT.name} == {"build1"}


@pytest.mark.parametrize("error", [RemoteError("gone", where="build1", mend="-"), ValueError("x")])
def test_images_that_cannot_be_had_change_nothing(
    error: Exception, drawn: tuple[str, str], said: Said, state: Path, monkeypatch: Any
) -> None:
    def gone(*_: object) -> Any:
        raise error

    monkeypatch.setattr(page, "bytes_of", gone)
    assert said() == (0, "")
    text = next(state.glob("*.html")).read_text()
    assert "logo.svg" in text
    assert "Images that changed" not in text


def test_an_object_that_the_build_host_has_lost_leaves_the_other_one(
    drawn: tuple[str, str], site: Site, said: Said, state: Path
) -> None:
    for object_ in (site.folder / "build1" / "objects").rglob("*"):
        if object_.is_file() and object_.read_bytes() == NOW:
            object_.unlink()
    assert said() == (0, "")
    text = next(state.glob("*.html")).read_text()
    assert url(BEFORE) in text
    assert url(NOW) not in text


def test_a_run_that_failed_shows_the_end_of_its_log(
    site: Site, said: Said, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "LOG_LINES", 3)
    site.hosts["web1"].after["flip"] = site.hosts["web1"].cut
    assert said()[0] == 1
    text = next(state.glob("*.html")).read_text()
    assert 'aria-label="The last 3 lines of the log"' in text
    assert "putting 3 hosts back to what was live\n" in text
    assert "rolling back to" not in text


def test_of_a_log_without_end_only_the_end_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "LOG_BYTES", 10)
    (tmp_path / "a.log").write_bytes(b"x" * 1000 + b"\nab\n\xff\xfe\nlast\n")
    assert page._last_lines(tmp_path / "a.log") == ["\ufffd\ufffd", "last"]


def test_an_interruption_is_told_in_words(site: Site, said: Said, state: Path) -> None:
    def interrupted() -> Any:
        site.hosts["web1"].before.clear()
        raise KeyboardInterrupt

    site.hosts["web1"].before["run"] = interrupted
    assert said()[0] == 1
    text = next(state.glob("*.html")).read_text()
    assert "interrupted: Ctrl-C, or a signal that ends the program" in text
    assert "KeyboardInterrupt" not in text
    assert {OLD, NEW} & set(site.live().values()) == {NEW}


def test_the_timeline_begins_with_the_command_and_has_the_way_back(
    site: Site, said: Said, state: Path
) -> None:
    site.hosts["web1"].after["flip"] = site.hosts["web1"].cut
    assert said()[0] == 1
    known = json.loads(next(state.glob("*.json")).read_text())
    assert [one["phase"] for one in known["timeline"][:2]] == ["load", "connect"]
    assert known["began"] == known["timeline"][0]["started"]
    back = {one["host"] for one in known["timeline"] if one.get("goes_back")}
    assert back == {"edge1", "edge2", "web1"}
