import json
import os
from datetime import UTC, datetime, timedelta

from fab_static.report.archive import KEPT, Archive, last_time

NOW = datetime(2026, 11, 22, 17, 1, 2, tzinfo=UTC)


def archive(tmp_path, **environ):
    return Archive("shop", "staging", {"XDG_STATE_HOME": str(tmp_path), **environ})


def test_runs_lie_below_the_state_folder_by_app_and_environment(tmp_path):
    run = archive(tmp_path).begin("deploy", NOW)
    assert run == tmp_path / "fab_static" / "shop" / "staging" / "20261122T170102Z-deploy"
    assert run.parent.stat().st_mode & 0o777 == 0o700


def test_a_relative_state_folder_is_ignored(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    known = Archive("shop", "staging", {"XDG_STATE_HOME": "state"})
    assert known.folder == tmp_path / ".local" / "state" / "fab_static" / "shop" / "staging"


def test_two_runs_of_one_second_have_names_of_their_own(tmp_path):
    kept = archive(tmp_path)
    first = kept.begin("deploy", NOW)
    first.with_suffix(".log").touch()
    second = kept.begin("deploy", NOW)
    assert second.name == "20261122T170102Z-deploy-2"


def test_of_two_runs_of_one_second_the_newest_is_the_one_written_last(tmp_path):
    """By name a quick `prepare` came after the `activate` that followed it: `report` showed the wrong run."""
    kept = archive(tmp_path)
    for at, task in enumerate(("prepare", "activate", "status-2", "status-10")):
        path = kept.begin(task, NOW).with_suffix(".json")
        path.write_text(json.dumps({"task": task}))
        os.utime(path, ns=(at, at))
    kept.begin("deploy", NOW - timedelta(seconds=1)).with_suffix(".log").touch()
    tasks = [run.name.partition("-")[2] for run in kept.runs()]
    assert tasks == ["status-10", "status-2", "activate", "prepare", "deploy"]
    assert [known["task"] for _, known in kept.summaries()] == tasks[:-1]


def test_the_last_hundred_runs_are_kept(tmp_path):
    kept = archive(tmp_path)
    for count in range(KEPT + 5):
        run = kept.begin("deploy", NOW + timedelta(seconds=count))
        run.with_suffix(".log").touch()
        run.with_suffix(".json").write_text("{}")
    runs = kept.runs()
    assert len(runs) == KEPT
    assert runs[-1].name == "20261122T170107Z-deploy"
    assert len(list(kept.folder.iterdir())) == 2 * KEPT


def test_how_long_a_task_took_the_last_time_is_known_from_runs_that_ended_well_and_did_something(
    tmp_path,
):
    """A deploy of a minute was expected to take a second: the one before it had found nothing to do."""
    kept = archive(tmp_path)
    assert last_time(kept, "deploy") is None

    def run(task, seconds, **known):
        path = kept.begin(task, NOW + timedelta(seconds=len(kept.runs()))).with_suffix(".json")
        path.write_text(json.dumps({"task": task, "seconds": seconds, "exit_code": 0, **known}))

    run("deploy", 2.0, outcome="live", difference=None)
    assert last_time(kept, "deploy") == 2.0  # better than nothing
    run("deploy", 63.5, outcome="live", difference={"added": ["a"]})
    run("deploy", 3.0, outcome="live", difference=None)
    run("deploy", 9.0, outcome="failed", difference=None, exit_code=1)
    run("deploy", None, outcome="live", difference={"added": ["a"]})
    run("prepare", 31.0, outcome="done", difference=None)
    assert last_time(kept, "deploy") == 63.5
    assert last_time(kept, "prepare") == 31.0


def test_a_damaged_summary_is_passed_over(tmp_path):
    kept = archive(tmp_path)
    kept.folder.mkdir(parents=True)
    (kept.folder / "20261122T170102Z-deploy.json").write_text('{"release": "a"}')
    (kept.folder / "20261122T170103Z-deploy.json").write_text('{"rele')
    (kept.folder / "20261122T170104Z-deploy.json").write_text("[]")
    (kept.folder / "20261122T170105Z-deploy.log").touch()
    assert [summary for _, summary in kept.summaries()] == [{"release": "a"}]


def test_there_may_be_no_run_at_all(tmp_path):
    assert archive(tmp_path).runs() == []


def test_the_page_over_all_runs_is_no_run_and_stays(tmp_path):
    kept = archive(tmp_path)
    run = kept.begin("deploy", NOW)
    run.with_suffix(".log").touch()
    (kept.folder / "index.html").touch()
    assert kept.runs() == [run]
    assert [(one.name, one.summary, one.endings) for one in kept.kept()] == [
        ("20261122T170102Z-deploy", None, {".log"})
    ]
    for count in range(KEPT + 1):
        kept.begin("deploy", NOW + timedelta(seconds=count)).with_suffix(".log").touch()
    assert (kept.folder / "index.html").exists()
