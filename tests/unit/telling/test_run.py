"""Whatever happens to what the operator's machine keeps and tells, the run ends as it did (fleet A3, G9).

The fleet is that of tests/unit/site.py: everything that speaks is real.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fab_static import api
from fab_static.errors import InventoryError
from fab_static.plan.wire import asks, verbs
from fab_static.report.archive import Archive
from fab_static.tasks import chosen
from fab_static.telling import hooks, notify, run
from fab_static.telling.run import Telling
from tests.unit.site import INVENTORY, NEW, OLD, Said, Site


@pytest.fixture
def told(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], Any]:
    """Have hooks and a webhook told; return what they were."""
    summaries: list[Any] = []
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(notify, "post", lambda _, summary: summaries.append(summary))
    hook = f"cat > {tmp_path}/told.json"
    site.open(
        "notify: {webhook: 'http://127.0.0.1:9/x'}\n"
        f"hooks: {{after_activate: ['{hook}'], after_failure: ['{hook}']}}"
    )

    def both() -> Any:
        (by_webhook,) = summaries
        by_hook = json.loads((tmp_path / "told.json").read_text())
        assert by_hook == json.loads(json.dumps(by_webhook))
        return by_hook

    return both


def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "fab_static" / "shop" / "staging"


def in_the_place_of_a_folder(state: Path) -> None:
    state.parent.mkdir(parents=True)
    state.write_text("")


def removed_during_the_run(state: Path, site: Site) -> None:
    site.hosts["web1"].after["flip"] = lambda: shutil.rmtree(state)


def test_a_file_in_the_place_of_the_state_folder(
    said: Said, told: Callable[[], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_place_of_a_folder(state(tmp_path))
    assert said() == (0, "")
    known = told()
    assert (known["outcome"], known["release"], known["log"]) == ("live", OLD, None)


def test_a_state_folder_that_is_removed_during_the_run(
    site: Site, said: Said, told: Callable[[], Any], tmp_path: Path
) -> None:
    removed_during_the_run(state(tmp_path), site)
    assert said() == (0, "")
    assert (told()["outcome"], told()["report"]) == ("live", None)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB with half of it left."""
    folder = tmp_path / "state"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
    try:
        (folder / "filling").write_bytes(b"x" * 32 * 1024)
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
def test_a_state_folder_on_a_full_disk(said: Said, told: Callable[[], Any], full: Path) -> None:
    assert said() == (0, "")
    assert (told()["outcome"], told()["report"]) == ("live", None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
def test_a_state_folder_that_is_full_to_the_last_byte_during_a_failure(
    site: Site, said: Said, told: Callable[[], Any], full: Path
) -> None:
    def fill() -> None:
        with (full / "more").open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 1024):
                    pass
            except OSError:
                pass

    site.hosts["edge1"].after["verify"] = fill
    site.hosts["web1"].after["flip"] = site.hosts["web1"].cut
    code, text = said()
    assert code == 1
    assert text.startswith("error: the connection was cut")
    assert told()["outcome"] == "failed"
    assert told()["exit_code"] == 1


