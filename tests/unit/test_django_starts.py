"""What a test starts as a fork behaves as a new Python does, but that Django is imported."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.django_starts import forking_python, run_new_python, run_python
from tests.processes import alive, becomes

TELLS = """
import json, os, sys
print(json.dumps([sys.argv, sys.path, os.getcwd(), __name__, sorted(os.environ), sys.stdin.read()]))
print("to the other stream", file=sys.stderr)
sys.exit(7)
"""
LOADED = "import json, sys; print(json.dumps(sorted(sys.modules)))"
SET_UP = """
import django.core.management
import django
from django.conf import settings
settings.configure()
django.setup()
"""


def called(*words, cwd, env, input, text):
    """Run the program that stands in Python's place."""
    command = [forking_python(), *words]
    ran = subprocess.run(
        command, cwd=cwd, env=env, input=input.decode(), capture_output=True, text=text
    )
    ran.args[0] = sys.executable
    return ran


@pytest.mark.parametrize("words", [["-"], ["-c", TELLS, "word"], ["tells.py", "a word"]])
@pytest.mark.parametrize("paths", ["", f"one{os.pathsep}/two"])
def test_a_program_finds_what_a_new_python_gives_it(
    tmp_path: Path, words: list[str], paths: str
) -> None:
    (tmp_path / "tells.py").write_text(TELLS)
    found = [
        run(
            *words,
            cwd=tmp_path,
            env={"LC_ALL": "C.UTF-8", "OWN": "1", "PYTHONPATH": paths},
            input=TELLS.encode() if words == ["-"] else b"what it is given",
            text=True,
        )
        for run in (run_python, called, run_new_python)
    ]
    assert vars(found[0]) == vars(found[1]) == vars(found[2])
    assert found[0].returncode == 7


def test_an_error_ends_it_as_it_ends_a_new_python(tmp_path: Path) -> None:
    for run in (run_python, run_new_python):
        ran = run("-c", "import not_there", cwd=tmp_path, env={}, text=True)
        assert ran.returncode == 1
        assert ran.stderr.endswith("\nModuleNotFoundError: No module named 'not_there'\n")


def test_nothing_is_imported_beforehand_but_what_each_start_of_django_imports(
    tmp_path: Path,
) -> None:
    """Else a program that forgets an import would work in the tests alone."""
    before = run_python("-c", LOADED, cwd=tmp_path, env={}).stdout
    started = run_new_python("-c", SET_UP + LOADED, cwd=tmp_path, env={}).stdout
    assert {*json.loads(before)} - {*json.loads(started)} == {"gc"}


def test_a_call_takes_descriptors_along_and_says_each_line_when_it_is_printed(
    tmp_path: Path,
) -> None:
    given, ours = os.pipe()
    program = f"import os, sys; print('begun'); os.write({ours}, b'given'); os.close({ours}); sys.stdin.read()"
    with subprocess.Popen(
        [forking_python(), "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[ours],
        umask=0o77,
    ) as running:
        os.close(ours)
        assert running.stdout
        assert running.stdout.readline() == b"begun\n"
        assert os.read(given, 100) == b"given"
        assert os.read(given, 100) == b"", "the caller holds it no longer"
        running.communicate(b"")
    os.close(given)
    assert running.returncode == 0


def test_a_call_ends_as_its_fork_does_and_the_fork_ends_with_it() -> None:
    dies = [forking_python(), "-c", "import os; os.kill(os.getpid(), 15)"]
    assert subprocess.run(dies).returncode == -signal.SIGTERM
    waits = "import os, time; print(os.getpid()); time.sleep(600)"
    with subprocess.Popen([forking_python(), "-c", waits], stdout=subprocess.PIPE) as running:
        assert running.stdout
        fork = int(running.stdout.readline())
        assert alive(fork)
        assert fork != running.pid
        running.kill()
    assert becomes(lambda: not alive(fork))


@pytest.mark.parametrize(
    "words", [["-V"], ["-I", "-c", "import sys; print('django.apps' in sys.modules)"]]
)
def test_what_a_fork_cannot_do_python_does_itself(words: list[str]) -> None:
    told = [
        subprocess.run([python, *words], capture_output=True).stdout
        for python in (forking_python(), sys.executable)
    ]
    assert told[0] == told[1] != b""


def test_variables_that_come_too_late_for_a_fork_are_python_s_own() -> None:
    asks = [forking_python(), "-c", "import sys; print(sys.flags.optimize)"]
    environment = {**os.environ, "PYTHONOPTIMIZE": "1"}
    assert subprocess.run(asks, env=environment, capture_output=True).stdout == b"1\n"


def test_a_shell_line_finds_python_itself_beside_the_program() -> None:
    tells = "import django, sys; print('django.apps' in sys.modules, django.__file__.rpartition('/lib/')[2])"
    told = [
        subprocess.run([python, "-c", tells], capture_output=True).stdout
        for python in (forking_python().with_name("python"), sys.executable)
    ]
    assert told[0] == told[1]
    assert told[0].startswith(b"False ")
