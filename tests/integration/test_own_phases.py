"""Phases of the project's own: a bundler before collectstatic, and one that works in the static root after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from fab_static import api
from fab_static.errors import BuildError, FabStaticError, InventoryError
from tests.integration import plain_project
from tests.integration.conftest import on_this_machine
from tests.processes import alive, becomes

# names its output by a hash of what it read, as bundlers do; counts its runs outside of the checkout; looks around,
# before the first flip has put links there
BUNDLER = """\
set -eu
ls . assets > /dev/null
echo ran >> ../runs
rm -rf assets/dist
mkdir -p assets/dist
for file in frontend/*.js; do
    hash=$(sha1sum "$file" | cut -c1-8)
    name=$(basename "$file" .js)
    cp "$file" "assets/dist/$name.$hash.js"
done
"""
FILES = {
    "bundle.sh": BUNDLER,
    "frontend/main.js": "main(1)\n",
    "frontend/lazy.js": "lazy(1)\n",
    "frontend/node_modules/left.txt": "x\n",
}
SETTINGS = 'STATICFILES_DIRS = [BASE_DIR / "assets"]\n'
PACK = {
    "name": "pack",
    "run": "sh bundle.sh",
    "writes": ["assets/dist"],
    "reads": ["frontend/*.js", "bundle.sh"],
}


def inventory(folder: Path, *phases: Any, **more: Any) -> dict[str, Any]:
    return {
        "deploy_to": f"{folder}/static",
        "project": {"path": f"{folder}/code", "settings": "settings", "python": sys.executable},
        "build": {"phases": [*phases], **more},
    }


@pytest.fixture
def code(tmp_path: Path) -> Path:
    code = plain_project.write(tmp_path / "code", SETTINGS, FILES)
    (code / "assets").mkdir()
    return code


def runs(code: Path) -> int:
    """Return how often the bundler has run."""
    counter = code.parent / "runs"
    return len(counter.read_text().splitlines()) if counter.exists() else 0


def names(session: api.Session, release: str | None = None) -> set[str]:
    """Return the names of the bundler's files in the live release."""
    status = session.status()
    seal = json.loads(
        (
            Path(session.environment.deploy_to) / "releases" / status["live"] / "release.json"
        ).read_text()
    )
    return {path.split("/")[1].split(".")[0] for path in seal["files"] if path.startswith("dist/")}


def test_it_runs_when_what_it_reads_has_changed_and_is_put_back_else(
    tmp_path: Path, code: Path
) -> None:
    with on_this_machine(code, **inventory(tmp_path, PACK, "collectstatic")) as (session, _):
        first = session.deploy().current_release()
        assert names(session) == {"main", "lazy"}
        assert runs(code) == 1
        (code / "shop/templates/page.html").write_text("another page")
        session.deploy()
        assert runs(code) == 1, "templates are not input of it"
        for lost in (code / "assets/dist").iterdir():
            lost.unlink()
        (code / "assets/dist/stray.js").write_text("of a build by hand")
        assert session.deploy().current_release().digest == first.digest
        assert runs(code) == 1
        assert not (code / "assets/dist/stray.js").exists()
        (code / "frontend/more.js").write_text("more(1)\n")
        plan = {one["name"]: one for one in session.plan()["phases"]}
        assert plan["pack"]["will_run"]
        assert plan["pack"]["why"].startswith("other files match frontend/*.js")
        session.deploy()
        assert runs(code) == 2
        assert names(session) == {"main", "lazy", "more"}
        (code / "frontend/lazy.js").write_text("lazy(2)\n")
        session.deploy()
        assert runs(code) == 3


NOTE = {
    "name": "note",
    "run": "mkdir -p built && cp frontend/main.js built/manifest.json",
    "writes": ["built"],
    "reads": ["frontend/main.js"],
}


def test_a_manifest_alone_that_is_made_anew_goes_with_the_release(
    tmp_path: Path, code: Path
) -> None:
    """No file of the static root changes with it, and collectstatic reads it not."""
    web = {"manifests": ["built/manifest.json"]}
    (code / "frontend/main.js").write_text('{"made": 1}')
    given = {**inventory(tmp_path, NOTE, "collectstatic"), "web": web}
    with on_this_machine(code, **given) as (session, told):
        session.deploy()
        (code / "frontend/main.js").write_text('{"made": 2}')
        release = session.deploy().current_release()
        made = {sha256(b'{"made": 2}').hexdigest()}
        assert {one.sha256 for one in release.manifests.values()} == made
        assert (code / "built/manifest.json").read_text() == '{"made": 2}'
        told.said.clear()
        session.deploy()
        assert told.said.count("reused: nothing that it reads has changed") == 2


UNREAD = {key: value for key, value in PACK.items() if key != "reads"}


def test_what_it_reads_is_seen_though_nobody_named_it(tmp_path: Path, code: Path) -> None:
    with on_this_machine(code, **inventory(tmp_path, UNREAD, "collectstatic")) as (session, _):
        session.deploy()
        session.deploy()
        assert runs(code) == 1
        assert {one["name"]: one["will_run"] for one in session.plan()["phases"]}["pack"] is False
        (code / "frontend/lazy.js").write_text("lazy(2)\n")
        plan = {one["name"]: one["why"] for one in session.plan()["phases"]}
        assert plan["pack"].startswith("frontend/lazy.js has changed")
        session.deploy()
        (code / "frontend/more.js").write_text("more(1)\n")
        plan = {one["name"]: one["why"] for one in session.plan()["phases"]}
        assert plan["pack"].startswith("frontend has changed")
        session.deploy()
        assert runs(code) == 3
        assert names(session) == {"main", "lazy", "more"}


def test_a_read_that_its_globs_leave_out_is_seen(tmp_path: Path, code: Path) -> None:
    less = {**PACK, "reads": ["bundle.sh"]}
    with on_this_machine(code, **inventory(tmp_path, less, "collectstatic")) as (session, _):
        session.deploy()
        (code / "frontend/lazy.js").write_text("lazy(2)\n")
        session.deploy()
        assert runs(code) == 2
        session.deploy(reuse="verify")


@pytest.fixture
def no_strace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide strace from the build host, which is this machine."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in map(Path, os.environ["PATH"].split(":")):
        for program in folder.iterdir() if folder.is_dir() else ():
            if program.name != "strace" and not (programs / program.name).is_symlink():
                (programs / program.name).symlink_to(program)
    monkeypatch.setenv("PATH", str(programs))


@pytest.mark.usefixtures("no_strace")
def test_unseen_and_without_reads_it_runs_each_time_and_plan_says_why(
    tmp_path: Path, code: Path
) -> None:
    with on_this_machine(code, **inventory(tmp_path, UNREAD, "collectstatic")) as (session, _):
        session.deploy()
        session.deploy()
        assert runs(code) == 2
        plan = {one["name"]: one["why"] for one in session.plan()["phases"]}
        assert plan["pack"].startswith(
            "it is a shell line, and what that reads is not seen: strace is not installed; "
            "mend that on the build host, or name what it reads in its `reads`"
        )


def test_one_by_hand_makes_those_after_it_stale(tmp_path: Path, code: Path) -> None:
    with on_this_machine(code, **inventory(tmp_path, PACK, "collectstatic")) as (session, _):
        session.deploy()
        (code / "frontend/lazy.js").write_text("lazy(2)\n")
        session.phase("pack")
        assert runs(code) == 2
        session.deploy(resume=True)
        assert runs(code) == 2
        assert (code / "assets/dist").exists()
        with pytest.raises(InventoryError, match="has no phase vite"):
            session.phase("vite")


def test_phases_by_hand_work_on_what_a_bundler_made_without_us(tmp_path: Path, code: Path) -> None:
    """It never ran here as a phase: `fab staging collectstatic late` collects what is there."""
    late = {"name": "late", "run": "true", "writes": ["static_root/dist"]}
    subprocess.run(["sh", "bundle.sh"], cwd=code, check=True)
    asked = inventory(tmp_path, PACK, "collectstatic", late)
    with on_this_machine(code, **asked) as (session, _):
        session.phase("collectstatic")
        session.phase("late")
        assert runs(code) == 1
        session.phase("pack")
        with pytest.raises(
            BuildError, match="late works on what collectstatic leaves, and pack ran after it"
        ) as refused:
            session.phase("late")
        assert refused.value.mend == "run it first: fab local collectstatic late"
        session.phase("collectstatic")
        session.phase("late")


def test_after_collectstatic_it_works_in_the_static_root(tmp_path: Path, code: Path) -> None:
    late = {
        "name": "late",
        "run": "echo ran >> ../runs; mkdir -p static_root/app/.vite;"
        " cp frontend/main.js static_root/app/main.1a2b3c4d.js;"
        """ echo '{"main": "main.1a2b3c4d.js"}' > static_root/app/.vite/manifest.json""",
        "writes": ["static_root/app"],
        "reads": ["frontend/main.js"],
    }
    with on_this_machine(code, **inventory(tmp_path, "collectstatic", late)) as (session, _):
        first = session.deploy().current_release()
        assert {"app/main.1a2b3c4d.js", "app/.vite/manifest.json"} <= first.files.keys()
        (code / "shop/static/css/site.css").write_text("body{color:blue}\n")
        second = session.deploy().current_release()
        assert runs(code) == 1, "what it reads is as it was"
        assert first.files["app/main.1a2b3c4d.js"] == second.files["app/main.1a2b3c4d.js"]
        assert first.files["css/site.css"] != second.files["css/site.css"]
        session.phase("collectstatic")
        session.deploy(resume=True)
        assert session.status()["live"] == second.id


def test_what_was_built_by_hand_where_a_phase_writes_is_made_anew(
    tmp_path: Path, code: Path
) -> None:
    late = {**PACK, "run": "mkdir -p static_root/app; echo new > static_root/app/new.js"}
    late["writes"] = ["static_root/app"]
    (code / "static_root/app").mkdir(parents=True)
    (code / "static_root/app/old.js").write_text("by hand")
    (code / "static_root/stray.js").write_text("nobody knows of it")
    with on_this_machine(code, **inventory(tmp_path, "collectstatic", late)) as (session, _):
        with pytest.raises(BuildError, match=r"holds 1 file that no finder lists(?s:.*)stray\.js"):
            session.deploy()
        assert (code / "static_root/app/old.js").exists()
        (code / "static_root/stray.js").unlink()
        files = session.deploy().current_release().files
        assert [path for path in files if path.startswith("app/")] == ["app/new.js"]


def test_python_is_the_project_s(tmp_path: Path, code: Path) -> None:
    pack = {**PACK, "run": "python -c 'import sys; print(sys.executable)' > who; sh bundle.sh"}
    with on_this_machine(code, **inventory(tmp_path, pack, "collectstatic")) as (session, _):
        session.deploy()
    assert (code / "who").read_text().strip().startswith(str(Path(sys.executable).parent))


def test_what_is_run_again_to_verify_must_be_the_same(tmp_path: Path, code: Path) -> None:
    random = BUNDLER + "date +%N > assets/dist/stamp.txt\n"
    (code / "bundle.sh").write_text(random)
    asked = inventory(tmp_path, PACK, "collectstatic")
    with on_this_machine(code, **asked) as (session, _):
        session.deploy()
        with pytest.raises(BuildError, match=r"leaves 1 other files:\n    assets/dist/stamp\.txt"):
            session.deploy(reuse="verify")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            {"run": "echo the bundler says why >&2; exit 3"},
            "failed with exit code 3:\n.*the bundler says why",
        ),
        ({"run": "true"}, "pack ended well, and has not made assets/dist"),
        ({"run": "npm-that-is-not-there run build"}, "npm-that-is-not-there: not found"),
        (
            {"reads": ["frontend/*.ts"]},
            r"no file matches frontend/\*.ts, which phase pack is said to read",
        ),
        (
            {"reads": ["assets/dist/*.js"], "run": "sh bundle.sh; touch assets/dist/x.js"},
            r"no file matches assets/dist/\*\.js",
        ),
        (
            {"reads": ["frontend/*.js"], "writes": ["frontend"]},
            r"what frontend/\*\.js matches is written by phase pack itself",
        ),
        (
            {"writes": ["static_root/dist"]},
            "lies in STATIC_ROOT, and collectstatic empties that after it",
        ),
    ],
)
def test_what_is_wrong_with_it_is_told(
    tmp_path: Path, code: Path, change: dict[str, Any], what: str
) -> None:
    asked = inventory(tmp_path, {**PACK, **change}, "collectstatic")
    with on_this_machine(code, **asked) as (session, _), pytest.raises(FabStaticError, match=what):
        session.deploy()


def test_a_bundler_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path, code: Path) -> None:
    pack = {**PACK, "run": "echo still at work; sleep 600 & echo $! > ../child; wait"}
    asked = inventory(tmp_path, pack, "collectstatic") | {"ssh": {"command_timeout": 6}}
    with on_this_machine(code, **asked) as (session, _):
        with pytest.raises(BuildError, match=r"was ended after 6 seconds") as refused:
            session.deploy()
        assert "ssh.command_timeout" in refused.value.mend
        child = int((tmp_path / "child").read_text())
        assert becomes(lambda: not alive(child))  # whoever inherits it may reap it late
        assert session.status()["live"] is None


def test_without_npm_the_cure_is_to_install_it(tmp_path: Path, code: Path) -> None:
    (tmp_path / "bin").mkdir()
    asked = inventory(tmp_path, {**PACK, "run": "npm run build"}, "collectstatic")
    asked["project"]["environment"] = {"PATH": str(tmp_path / "bin")}
    with on_this_machine(code, **asked) as (session, _):
        with pytest.raises(BuildError, match="npm: not found") as refused:
            session.deploy()
        assert refused.value.mend.startswith("install Node.js there")


def test_writes_that_hold_what_git_tracks_are_refused(tmp_path: Path, code: Path) -> None:
    (code / "assets/own.css").write_text("body{}")
    for words in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *words], cwd=code, check=True)
    asked = inventory(tmp_path, {**PACK, "writes": ["assets"]}, "collectstatic")
    refused = pytest.raises(BuildError, match="holds 1 file that git tracks")
    with on_this_machine(code, **asked) as (session, _), refused:
        session.deploy()
    assert (code / "assets/own.css").exists()
    assert runs(code) == 0


def test_a_link_that_leads_out_of_the_checkout_is_not_followed(tmp_path: Path, code: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/precious").write_text("x")
    (code / "out").symlink_to(tmp_path / "elsewhere")
    pack = {**PACK, "run": "true", "writes": ["out"]}
    asked = inventory(tmp_path, pack, "collectstatic")
    refused = pytest.raises(FabStaticError, match="out leads out of the checkout")
    with on_this_machine(code, **asked) as (session, _), refused:
        session.deploy()
    assert (tmp_path / "elsewhere/precious").exists()


@pytest.mark.parametrize("place", ["stats.json", "assets/dist/stats.json"])
def test_nothing_is_written_through_a_link_that_another_environment_has_made(
    tmp_path: Path, code: Path, place: str
) -> None:
    """Both have one checkout: the link leads into what the other one has live."""
    live = tmp_path / "live.json"
    live.write_text("of the other environment")
    (code / "assets/dist").mkdir()
    (code / place).symlink_to(live)
    pack = {**PACK, "run": f"echo new > {place}", "writes": ["assets/dist", "stats.json"]}
    asked = inventory(tmp_path, pack, "collectstatic")
    refused = pytest.raises(FabStaticError, match=r"stats\.json leads out of the checkout")
    with on_this_machine(code, **asked) as (session, _), refused:
        session.deploy()
    assert live.read_text() == "of the other environment"


def test_a_link_to_a_folder_is_refused_with_words_for_phases(tmp_path: Path, code: Path) -> None:
    pack = {**PACK, "run": "sh bundle.sh; mkdir assets/dist/v1; ln -s v1 assets/dist/latest"}
    asked = inventory(tmp_path, pack, "collectstatic")
    refused = pytest.raises(FabStaticError, match="can only be kept as files")
    with on_this_machine(code, **asked) as (session, _), refused:
        session.deploy()
