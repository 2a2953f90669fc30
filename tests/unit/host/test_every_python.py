"""What runs on hosts is tested in the oldest Python that it promises, and in the newest of this machine."""

import os
import subprocess
from pathlib import Path

import pytest

from fab_static.host.agent.wire import VERBS
from tests import pythons
from tests.unit.host.examples import ELSEWHERE

ROOT = Path(__file__).parents[3]


def python_with_tests(version: str) -> str:
    """Return a Python to run tests in; where there is none, CI fails if there could be one."""
    if not pythons.found(version):
        command = pythons.can_be_had()
        told = f"there is no Python {version} here, and what runs on hosts is not tested in it"
        if pythons.IN_CI and command:
            pytest.fail(f"{told}: {command}")
        pytest.skip(f"{told}" + (f": {command}" if command else ", and no uv or pyenv to get it"))
    try:
        return pythons.with_tests(version)
    except subprocess.CalledProcessError as error:
        told = f"pip cannot install pytest for Python {version}: {error.stderr.decode()[-500:]}"
        if pythons.IN_CI:
            pytest.fail(told)
        pytest.skip(told)


@pytest.mark.timeout(1500)  # all tests of the agent, once more
@pytest.mark.parametrize("version", [pythons.OLDEST, pythons.newest()])
def test_the_agent_passes_its_tests_in_this_python(version, tmp_path):
    """Every verb, and every way it may fail: a name that came later shows only where it is used."""
    ran = subprocess.run(
        [
            *(python_with_tests(version), "-m", "pytest", "-q", "--import-mode=importlib"),
            *("-c", os.devnull, "--rootdir", str(ROOT), "-o", f"pythonpath={ROOT}"),
            *("-rs", "-o", f"cache_dir={tmp_path}", "--basetemp", str(tmp_path / "tests")),
            str(ROOT / "tests/unit/host/agent"),
            str(ROOT / "tests/unit/host/project/test_replay.py"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", ELSEWHERE: "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-2000:]
    assert " passed" in ran.stdout
    assert ("the operator signs" in ran.stdout) is not pythons.runs_the_operator(version)


def test_every_verb_is_asked_by_the_tests_of_the_agent():
    """Else a verb could hold anything: no other test runs in an old Python."""
    texts = "".join(
        path.read_text("utf-8") for path in (ROOT / "tests/unit/host/agent").glob("*.py")
    )
    unasked = {verb for verb in VERBS if f'"{verb}"' not in texts}
    # these need a project, and have their tests beside its modules
    assert unasked <= {"learn", "recall", "replay", "set_up"}
