"""What the start of an agent costs a host: its first words, `open` and `state`, against a Python that does nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.results import Figure, Row
from fab_static.host.agent.protocol import HELLO
from fab_static.remote.sent import agent_for, framed
from tests.pythons import found

VERSIONS = ("3.8", "3.11")
ROWS = tuple(f"agent-start-{version}" for version in VERSIONS)
TIMES = 20  # these are milliseconds
GOAL = 3.4  # times a bare Python: 37 ms where that takes 11


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the rows."""
    for row, version in zip(ROWS, VERSIONS, strict=True):
        python = found(version)
        if python is None:
            tell(f"there is no Python {version} here")
            continue
        bare, whole = [], []
        for _ in range(times if small else max(times, TIMES)):
            bare.append(milliseconds([python, "-I", "-S", "-X", "utf8", "-c", "pass"], b"", 0))
            whole.append(_started(python, folder))
        tell(f"Python {version}: {Figure.of(whole, 'CPU ms')} against {Figure.of(bare, 'CPU ms')}")
        yield Row(
            row,
            f"an agent's first words, `open` and `state`, Python {version}",
            Figure.of(whole, "CPU ms"),
            GOAL,
            Figure.of(bare, "CPU ms"),
            "for a Python that does nothing",
            note=f"A static host is sent {len(agent_for(['static']).archive) / 1000:.0f} KB for it.",
        )


def _started(python: str, folder: Path) -> float:
    """Start an agent as that of a static host which keeps none yet; return the CPU milliseconds to its answer and end."""
    agent = agent_for(["static"])
    opening = {"do": "open", "deploy_to": str(folder), "app": "bench", "environment": "bench"}
    asked = framed({**opening, "n": 1}, b"") + framed({"do": "state", "n": 2}, b"")
    nothing = str(folder / "nothing-is-kept-here")
    sent = agent.asking(b"") + agent.archive + asked
    return milliseconds(agent.command(python, nothing), sent, answers=2)


def milliseconds(command: list[str], data: bytes, answers: int) -> float:
    """Run a program until it has answered this often, and return its CPU milliseconds."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(data)
    process.stdin.flush()
    said = b""
    while said.count(b'"ok": true') < answers:
        piece = os.read(process.stdout.fileno(), 65536)
        if not piece:
            raise RuntimeError(f"the agent ended: {said!r}")
        said += piece
    assert not answers or HELLO in said
    process.stdin.close()
    process.stdout.close()
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return 1000 * (used.ru_utime + used.ru_stime)
