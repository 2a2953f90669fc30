"""What others are told of a run: hooks, the log and the summary on the operator's machine."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

from fab_static.report.archive import Archive
from tests.integration.conftest import FAB, Operator, check_schema
from tests.integration.test_bad_days import PHASES, altered
from tests.strict_s3 import REGION, Fault, StrictS3


def newest(state: Path, ending: str) -> Path:
    """Return the file of the newest run of a task: -deploy.log."""
    task, dot, suffix = ending.partition(".")
    runs = Archive("tiny", "staging", {"XDG_STATE_HOME": str(state)}).runs()
    run = next(run for run in runs if run.name.endswith(task) or f"{task}-" in run.name)
    return run.with_suffix(dot + suffix)


def told(folder: Path, event: str) -> Any:
    known = json.loads((folder / f"{event}.json").read_text())
    check_schema("summary", known)
    return known


def writing(folder: Path, *events: str) -> dict[str, list[str]]:
    return {event: [f"cat > '{folder}/{event}.json'"] for event in events}


def test_hooks_and_the_state_folder_are_told_what_a_deploy_did(
    tiny: Operator, tmp_path: Path
) -> None:
    before = tiny.live()
    logo = tiny.fleet.hosts["build1"].code / "assets" / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg' id='told'/>\n")
    hooks = writing(tmp_path, "before_deploy", "after_activate", "after_failure")
    hooks["after_activate"].append("echo said by a hook; exit 3")
    page = f"{tiny.fleet.site('web1')}/"
    with altered(tiny, hooks=hooks, probe={"pages": [page]}):
        ran = tiny.fab("deploy", XDG_STATE_HOME=str(tmp_path))
    live = tiny.live()
    assert "the hook after_activate failed with exit code 3" in ran.stdout  # and the deploy did not
    started, done = told(tmp_path, "before_deploy"), told(tmp_path, "after_activate")
    assert not (tmp_path / "after_failure.json").exists()
    assert (started["outcome"], started["release"], started["previous"]) == (
        "started", None, before,
    )  # fmt: skip
    assert (done["task"], done["outcome"], done["release"], done["previous"]) == (
        "deploy", "live", live, before,
    )  # fmt: skip
    assert done["difference"]["changed"] == ["logo.svg"]
    assert {one["host"] for one in done["hosts"]} == set(tiny.fleet.hosts)
    ran_on = {(one["phase"], one["host"]) for one in done["timeline"]}
    assert {
        ("compress", "build1"), ("distribute", "edge1"), ("verify", "web2"), ("activate", "web1"),
        ("activate", None),
    } <= ran_on  # fmt: skip
    sent = sum(one.get("bytes", 0) for one in done["timeline"] if one["host"] == "edge1")
    assert sent >= logo.stat().st_size

    log = newest(tmp_path, "-deploy.log").read_text()
    assert str(newest(tmp_path, "-deploy.log")) == done["log"]
    assert "build1: 1 static file copied" in log  # what was not shown is kept
    assert "static file copied" not in ran.stdout
    assert "said by a hook" in log
    assert done["probe"]["problems"] == []
    (weighed,) = done["pages"]
    assert (weighed["page"], weighed["before"]) == (page, None)  # nobody weighed it before
    assert "logo.svg" in [asset["path"] for asset in weighed["assets"]]
    assert 0 < weighed["sent"] <= weighed["bytes"]
    report = newest(tmp_path, "-deploy.html")
    assert f"{live} is live" in report.read_text()
    for words in ((), (live,)):
        assert tiny.fab("report", *words, XDG_STATE_HOME=str(tmp_path)).stdout == f"{report}\n"
    never = "20200101T000000Z-00000000"
    ran = tiny.fab("report", never, code=1, XDG_STATE_HOME=str(tmp_path))
    assert f"no report of {never} is kept here" in ran.stderr
    kept = json.loads(newest(tmp_path, "-deploy.json").read_text())
    assert {**kept, "seconds": 0, "timeline": []} == {**done, "seconds": 0, "timeline": []}


def test_a_rollback_is_told_too_and_a_quiet_one_says_nothing(
    tiny: Operator, tmp_path: Path
) -> None:
    logo = tiny.fleet.hosts["build1"].code / "assets" / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg' id='to-be-rolled-back'/>\n")
    tiny.fab("deploy")
    before = tiny.live()
    with altered(tiny, hooks=writing(tmp_path, "before_deploy", "after_activate")):
        ran = tiny.fab("rollback", "--quiet", XDG_STATE_HOME=str(tmp_path))
    assert (ran.stdout, ran.stderr) == ("", "")
    assert not (tmp_path / "before_deploy.json").exists()
    done = told(tmp_path, "after_activate")
    assert (done["task"], done["previous"], done["release"]) == ("rollback", before, tiny.live())
    assert "activate done in" in newest(tmp_path, "-rollback.log").read_text()


def test_a_failure_is_told_with_its_reason_and_without_secrets(
    tiny: Operator, tmp_path: Path
) -> None:
    live = tiny.live()
    project = {
        **tiny.fleet.inventory()["project"],
        "secrets": ["TOKEN"],
    }
    commands = {"collectstatic": 'echo "it was $TOKEN" && exit 4'}
    build = {"phases": ["collectstatic", "compress"], "commands": commands}
    with altered(tiny, hooks=writing(tmp_path, "after_failure"), project=project, build=build):
        ran = tiny.fab("deploy", code=1, XDG_STATE_HOME=str(tmp_path), TOKEN='hun"ter2')
    failed = told(tmp_path, "after_failure")
    assert (failed["outcome"], failed["release"], failed["previous"]) == ("failed", None, live)
    assert "failed with exit code 4" in failed["error"]
    assert "it was [TOKEN]" in failed["error"]
    everything = [ran.stdout, ran.stderr]
    everything += [path.read_text() for path in tmp_path.rglob("*.*") if path.is_file()]
    assert not [text for text in everything if "ter2" in text]
    assert "error: " in newest(tmp_path, "-deploy.log").read_text()


class Webhook(BaseHTTPRequestHandler):
    """Remembers what it was told."""

    told: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.told.append(json.loads(body)["text"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def test_a_webhook_is_told_and_its_url_never_shown(tiny: Operator, tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/T0/s3cr3t"
        with altered(tiny, notify={"webhook": "$HOOK_URL"}):
            tiny.fab("status", HOOK_URL="")  # looking tells nobody
            refused = tiny.fab("deploy", code=2, HOOK_URL="")
            tiny.fab("deploy", XDG_STATE_HOME=str(tmp_path), HOOK_URL=url)
            server.shutdown()
            server.server_close()
            ran = tiny.fab("deploy", XDG_STATE_HOME=str(tmp_path), HOOK_URL=url)
    assert "HOOK_URL not set in your environment" in refused.stderr
    (told,) = Webhook.told
    assert f"made `{tiny.live()}` live" in told
    assert "notify.webhook could not be told" in ran.stdout
    everything = [
        ran.stdout,
        *(path.read_text() for path in tmp_path.rglob("*.*") if path.is_file()),
    ]
    assert not [text for text in everything if "s3cr3t" in text]


def test_a_hook_before_the_deploy_can_stop_it(tiny: Operator, tmp_path: Path) -> None:
    with altered(tiny, hooks={"before_deploy": ["echo 'it is Friday'; exit 1"]}):
        ran = tiny.fab("deploy", code=1, XDG_STATE_HOME=str(tmp_path))
    assert "the hook before_deploy failed with exit code 1" in ran.stderr
    assert "it is Friday" in newest(tmp_path, "-deploy.log").read_text()


def test_a_machine_that_keeps_nothing_deploys_all_the_same(tiny: Operator, tmp_path: Path) -> None:
    (tmp_path / "fab_static").write_text("a file in the way")
    ran = tiny.fab("deploy", XDG_STATE_HOME=str(tmp_path))
    assert "no log is kept of this run" in ran.stdout


def test_the_report_goes_to_a_bucket_and_to_a_hook_where_asked(
    tiny: Operator, tmp_path: Path
) -> None:
    store = StrictS3("reports")
    state = tmp_path / "state"
    hooks = {"after_activate": [f"cat > '{tmp_path}/after_activate.json'"]}
    hooks["after_activate"].append(
        f'python3 -c \'import json, shutil, sys; shutil.copy(json.load(sys.stdin)["report"], "{tmp_path}")\''
    )
    place = {"bucket": "reports", "prefix": "tiny/", "region": REGION}
    report = {"s3": place, "endpoint_url": store.url}
    with store, altered(tiny, hooks=hooks, report=report):
        keys = {"XDG_STATE_HOME": str(state), **store.credentials}
        ran = tiny.fab("deploy", **keys)
        (key,) = store.objects
        put = store.objects[key]
        store.faults.append(Fault("PUT", "", status=403, code="AccessDenied", times=99))
        refused = tiny.fab("deploy", **keys)  # it is live: no report undoes that
    file = newest(state, "-deploy.html")
    first = min(file.parent.glob("*-deploy.html"))
    assert key == f"reports/tiny/{first.name}"
    assert put.body == first.read_bytes() == (tmp_path / first.name).read_bytes()
    assert put.headers["content-type"] == "text/html; charset=utf-8"
    assert f"the report is at s3://reports/tiny/{first.name}" in ran.stdout
    assert "the report could not be put to s3://reports/tiny/: " in refused.stdout
    assert told(tmp_path, "after_activate")["report_at"] is None
    assert json.loads(first.with_suffix(".json").read_text())["report_at"] == f"s3://{key}"


def test_on_a_terminal_a_deploy_says_how_long_it_takes_by_the_last_one_and_elsewhere_only_lines(
    tiny: Operator, tmp_path: Path
) -> None:
    slow = f"sleep 1; {sys.executable} manage.py collectstatic --noinput"  # else there is no time to tell
    with altered(tiny, build={**PHASES, "commands": {"collectstatic": slow}}):
        plain = tiny.fab("deploy", "--rebuild", XDG_STATE_HOME=str(tmp_path)).stdout
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", plain)
        assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in plain.splitlines())
        assert "last time" not in plain

        ours, theirs = pty.openpty()
        running = subprocess.Popen(
            [FAB, "staging", "deploy", "--rebuild"],
            cwd=tiny.folder,
            env=tiny.environment(XDG_STATE_HOME=str(tmp_path), TERM="xterm-256color"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        while piece := read_of(ours):
            shown += piece
        os.close(ours)
        assert running.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert re.search(r"in all 0:\d\d \(last time 0:\d\d\)", text)
    assert re.search(r"build1 +▸ \d+\.\d s", text)
    assert re.search(
        r"\rprune done in \d+\.\d s\s+nothing to remove\s+\S+ is live on \w+, as before\s*$",
        text,
    )  # the table has gone
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h") > 0  # the cursor is given back


def read_of(terminal: int) -> bytes:
    """Return what a terminal printed; nothing once its program has ended (Linux: EIO)."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_a_run_of_the_demo_or_of_tests_writes_nothing_below_the_home(
    tiny: Operator, tmp_path: Path
) -> None:
    """Its app and environment may be called as the developer's own."""
    tiny.fab("prune", HOME=str(tmp_path))
    assert [*tmp_path.rglob("*")] == []
    assert [*tiny.fleet.folder.joinpath("state").rglob("*-prune.json")]
