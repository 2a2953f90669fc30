"""What this machine keeps, shows and tells decides neither what a run does nor its exit code (DESIGN, G9).

One `local: true` host, real processes, a real terminal and a real full disk (fleet A3).
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.project import BUILD, change, write
from tests.integration.conftest import FAB, ROOT, check_schema, on_this_machine
from tests.processes import becomes


class Here:
    """A person with a fabfile, a project and one host: this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = write(folder / "code", quick=True)
        self.state = folder / "state"
        self.changes = 0
        (folder / "inventories").mkdir()
        shutil.copy(ROOT / "fabfile.py", folder)
        self.write_inventory()
        self.fab("deploy")

    def write_inventory(self, **more: Any) -> None:
        text = json.dumps(
            {
                "app": "tiny",
                "deploy_to": str(self.folder / "static"),
                "hosts": {"here": {"local": True, "roles": ["build", "static", "web"]}},
                "project": {
                    "path": str(self.code),
                    "python": sys.executable,
                    "settings": "tiny.settings",
                },
                "build": BUILD,
                **more,
            }
        )
        (self.folder / "inventories" / "local.yml").write_text(text)

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "XDG_STATE_HOME": str(self.state), "COLUMNS": "200", **more}

    def fab(
        self, *words: str, code: int = 0, redirected: str = "", **more: str
    ) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            ["bash", "-c", f'"$0" local "$@" {redirected}; exit ${{PIPESTATUS[0]}}', FAB, *words],
            cwd=self.folder,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == code, f"exit {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        assert "Traceback" not in ran.stderr
        assert "Exception ignored" not in ran.stderr
        return ran

    def live(self) -> str:
        return (self.folder / "static" / "current").readlink().name

    def is_locked(self) -> bool:
        return (self.folder / "static" / "lock").exists()

    def change(self) -> None:
        self.changes += 1
        change(self.code, "image", f"change-{self.changes}")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Here:
    return Here(tmp_path_factory.mktemp("here"))


@pytest.fixture
def anew(here: Here) -> Iterator[tuple[Here, str]]:
    """Change a source; return what is live before it is deployed."""
    shutil.rmtree(here.state, ignore_errors=True)  # each test meets its own runs alone
    here.change()
    yield here, here.live()
    here.write_inventory()


@pytest.mark.parametrize("redirected", [">/dev/full", ">&-", ">/dev/full 2>/dev/full", "| true"])
def test_output_that_cannot_be_written_leaves_the_exit_code_true(
    anew: tuple[Here, str], redirected: str
) -> None:
    here, before = anew
    ran = here.fab("deploy", redirected=redirected)
    assert here.live() != before
    assert not here.is_locked()
    if redirected == ">/dev/full":
        assert ran.stderr == (
            "what happens cannot be shown here any more (No space left on device); the run goes on\n"
        )


def test_a_name_that_is_no_text_and_a_terminal_of_ascii_change_nothing(
    anew: tuple[Here, str], tmp_path: Path
) -> None:
    """(build A8), as far as it is told of: a hook, the report and the summary hold such a name."""
    here, before = anew
    odd = "printf 'odd \\355\\251\\203 \\377 \\342\\200\\246\\n' >&2"
    here.write_inventory(hooks={"after_activate": [odd, f"cat > {tmp_path}/told.json"]})
    here.fab("deploy", "--verbose", PYTHONIOENCODING="ascii")
    assert here.live() != before
    told = json.loads((tmp_path / "told.json").read_text())
    check_schema("summary", told)
    assert told["outcome"] == "live"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
def test_a_state_folder_on_a_full_disk_changes_nothing(
    anew: tuple[Here, str], tmp_path: Path
) -> None:
    here, before = anew
    full = tmp_path / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(full)], check=True)
    try:
        (full / "filling").write_bytes(b"x" * 32 * 1024)
        here.write_inventory(hooks={"after_activate": [f"cat > {tmp_path}/told.json"]})
        ran = here.fab("deploy", XDG_STATE_HOME=str(full))
    finally:
        subprocess.run(["umount", "-l", str(full)], check=True)
    assert here.live() != before
    assert "the report could not be kept: No space left on device" in ran.stdout
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["outcome"], told["exit_code"], told["report"]) == ("live", 0, None)


def test_a_hook_that_hangs_holds_the_lock_no_longer_than_its_limit(
    anew: tuple[Here, str], tmp_path: Path
) -> None:
    """(fleet C28)."""
    here, before = anew
    hooks = {"after_activate": ["sleep 600", f"touch {tmp_path}/told"], "timeout": 0.5}
    here.write_inventory(hooks=hooks)
    ran = here.fab("deploy")
    assert here.live() != before
    assert not here.is_locked()
    said = "the hook after_activate was ended after 0.5 seconds (hooks.timeout): sleep 600"
    assert said in ran.stdout
    assert (tmp_path / "told").exists()  # the next one was run


