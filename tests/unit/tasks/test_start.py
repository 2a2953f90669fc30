"""What `fab` loads before it does anything: no more than the task needs, so that it starts at once."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MAIN = """
import atexit, json, sys

atexit.register(lambda: print("\\n" + json.dumps(sorted(sys.modules)), file=sys.stderr))
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
    ran = subprocess.run(
        [sys.executable, "-c", MAIN, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return set(json.loads(ran.stderr.splitlines()[-1])), ran.stdout


def below(names, *modules):
    return {
        module
        for module in modules
        for name in names
        if name == module or name.startswith(module + ".")
    }


# for deploys, for doctors and for reports alone
LATE = (
    "boto3", "botocore", "urllib3", "django",
    "fab_static.report.html", "fab_static.report.archive",
    "fab_static.sessions.running", "fab_static.sessions.holding", "fab_static.aws.cloudfront",
    "fab_static.aws.s3", "fab_static.telling.run", "fab_static.doctor", "fab_static.phases.distribute", "fab_static.phases.compress",
    "fab_static.phases.invalidate", "fab_static.phases.probe", "fab_static.phases.activate",
)  # fmt: skip


def test_the_list_of_tasks_loads_none_of_what_they_do(folder):
    modules, told = loaded_by(folder, "--list")
    assert "Phase 1 · " in told
    everything = (*LATE, "rich", "fab_static.remote", "fab_static.host", "fab_static.api")
    assert not below(modules, *everything)


def test_status_loads_nothing_that_only_a_deploy_needs(folder):
    modules, told = loaded_by(folder, "here", "status")
    assert "here" in told
    assert not below(modules, *LATE)
