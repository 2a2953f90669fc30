"""The Pythons of this machine: hosts have others than the operator's.

A Python of a version is looked for in this order: the environment variable FAB_STATIC_PYTHON_3_8 (for 3.8),
~/.pyenv/versions, what uv has installed, and PATH. Run as a program, it makes those that the tests need, where it can.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = "3.8"  # that an agent runs in
OPERATORS = (3, 11)  # the oldest that the operator's program runs in: hosts may have older ones
VERSIONS = [f"3.{minor}" for minor in range(8, 20)]
IN_CI = bool(os.environ.get("CI"))
PYENV = Path.home() / ".pyenv" / "versions"
PLACES = Path(sys.prefix) / "hosts"  # beside what this run has: `make clean` removes it, too


def found(version: str) -> str | None:
    """Return the path of a Python of a version, such as 3.8, or None if this machine has none."""
    named = os.environ.get("FAB_STATIC_PYTHON_" + version.replace(".", "_"))
    in_pyenv = sorted(PYENV.glob(f"{version}.*/bin/python"))
    candidates = [named, *map(str, reversed(in_pyenv)), _of_uv(version), f"python{version}"]
    for candidate in filter(None, candidates):
        if _says(candidate) == version:
            return shutil.which(candidate)
    return None


def newest() -> str:
    """Return the newest version that this machine has."""
    return next(version for version in reversed(VERSIONS) if found(version))


def can_be_had() -> str | None:
    """Return the command that installs the oldest version here, or None if there is no such program."""
    commands = {"uv": f"uv python install {OLDEST}", "pyenv": f"pyenv install {OLDEST}"}
    return next((words for program, words in commands.items() if shutil.which(program)), None)


def with_tests(version: str) -> str:
    """Return a Python of a version that has what tests of the agent need, made if it is not there.

    Raises:
        subprocess.CalledProcessError: pip cannot install it.
    """
    place = PLACES / version
    python = place / "bin" / "python"
    packages = ["pytest", "hypothesis"]
    if runs_the_operator(version):  # some tests have the operator sign what a host fetches
        packages += ["PyYAML", "boto3"]
    ready = place / "ready"
    if not ready.exists() or ready.read_text("utf-8") != " ".join(packages):
        base = found(version)
        assert base, f"there is no Python {version} here"
        _run(base, "-m", "venv", "--clear", str(place))
        _run(str(python), "-m", "pip", "install", "--quiet", *packages)
        ready.write_text(" ".join(packages), "utf-8")
    return str(python)


def runs_the_operator(version: str) -> bool:
    """Tell whether the operator's program runs in a version, too, and not only a host's agent."""
    return tuple(map(int, version.split("."))) >= OPERATORS


def _says(python: str) -> str | None:
    """Return the version that a program says it is, or None if it is no Python that starts."""
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        ran = subprocess.run([python, "-I", "-c", script], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return ran.stdout.decode().strip()


def _of_uv(version: str) -> str | None:
    if not shutil.which("uv"):
        return None
    ran = subprocess.run(
        ["uv", "python", "find", "--no-python-downloads", version], capture_output=True, check=False
    )
    return ran.stdout.decode().strip() or None


def _run(*words: str) -> None:
    subprocess.run(words, capture_output=True, check=True)


if __name__ == "__main__":
    for needed in filter(found, {OLDEST, newest()}):
        with contextlib.suppress(subprocess.CalledProcessError):  # the test tells, or is skipped
            with_tests(needed)