def test_a_machine_whose_user_has_neither_home_nor_name(
    said: Said, told: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container that runs as some number: `docker run -u 4711`."""

    def nobody(*args: object) -> None:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", nobody)
    assert said() == (0, "")
    assert told()["outcome"] == "live"
    code, text = said("report")
    assert (code, text.splitlines()[0]) == (
        1,
        "error: no report is kept here: neither HOME nor XDG_STATE_HOME is set",
    )


def test_an_operator_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert api.operator().startswith(f"{os.getuid()}@")


@pytest.mark.parametrize(
    ("place", "lost"),
    [
        ("html.lines", "report"),
        ("summary.difference_of", "difference"),
        ("Archive", "log"),
        ("exit_code", None),
    ],
)
def test_whatever_exception_of_whatever_part_leaves_the_exit_code_and_the_rest(
    place: str,
    lost: str | None,
    said: Said,
    told: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*args: object, **named: object) -> None:
        raise AssertionError("a bug\nof many lines")

    monkeypatch.setattr(
        f"fab_static.telling.{'' if '.difference_of' in place else 'run.'}{place}", broken
    )
    assert said() == (0, "")
    if lost:
        assert told()["outcome"] == "live"
        assert told()[lost] is None


def test_one_who_cannot_be_told_is_named_in_a_line_and_the_others_are_told(
    said: Said,
    told: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
    site: Site,
) -> None:
    said_in: list[str] = []
    monkeypatch.setattr(hooks, "run", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(notify, "post", lambda *_: "it answered 500")
    monkeypatch.setattr(Telling, "_anyway", watched(Telling._anyway, said_in), raising=True)
    assert said() == (0, "")
    assert "the hooks after_activate could not be run" in said_in


def watched(original: Any, said_in: list[str]) -> Any:
    def anyway(self: Any, what: str) -> Any:
        said_in.append(what)
        return original(self, what)

    return anyway


def test_ctrl_c_while_others_are_told_leaves_the_exit_code_and_the_rest(
    said: Said, told: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.html, "report", interrupted)
    assert said() == (0, "")
    assert told()["outcome"] == "live"


def test_ctrl_c_before_anything_is_done_stops_the_run(
    site: Site, said: Said, told: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Archive, "begin", interrupted)
    assert said()[0] == 1
    assert set(site.live().values()) == {NEW}
    assert told()["interrupted"]


def test_a_show_of_ones_own_that_fails_changes_nothing(site: Site) -> None:
    class Broken(api.Quiet):
        def say(self, text: str) -> None:
            raise RuntimeError("no")

        warn = say

    session = chosen.CHOSEN["session"]
    session.show = Broken()
    assert session.rollback().is_flipped
    assert set(site.live().values()) == {OLD}


# ---- what they are told is true


def test_an_interruption_after_the_flip_is_told_as_live(
    site: Site, said: Said, told: Callable[[], Any], tmp_path: Path
) -> None:
    flipped: list[bool] = []
    site.hosts["edge1"].after["confirm"] = lambda: flipped.append(True)
    plain = site.hosts["edge1"].ask

    def ask(verb: Any, *args: Any, **params: Any) -> Any:
        if verb is verbs.STATE and flipped:
            raise KeyboardInterrupt
        return plain(verb, *args, **params)

    site.hosts["edge1"].ask = ask  # type: ignore[method-assign]
    assert said()[0] == 4
    known = told()
    assert (known["event"], known["outcome"], known["release"]) == ("after_activate", "live", OLD)
    assert (known["exit_code"], known["interrupted"]) == (4, True)
    assert known["failed_after_flip"] == [
        {
            "what": "interrupted after the release went live",
            "where": "this machine",
            "mend": f"fab staging rollback --to {OLD}",
        }
    ]
    assert known["ending"]["live"] == f"{OLD} on every host"
    page = next(state(tmp_path).glob("*.html")).read_text()
    assert f"{OLD} is live, but the run was interrupted after the flip" in page


def test_an_interruption_during_the_flip_is_told_as_undone(
    site: Site, said: Said, told: Callable[[], Any], tmp_path: Path
) -> None:
    def interrupted() -> Any:
        site.hosts["web1"].before.clear()
        raise KeyboardInterrupt

    site.hosts["web1"].before["run"] = interrupted
    assert said()[0] == 1
    known = told()
    assert (known["event"], known["outcome"]) == ("after_failure", "failed")
    assert (known["exit_code"], known["interrupted"]) == (1, True)
    page = next(state(tmp_path).glob("*.html")).read_text()
    assert "interrupted during the flip, which was undone; what was live before is live" in page


def test_hosts_that_could_not_be_put_back_are_told_as_such(
    site: Site, said: Said, told: Callable[[], Any], tmp_path: Path
) -> None:
    web2 = site.hosts["web2"]

    def die() -> Any:
        for verb in ("flip", "flip_back", "unlock"):
            web2.before[verb] = web2.cut
        return web2.cut()

    web2.after["flip"] = die
    assert said()[0] == 5
    known = told()
    assert (known["outcome"], known["exit_code"]) == ("failed", 5)
    assert known["ending"] == {
        "live": f"{NEW} on build1, edge1, edge2, web1; not known on web2",
        "undone": "the flip of edge1, edge2, web1",
        "next": f"fab staging rollback --to {NEW}",
    }
    page = next(state(tmp_path).glob("*.html")).read_text()
    assert "failed; hosts may serve different releases now" in page


def test_a_bug_after_the_flip_keeps_its_traceback_and_exits_4(
    site: Site, said: Said, told: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    flipped: list[bool] = []
    site.hosts["edge1"].after["confirm"] = lambda: flipped.append(True)
    plain = site.hosts["edge1"].ask

    def ask(verb: Any, *args: Any, **params: Any) -> Any:
        if verb is verbs.STATE and flipped:
            raise ZeroDivisionError("a bug")
        return plain(verb, *args, **params)

    site.hosts["edge1"].ask = ask  # type: ignore[method-assign]
    code, text = said()
    assert code == 4
    assert text.startswith("Traceback (most recent call last):\n")
    bug = "ZeroDivisionError: a bug\non edge1; the first: edge1\n"
    assert f"{bug}  live: {OLD} on every host\n" in text
    assert told()["outcome"] == "live"


def test_the_archive_is_read_past_what_is_damaged(tmp_path: Path) -> None:
    archive = Archive("shop", "staging", {"XDG_STATE_HOME": str(tmp_path)})
    archive.folder.mkdir(parents=True)
    (archive.folder / "20261122T170102Z-deploy.json").write_text("[" * 100_000)
    assert list(archive.summaries()) == []


def test_a_home_that_cannot_be_found_is_told_where_an_inventory_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*args: object) -> None:
        raise RuntimeError("Could not determine home directory.")

    text = INVENTORY.format(folder="/srv", more="").replace(
        "/srv/known_hosts", "~/.ssh/known_hosts"
    )
    (tmp_path / "staging.yml").write_text(text)
    monkeypatch.setattr(Path, "expanduser", nobody)
    with pytest.raises(InventoryError) as caught:
        api.read_environment("staging", tmp_path)
    assert str(caught.value) == (
        "~ cannot be found: Could not determine home directory.\n"
        f"  where: {tmp_path}/staging.yml: ssh\n"
        "  mend:  set HOME, or write the whole paths of ssh.identity and ssh.known_hosts"
    )


def test_a_lock_that_cannot_be_released_for_whatever_reason_leaves_the_exit_code_true(
    site: Site, said: Said, told: Callable[[], Any]
) -> None:
    site.hosts["build1"].before["unlock"] = lambda: 1 / 0
    assert said() == (0, "")


@pytest.mark.parametrize("where", ["verify", "flip"])
def test_an_interruption_while_it_goes_back_from_what_the_probe_found_exits_4(
    site: Site, said: Said, where: str
) -> None:
    """The release that the probe found wrong is live still: "what was live before is live" would be untrue."""
    site.open("probe: {origin: 'http://127.0.0.1:9', timeout: 1}")
    assert said()[0] == 4
    assert set(site.live().values()) == {OLD}
    times: list[str] = []

    def second_time() -> None:
        times.append(where)
        if len(times) == 2:
            raise KeyboardInterrupt

    site.hosts["web1"].after[where] = second_time
    code, text = said("activate", rollback_on_probe_failure=True)
    assert len(times) == 2
    assert set(site.live().values()) == {NEW}
    assert code == 4
    assert text.startswith("interrupted after the release went live\n")
    assert f"  live: {NEW} on every host\n" in text


def test_the_lock_is_released_before_others_are_told(site: Site, said: Said) -> None:
    """A hook that hangs kept everybody else from deploying."""
    lock = site.folder / "build1" / "lock"
    look = f"test ! -e {lock} && echo > {site.folder}/released"
    site.open(f"hooks: {{after_activate: ['{look}'], before_deploy: ['test -e {lock}']}}")
    assert said() == (0, "")
    assert (site.folder / "released").exists()


def test_a_lock_that_somebody_else_holds_is_no_run_that_hooks_are_told_of(
    site: Site, said: Said
) -> None:
    site.open(f"hooks: {{after_failure: ['echo > {site.folder}/told']}}")
    site.hosts["build1"].sibling().ask(
        verbs.LOCK, asks.Lock(owner="ben@laptop", process=1, phase="compress")
    )
    assert said()[0] == 3
    assert not (site.folder / "told").exists()


@pytest.mark.parametrize(
    "known",
    [{}, {"a": {}}, {"a": [], "b": {"c": {"d": [1, "\ud800"]}, "e": None}}, {"\u2028": "\n"}],
    ids=str,
)
def test_a_summary_is_kept_as_json_with_a_line_for_each_part(known: dict[str, Any]) -> None:
    text = "".join(run._in_lines(known))
    assert json.loads(text) == known
    assert len(text.splitlines()) >= len(known)
