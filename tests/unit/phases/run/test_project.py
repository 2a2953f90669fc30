"""The Django project on a host: with what its Python is started, and how it says no."""

from __future__ import annotations

import json

import pytest

from fab_static.errors import BuildError, RemoteError
from fab_static.host.project.probe import MARKER
from fab_static.phases.run.project import ProjectOnHost
from fab_static.phases.run.project_code import PROBE, RECORDER
from fab_static.plan.wire.questions import Nothing, Question
from fab_static.remote import Ran
from tests.unit.phases.run.started import SECRET, Started
from tests.unit.site import Site

# questions that any object answers
SETTINGS = Question("settings", Nothing, Nothing, is_remembered=True)
SOURCES = Question("sources", Nothing, Nothing)


def test_a_secret_goes_by_the_environment_and_never_on_a_command_line(started: Started) -> None:
    """`ps` shows everybody's command lines (G8)."""
    project = started.project(records=True)
    project.run("manage.py compress --force", print, name="compress")
    started.ends = Ran(0, MARKER + '{"ok": true}')
    project.ask(SETTINGS)
    project.set_up()
    assert started.params["environment"]["DATABASE_PASSWORD"] == SECRET
    assert SECRET not in str(started.commands) + str(started.params["record"])


def test_the_checkout_may_be_another_and_may_be_named_for_its_host(started: Started) -> None:
    project = ProjectOnHost.on(started.host, {}, "/srv/{host}/20261122")
    project.run("manage.py check", print)
    assert started.params["folder"] == "/srv/web1/20261122"


def test_a_management_command_runs_in_the_projects_python_and_a_shell_line_in_a_shell(
    started: Started,
) -> None:
    project = started.project()
    project.run("manage.py compress --extension 'html txt'", print)
    project.run("npm run build && ls", print)
    python = project.python
    assert started.commands == [
        [python, "manage.py", "compress", "--extension", "html txt"],
        ["/bin/sh", "-c", "npm run build && ls"],
    ]


def test_what_a_command_reads_is_recorded_where_the_lock_is_held(
    started: Started,
) -> None:
    """Who only looks leaves nothing on a host."""
    started.project().run("manage.py compress", print, name="compress")
    assert (started.params["main"], started.params["record"]) == (None, None)
    recording = started.project(records=True)
    recording.run(
        "manage.py compress", print, name="compress", inside=["/srv/static"], builds=["a"]
    )
    assert started.params["main"] == RECORDER
    record = started.params["record"]
    assert (record["name"], record["manage"]) == ("compress", ["compress"])
    assert (record["inside"], record["builds"]) == (["/srv/static"], ["a"])
    assert record["trust"] == ["mysite.generated"]
    recording.run("make static", print, name="collectstatic")
    record = started.params["record"]
    assert (record["name"], "manage" in record) == ("collectstatic", False)  # its programs are seen


def test_a_record_is_not_that_of_another_python_command_or_list_of_trusted_modules(
    site: Site, started: Started
) -> None:
    known = started.project().what("manage.py compress")
    assert started.project().what("manage.py compress") == known
    assert started.project().what("manage.py compress --force") != known
    site.open("build: {trust: [mysite.generated, another]}")
    other = ProjectOnHost.on(site.hosts["web1"], {}, None)
    assert other.what("manage.py compress") != known
    site.open("build: {trust: [mysite.generated], by_content: [r.js]}")
    third = ProjectOnHost.on(site.hosts["web1"], {}, None)
    assert third.what("manage.py compress") not in (known, other.what("manage.py compress"))
    assert third.setting_up()["record"]["trust"] == ["mysite.generated", "by_content:r.js"]


# ---- questions


def test_what_the_project_prints_before_its_answer_is_not_the_answer(started: Started) -> None:
    started.ends = Ran(0, f'loading…\n{MARKER}{{"ok": true, "static_url": "/s/"}}\nbye\n')
    assert started.project().ask(SETTINGS)["static_url"] == "/s/"
    assert started.params["main"] == PROBE
    assert json.loads(started.params["environment"]["FAB_STATIC_PROBE"]) == {"ask": "settings"}


