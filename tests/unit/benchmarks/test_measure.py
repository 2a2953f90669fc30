"""What is measured is the command's own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.measure import peak_megabytes


def test_the_memory_of_who_measures_is_not_the_commands() -> None:
    """A fork begins with it: after the rows of the cache both releases took 129 MB."""
    held = b"x" * 300_000_000
    assert peak_megabytes([sys.executable, "-ISc", "pass"]) < 100
    taken = peak_megabytes([sys.executable, "-ISc", "held = b'x' * 150_000_000"])
    assert 150 < taken < 250
    assert len(held) == 300_000_000


def test_a_command_that_fails_has_no_figure() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        peak_megabytes([sys.executable, "-ISc", "raise SystemExit(3)"])
