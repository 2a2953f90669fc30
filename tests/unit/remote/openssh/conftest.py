"""A program in the place of `ssh`: it does what a test writes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

FakeSsh = Callable[[str], None]

# what all of them know: the socket that -S names, and the name of the host
_WORDS = """#!/bin/sh
given="$*" socket= hop=
while [ $# -gt 0 ]; do
  [ "$1" = -S ] && socket=$2
  [ "$1" = -- ] && hop=$2
  shift
done
"""


@pytest.fixture
def fake_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSsh:
    """Return a function that writes what `ssh` does: lines of sh; $given, $socket and $hop are set."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def write(lines: str) -> None:
        path = folder / "ssh"
        path.write_text(_WORDS + lines)
        path.chmod(0o755)

    return write