def in_a_terminal(here: Here, *words: str, ready: Path) -> tuple[int, int]:
    """Start fab in a session and a terminal of its own; return both when the build waits for the gate."""
    gate = here.folder / "gate"
    gate.unlink(missing_ok=True)
    waits = f"touch {ready}; until [ -e {gate} ]; do sleep 0.05; done"
    versions = BUILD["commands"]["resource_static"]  # type: ignore[index]
    build = {**BUILD, "commands": {"resource_static": f"{waits}; {versions}"}}
    here.write_inventory(build=build)
    child, ours = pty.fork()
    if not child:
        os.chdir(here.folder)
        words = (*words, "local", "deploy", "--rebuild")
        os.execvpe(words[0], words, here.environment(TERM="xterm"))
    assert becomes(ready.exists)
    return child, ours


def test_a_terminal_that_is_closed_undoes_unlocks_and_tells(
    anew: tuple[Here, str], tmp_path: Path
) -> None:
    """An SSH session that ends: SIGHUP, and nothing can be printed from then on."""
    here, before = anew
    child, ours = in_a_terminal(here, FAB, ready=tmp_path / "ready")
    os.close(ours)
    (here.folder / "gate").touch()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert here.live() == before
    assert not here.is_locked()
    (kept,) = here.state.rglob("*-deploy.json")
    known = json.loads(kept.read_text())
    assert (known["outcome"], known["exit_code"], known["interrupted"]) == ("failed", 1, True)
    assert "interrupted; what was live before is live" in kept.with_suffix(".html").read_text()


def test_under_nohup_a_terminal_that_is_closed_ends_nothing(
    anew: tuple[Here, str], tmp_path: Path
) -> None:
    here, before = anew
    child, ours = in_a_terminal(here, "nohup", FAB, ready=tmp_path / "ready")
    os.kill(child, signal.SIGHUP)
    os.close(ours)
    (here.folder / "gate").touch()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert here.live() != before


def test_status_and_json_say_on_standard_error_that_they_cannot_be_written(here: Here) -> None:
    ran = here.fab("status", "--json", code=1, redirected=">/dev/full")
    assert ran.stderr.startswith(
        "error: standard output cannot be written: No space left on device\n"
    )
    here.fab("status", redirected="| true")
    here.fab("status", "--json", redirected="| true")


def test_compress_by_hand_says_all_that_is_stale_and_the_mend_is_the_next_command(
    tmp_path: Path,
) -> None:
    code = write(tmp_path / "code", quick=True)
    phases = BUILD["phases"]
    with on_this_machine(code, *phases, build=BUILD) as (session, told):
        with pytest.raises(Exception, match="works on what collectstatic leaves") as caught:
            session.phase("compress")
        assert str(caught.value).endswith("mend:  run it first: fab local collectstatic compress")
        ending = session.ending()
        assert ending is not None
        assert ending.next == "fab local collectstatic compress"

        session.phase("collectstatic")
        assert told.said[-1] == (
            "stale now: resource-static, compress, seal. To run just those and go live: "
            "fab local deploy --resume"
        )
        session.phase("compress")  # without the versions: those before it are stale still
        assert told.said[-1].startswith("stale now: resource-static, compress, seal. ")
        with pytest.raises(Exception, match="must run before a release can be sealed") as caught:
            session.phase("seal")
        ending = session.ending()
        assert ending is not None
        assert ending.next == "fab local resource-static compress seal"
        assert ending.next in str(caught.value)
        session.phase("resource_static")
        assert told.said[-1].startswith("stale now: compress, seal. ")
        session.phase("compress")
        assert told.said[-1].startswith("stale now: seal. ")


def test_plan_and_diff_name_the_same_urls(tmp_path: Path) -> None:
    code = write(tmp_path / "code", quick=True)
    with on_this_machine(code, *BUILD["phases"], build=BUILD) as (session, _):
        session.deploy()
        change(code, "both", "changed")
        guessed = session.plan()["urls"]
        session.prepare()
        exact = session.plan()
        session.activate()
        diff = session.diff()
    assert exact["exact"]
    assert exact["urls"] == diff["urls"]
    assert exact["invalidation"] == diff["invalidation"] == {"paths": [], "price_usd": 0}
    named = {one["before"] for one in diff["urls"] if "/CACHE/" not in str(one["before"])}
    assert {one["before"] for one in guessed} == named
    assert any("paper.svg?version=" in str(url) for url in named)
