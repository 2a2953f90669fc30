"""What `fab` loads before it does anything: no more than the task needs, so that it starts at once."""

import json
import shutil
from pathlib import Path

import pytest

from fab_static.tasks.namespace import GARBAGE_AFTER
from tests.unit.tasks.started import run

ROOT = Path(__file__).resolve().parents[3]
MAIN = """
import atexit, json, sys

atexit.register(lambda: print("\\n" + json.dumps(sorted(sys.modules)), file=sys.stderr))
from fabric.main import program

program.run(["fab", *sys.argv[1:]])
"""

THRESHOLD = """
import atexit, gc, sys

atexit.register(lambda: print(gc.get_threshold()[0], file=sys.stderr))
from fabric.main import program

program.run(["fab", *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("operator")
    (folder / "inventories").mkdir()
    shutil.copy(ROOT / "fabfile.py", folder)
    (folder / "inventories" / "here.yml").write_text(
        "app: shop\n"
        f"deploy_to: {folder}/static\n"
        "hosts:\n  here: {local: true, roles: [build, static, web]}\n"
        f"project: {{path: {folder}/code}}\n"
    )
    return folder


def loaded_by(folder, *words):
    ran = run(folder, *words, main=MAIN)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return set(json.loads(ran.stderr.splitlines()[-1])), ran.stdout


def below(names, *modules):
    return {
        module
        for module in modules
        for name in names
        if name == module or name.startswith(module + ".")
    }


def rooms_of(names):
    """Return the folders of fab_static that these modules lie in, and the modules right below it."""
    ours = {name.removeprefix("fab_static.") for name in names if name.startswith("fab_static.")}
    packages = {name for name in ours if (ROOT / "fab_static" / name.replace(".", "/")).is_dir()}
    return {name if name in packages else name.rpartition(".")[0] or name for name in ours}


# for deploys, for doctors and for reports alone
LATE = (
    "boto3", "botocore", "urllib3", "django", "rich", "urllib.request", "html",
    "fab_static.aws", "fab_static.django_app", "fab_static.doctor", "fab_static.host.project",
    "fab_static.plan.bundles", "fab_static.plan.cdn", "fab_static.plan.diff", "fab_static.plan.flip",
    "fab_static.plan.less", "fab_static.plan.nginx", "fab_static.plan.publication", "fab_static.plan.release",
    "fab_static.report.archive", "fab_static.report.found", "fab_static.report.html", "fab_static.report.live",
    "fab_static.sessions.holding", "fab_static.sessions.running",
    "fab_static.telling.notify", "fab_static.telling.run",
)  # fmt: skip
LIST = {"errors", "interruption", "phases", "plan", "report", "sessions", "tasks"}
STATUS = LIST | {
    "api", "host", "host.agent", "looking", "phases.run", "plan.inventory", "plan.wire", "remote",
    "remote.ssh", "show", "telling", "timeline", "workers",
}  # fmt: skip


@pytest.mark.parametrize("words", [["--list"], ["--help"], ["here", "status", "--help"]])
def test_the_list_of_tasks_and_their_help_load_none_of_what_they_do(folder, words):
    modules, _ = loaded_by(folder, *words)
    assert rooms_of(modules) <= LIST
    assert not below(modules, *LATE, "fab_static.report.terminal")


def test_the_list_tells_what_each_phase_does_though_none_is_loaded(folder):
    modules, told = loaded_by(folder, "--list")
    assert "Phase 1 · Collect" in told
    assert {name for name in modules if name.startswith("fab_static.phases.")} == set()


def test_status_loads_the_rooms_that_it_needs(folder):
    """A module that pulls in half of the house for a constant shows itself here."""
    modules, told = loaded_by(folder, "here", "status")
    assert "here" in told
    assert rooms_of(modules) == STATUS
    assert not below(modules, *LATE)


def test_status_loads_of_the_phases_only_what_every_task_is_given(folder):
    modules, _ = loaded_by(folder, "here", "status")
    assert {name for name in modules if name.startswith("fab_static.phases.")} == {
        "fab_static.phases.run",
        "fab_static.phases.run.carrying",
        "fab_static.phases.run.deployment",
        "fab_static.phases.run.locking",
        "fab_static.phases.run.seals",
        "fab_static.phases.run.settings",
    }


def test_fab_seldom_looks_for_cycles_in_a_large_release(folder):
    ran = run(folder, "here", "releases", main=THRESHOLD)
    assert int(ran.stderr.splitlines()[-1]) == GARBAGE_AFTER
