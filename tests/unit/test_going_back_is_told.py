"""A release that the probe found wrong and that was taken back is told as what it is, to everybody alike.

The process, hooks, the webhook, the summary and the report say the same of one run (DESIGN §4, G9).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fab_static import api
from fab_static.errors import ProbeError
from fab_static.phases import PHASES
from fab_static.phases.run.deployment import Deployment
from fab_static.telling import notify
from tests.unit.site import NEW, OLD, Said, Site


@pytest.fixture
def told(
    site: Site, said: Said, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[], Any]:
    """Have OLD live, and NEW wrong by the probe; return what the one hook and the webhook were told."""
    assert said()[0] == 0
    messages: list[Any] = []
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(notify, "post", lambda _, summary: messages.append(summary))

    def probe(deploy: Deployment) -> None:
        deploy.probed = {"asked": 3, "problems": [], "pages": {}}
        if deploy.current_release().id == NEW:
            raise ProbeError("logo.svg answered 404", where="edge1", mend="see its log")

    monkeypatch.setitem(PHASES, "probe", probe)
    hooks = ", ".join(
        f"{event}: ['cat > {tmp_path}/{event}.json']"
        for event in ("after_activate", "after_failure")
    )
    site.open(f"notify: {{webhook: 'http://127.0.0.1:9/x'}}\nhooks: {{{hooks}}}")

    def both() -> Any:
        (message,) = messages
        (hook,) = tmp_path.glob("after_*.json")
        known = json.loads(hook.read_text())
        assert known == json.loads(json.dumps(message))
        assert hook.name == f"{known['event']}.json"
        return known

    return both


def nth_time(number: int, what: Callable[[], Any]) -> Callable[[], Any]:
    times: list[None] = []

    def happens() -> Any:
        times.append(None)
        return what() if len(times) == number else None

    return happens


def interrupt() -> Any:
    raise KeyboardInterrupt


def test_a_deploy_that_went_back_is_told_as_failed(
    site: Site, said: Said, told: Callable[[], Any], tmp_path: Path
) -> None:
    code, text = said("activate", rollback_on_probe_failure=True)
    assert (code, set(site.live().values())) == (1, {OLD})
    assert text == (
        f"""\
error: logo.svg answered 404
so {OLD}, which was live before, is live again on every host
  where: edge1
  mend:  mend what the probe found, then deploy again; {NEW} is marked bad
  live: {OLD} on every host, as before
  undone: the flip of build1, edge1, edge2, web1, web2
  next: fab staging deploy
"""
    )
    known = told()
    assert (known["event"], known["outcome"], known["exit_code"]) == ("after_failure", "failed", 1)
    assert (known["release"], known["previous"]) == (NEW, OLD)
    assert known["error"].startswith("logo.svg answered 404\n")
    assert known["failed_after_flip"] == []
    assert known["ending"]["undone"] == "the flip of build1, edge1, edge2, web1, web2"
    assert notify.message(known).startswith(
        f":x: *shop staging*: activate failed; `{OLD}` was live before"
    )
    page = next((tmp_path / "state").rglob("*.html")).read_text()
    assert "failed after the flip, which was undone; what was live before is live" in page


@pytest.mark.parametrize("is_down", [False, True], ids=["", "the build host is down by then"])
def test_where_it_cannot_go_back_the_wrong_release_is_told_as_live(
    site: Site, said: Said, told: Callable[[], Any], is_down: bool
) -> None:
    build, web1 = site.hosts["build1"], site.hosts["web1"]

    def fail() -> None:
        if is_down:
            for verb in ("read_release", "verify", "beat", "unlock", "write_journal"):
                build.before[verb] = build.cut
        web1.cut()

    web1.after["verify"] = nth_time(2, fail)
    code, text = said("activate", rollback_on_probe_failure=True)
    assert (code, set(site.live().values())) == (4, {NEW})
    assert "error: logo.svg answered 404\n" in text
    assert "error: the connection was cut (the connection ended)\n" in text
    assert f"{NEW} is LIVE, but what stands above failed after it went live\n" in text
    assert text.endswith(f"  live: {NEW} on every host\n  next: fab staging rollback --to {OLD}\n")
    known = told()
    assert (known["event"], known["outcome"], known["exit_code"]) == ("after_activate", "live", 4)
    assert (known["release"], known["error"]) == (NEW, None)
    assert known["ending"]["undone"] == "nothing: the release stays live"


def test_a_bug_before_it_went_back_is_told_with_the_wrong_release_live(
    site: Site, said: Said, told: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = PHASES["verify"]
    second = nth_time(2, lambda: 1 / 0)

    def verify(deploy: Deployment) -> None:
        second()
        plain(deploy)

    monkeypatch.setitem(PHASES, "verify", verify)
    code, text = said("activate", rollback_on_probe_failure=True)
    assert (code, set(site.live().values())) == (4, {NEW})
    assert "ZeroDivisionError" in text
    known = told()
    assert (known["outcome"], known["exit_code"]) == ("live", 4)


def test_an_interruption_once_it_went_back_says_that_what_was_live_before_is_live(
    site: Site, said: Said, told: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PHASES, "invalidate", lambda _: second())
    second = nth_time(2, interrupt)
    code, text = said("activate", rollback_on_probe_failure=True)
    assert (code, set(site.live().values())) == (1, {OLD})
    assert text == (
        "interrupted; what was live before is live\n"
        f"  live: {OLD} on every host, as before\n"
        "  undone: the flip of build1, edge1, edge2, web1, web2\n"
        "  next: fab staging deploy\n"
    )
    known = told()
    assert (known["outcome"], known["exit_code"]) == ("failed", 1)


def test_what_fails_once_it_went_back_is_told_as_failed_too(
    site: Site, said: Said, told: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    second = nth_time(2, lambda: site.hosts["web1"].cut())
    monkeypatch.setitem(PHASES, "invalidate", lambda _: second())
    code, text = said("activate", rollback_on_probe_failure=True)
    assert (code, set(site.live().values())) == (1, {OLD})
    assert "; then this failed: the connection was cut" in text
    known = told()
    assert (known["outcome"], known["exit_code"]) == ("failed", 1)


def test_a_release_that_was_live_already_and_is_found_wrong_has_one_exit_code(
    said: Said, told: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`activate` of what is live flips nothing; the probe after it ends the task with 4."""
    codes: list[int] = []
    monkeypatch.setattr(notify, "post", lambda _, summary: codes.append(summary["exit_code"]))
    assert [said("activate")[0], said("activate")[0]] == codes == [4, 4]


def test_a_task_that_ends_before_its_run_begins_is_not_told_as_the_one_before_it(
    said: Said, told: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`fab staging activate report`: the first made a release live, the second fails by itself."""
    assert said("activate")[0] == 4
    monkeypatch.setattr(api.Session, "report", lambda *_: interrupt())
    assert said("report") == (1, "interrupted; what was live before is live\n")