def test_a_project_that_cannot_answer_says_where_and_gets_the_cure_that_is_known(
    started: Started,
) -> None:
    error = {"what": "No module named 'shop'", "where": "settings shop.settings", "mend": "look"}
    started.ends = Ran(0, MARKER + json.dumps({"error": error}))
    with pytest.raises(BuildError) as caught:
        started.project().ask(SETTINGS)
    assert caught.value.what == error["what"]
    assert caught.value.where == "web1: settings shop.settings"
    assert caught.value.mend


@pytest.mark.parametrize("answer", ["[]", "nonsense", '{"ok": "yes"}', '{"error": "no"}'])
def test_an_answer_of_another_shape_is_no_answer(started: Started, answer: str) -> None:
    """A host is not obeyed: what it says is looked at first (G8)."""
    started.ends = Ran(0, MARKER + answer)
    with pytest.raises(RemoteError, match="the project's answer to settings"):
        started.project().ask(SETTINGS)


def test_no_answer_at_all_is_a_failure(started: Started) -> None:
    started.ends = Ran(0, "Segmentation fault")
    with pytest.raises(BuildError, match="the probe of the Django project failed"):
        started.project().ask(SETTINGS)


def test_an_answer_is_recalled_only_by_who_may_and_only_to_questions_that_are_remembered(
    started: Started,
) -> None:
    started.host.before["recall"] = lambda: ({"token": "t"}, b'{"ok": true, "from": "record"}')
    started.ends = Ran(0, MARKER + '{"ok": true, "from": "project"}')
    may, may_not = started.project(recalls=True), started.project()
    assert may.ask(SETTINGS)["from"] == "record"
    assert may_not.ask(SETTINGS)["from"] == "project"
    assert may.ask(SOURCES)["from"] == "project"


def test_who_verifies_asks_anew_and_compares_with_what_would_be_recalled(started: Started) -> None:
    verifying = started.project(verifies=True)
    for known, is_kept in ((b'{"ok": true, "from": "record"}', True), (b"", False)):
        started.host.before["recall"] = lambda known=known: (
            {"token": "t" if known else None},
            known,
        )
        started.ends = Ran(0, MARKER + '{"ok": true, "from": "record"}')
        assert verifying.ask(SETTINGS)["from"] == "record"
        started.ends = Ran(0, MARKER + '{"ok": true, "from": "project", "more": 1}')
        if not is_kept:
            assert verifying.ask(SETTINGS)["from"] == "project"
            continue
        with pytest.raises(BuildError) as caught:
            verifying.ask(SETTINGS)
        assert caught.value.what == (
            "the project's answer to settings was to be used again, but it says another thing now: from, more"
        )


def test_who_finds_an_answer_old_has_the_new_one_from_the_same_request(started: Started) -> None:
    """To be told so, and to ask then, took two trips to a host far away."""
    ran = {"code": 0, "timed_out": False, "token": "t", "unseen": [], "written": []}
    said = f'loading…\n{MARKER}{{"ok": true, "from": "project"}}'.encode()
    started.host.before["recall"] = lambda: ({"why": "a.py has changed", "ran": ran}, said)
    assert started.project(recalls=True, records=True).ask(SETTINGS)["from"] == "project"
    assert started.commands == []


def test_who_only_looks_has_no_host_record_an_answer(started: Started) -> None:
    assert "anew" not in started.project(recalls=True).to_ask(SETTINGS)[1]
    anew = started.project(recalls=True, records=True).to_ask(SETTINGS)[1]["anew"]
    assert anew["main"] == RECORDER
    assert SECRET not in str(anew)


def test_a_project_that_cannot_answer_anew_says_where(started: Started) -> None:
    ran = {"code": 1, "timed_out": False}
    started.host.before["recall"] = lambda: ({"why": "…", "ran": ran}, b"Segmentation fault")
    with pytest.raises(BuildError, match="the probe of the Django project failed"):
        started.project(recalls=True, records=True).ask(SETTINGS)
    assert started.commands == []
