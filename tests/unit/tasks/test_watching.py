"""`--web`: a page of the run, which decides nothing (G9); tests/browser/test_watch.py looks at it."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

import pytest

from fab_static.report import serving
from fab_static.report.watching import Watching
from fab_static.tasks.watching import watched
from tests.unit.site import OLD, Said, Site, Told

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]{32}/")


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def got(address: str) -> str:
    with urllib.request.urlopen(address, timeout=120) as answer:
        return str(answer.read().decode())


def test_the_address_is_said_before_anything_runs_and_is_gone_with_the_command(
    site: Site, said: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, str] = {}

    def watch() -> None:
        line = capsys.readouterr().out.splitlines()[0]
        (address,) = ADDRESS.findall(line)
        assert line.endswith(f"watch it on this machine: {address}")
        seen[address] = got(address)

    site.hosts["edge1"].after["verify"] = watch
    assert said(web=True) == (0, "")
    ((address, page),) = seen.items()
    assert "shop · staging · rollback" in page
    with pytest.raises(OSError, match="refused"):
        got(address)
    assert set(site.live().values()) == {OLD}


def test_a_quiet_run_says_the_address_too_and_has_its_show_back_in_the_end(site: Site) -> None:
    site.session.show = Told()  # type: ignore[assignment]
    told = site.session.show
    with watched(site.session, "deploy", web=True, quiet=True):
        assert site.session.show is not told
    assert site.session.show is told
    assert site.session.on_report is None
    (line,) = told.warned  # type: ignore[attr-defined]
    assert ADDRESS.search(line)


def test_where_no_port_can_be_had_the_run_goes_on(
    site: Site, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(24, "Too many open files")

    warned: list[str] = []
    monkeypatch.setattr(serving, "_Bounded", none)
    monkeypatch.setattr(
        "fab_static.report.terminal.Terminal.warn", lambda _, text: warned.append(text)
    )
    assert said(web=True) == (0, "")
    assert warned == ["--web: no page can be served here: Too many open files"]
    assert set(site.live().values()) == {OLD}


def test_a_page_that_fails_cannot_change_how_the_run_ends(
    site: Site, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    for name in ("follow", "line", "report"):
        monkeypatch.setattr(Watching, name, broken)
    assert said(web=True) == (0, "")
    assert set(site.live().values()) == {OLD}


def test_a_run_that_fails_before_it_begins_is_told_to_who_watches(
    site: Site, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    monkeypatch.setattr(Watching, "end", lambda _, words: ended.append(words))
    site.hosts["web1"].before["ping"] = site.hosts["web1"].cut
    assert said(web=True)[0] == 1
    assert ended[0].startswith("failed: the connection was cut")
