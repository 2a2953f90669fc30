"""What was measured: rows, kept in results.json as they come, and RESULTS.md made of them."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost

HERE = Path(__file__).parent
KEPT = HERE / "results.json"
TABLE = HERE / "RESULTS.md"
NOTES = HERE / "notes.md"


@dataclass(frozen=True)
class Figure:
    """One thing measured several times."""

    values: tuple[float, ...]
    unit: str = "s"

    @classmethod
    def of(cls, values: Sequence[float], unit: str = "s") -> Figure:
        """Return the figure of these values."""
        return cls(tuple(round(value, 4) for value in values), unit)

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        spread = f" ({_short(low)} to {_short(high)})" if len(self.values) > 1 else ""
        return f"{_short(self.median)} {self.unit}{spread}"


def seconds(costs: Sequence[Cost]) -> Figure:
    """Return the clock's seconds of some runs."""
    return Figure.of([each.seconds for each in costs])


def cpu(costs: Sequence[Cost]) -> Figure:
    """Return the CPU seconds of some runs."""
    return Figure.of([each.cpu for each in costs], "CPU s")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    With `theirs` the figure is the median of the rounds' ratios, and `limit` is of that; else both are ours.
    `cpu` are the CPU seconds of both, beside the clock's. What the row found besides stands in `note`.
    """

    name: str
    what: str
    ours: Figure
    limit: float | None
    theirs: Figure | None = None
    against: str = ""
    cpu: tuple[Figure, Figure | None] | None = None
    note: str = ""
    at: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M}")
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))
    on: str = field(default_factory=lambda: processors())

    @property
    def figure(self) -> float:
        """What is held to the limit."""
        return ratio(self.ours, self.theirs) if self.theirs else self.ours.median

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached."""
        return self.limit is None or self.figure <= self.limit

    def cells(self) -> list[str]:
        """Return its cells."""
        goal = "" if self.limit is None else f"≤ {self.limit:g}"
        unit = f" {self.ours.unit}" if self.limit is not None and not self.theirs else ""
        verdict = "" if self.limit is None else "met" if self.is_met else "**missed**"
        of_cpu = ""
        if self.cpu:
            mine, other = self.cpu
            of_cpu = f"{_short(mine.median)}"
            of_cpu += f" : {_short(other.median)} = {ratio(mine, other):.2f}" if other else ""
        return [
            self.what,
            str(self.ours),
            f"{self.theirs}" if self.theirs else "",
            f"{self.figure:.3f}" if self.theirs else "",
            f"{goal}{unit}",
            verdict,
            of_cpu,
        ]


def ratio(ours: Figure, theirs: Figure) -> float:
    """Return the median of the ratios of the rounds; of the medians, where there were not as many."""
    if len(ours.values) == len(theirs.values):
        return statistics.median(
            one / other for one, other in zip(ours.values, theirs.values, strict=True)
        )
    return ours.median / theirs.median


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


# ---- kept


def keep(rows: Sequence[Row], path: Path = KEPT) -> None:
    """Add rows to those kept; one of the same name is replaced."""
    kept = {row.name: row for row in [*read(path), *rows]}
    path.write_text(
        json.dumps([asdict(row) for row in kept.values()], indent=1, ensure_ascii=False) + "\n",
        "utf-8",
    )


def read(path: Path = KEPT) -> list[Row]:
    """Return the rows kept."""
    if not path.exists():
        return []

    def figure(known: dict[str, Any] | None) -> Figure | None:
        return known and Figure(tuple(known["values"]), known["unit"])  # type: ignore[return-value]

    rows = []
    for known in json.loads(path.read_text("utf-8")):
        both = known["cpu"] and tuple(figure(each) for each in known["cpu"])
        figures = {"ours": figure(known["ours"]), "theirs": figure(known["theirs"]), "cpu": both}
        rows.append(Row(**{**known, **figures}))
    return rows


# ---- shown


def table(rows: Sequence[Row], order: Sequence[str], notes: str) -> str:
    """Return RESULTS.md: every row, why those that missed did, and what comes next.

    Args:
        rows: what is known.
        order: the names of all rows that there are to be.
        notes: text with a section `## <row>` for each row of which there is something to say, and `## Next`.
    """
    known = {row.name: row for row in rows}
    said = dict(re.findall(r"^## (.+?)\n+(.*?)(?=\n## |\Z)", notes, re.MULTILINE | re.DOTALL))
    lines = [
        "# Results",
        "",
        "Written by `make bench`. Medians, with the least and the most in brackets; a ratio is the median of the "
        "rounds' own ratios, ours to what we are compared with, run in turn. CPU is all processes' on all hosts, "
        "ours : theirs. Everything runs on one machine, so trust ratios before seconds.",
        "",
        machine(),
        "",
        "| what | ours | compared with | ratio | goal | | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in order:
        if name in known:
            row = known[name]
            cells = row.cells()
            if row.theirs:
                cells[2] += f" {row.against}"
            lines.append(f"| {' | '.join(cells)} |")
        else:
            lines.append(f"| {name} | not measured | | | | | |")
    lines += ["", "## What the rows say", ""]
    for name in order:
        if name in known:
            row = known[name]
            runs = f"{len(row.ours.values)} runs, {row.at} UTC, load {row.load}, {row.on}"
            parts = [f"{row.note} " if row.note else "", f"({runs})"]
            lines.append(f"- **{row.what}**: {''.join(parts)}")
    missed = [known[name] for name in order if name in known and not known[name].is_met]
    lines += ["", "## Missed, and why", ""]
    lines += [
        f"- **{row.what}** ({row.figure:.3g}, goal {row.limit:g}): "
        + said.get(row.name, "not profiled yet").strip()
        for row in missed
    ] or ["None."]
    lines += [
        "",
        "## The next bottleneck",
        "",
        said.get("Next", "").strip() or "Not known yet.",
        "",
    ]
    return "\n".join(lines)


def processors() -> str:
    """Return how many processors this machine has, and which: "2 of AMD EPYC"."""
    found = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text("utf-8"))
    return f"{len(found) or os.cpu_count()} of {found[0] if found else platform.machine()}"


def machine() -> str:
    """Return what the last row was measured with, in a line; each row says on which processors."""
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text("utf-8"))
    parts = [
        f"{int(memory[1]) / 1e6:.0f} GB" if memory else "",
        _system(),
        f"Python {platform.python_version()}",
        *(
            f"{name} {version(name)}"
            for name in ("Django", "django-compressor", "fabric", "paramiko")
        ),
        *(said for command in PROGRAMS if (said := _said(command))),
    ]
    return "Measured last with " + ", ".join(part for part in parts if part) + "."


PROGRAMS = (
    ["node", "--version"],
    ["sshd", "-V"],
    ["rsync", "--version"],
    ["cap", "--version"],
    ["nginx", "-v"],
)


def _said(command: list[str]) -> str:
    """Return a program's name and version; "" where it is not there."""
    try:
        path = f"{os.environ['PATH']}:/usr/sbin"
        done = subprocess.run(command, capture_output=True, text=True, env={"PATH": path})
    except OSError:
        return ""
    found = re.search(r"\d+\.\d+(\.\d+|p\d+)?", done.stdout + done.stderr)
    return f"{command[0]} {found[0]}" if found else ""


def _system() -> str:
    found = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text("utf-8"))
    return f"{found[1] if found else sys.platform}, Linux {platform.release()}"
