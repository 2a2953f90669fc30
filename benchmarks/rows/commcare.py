"""Builds of a project of CommCare HQ's shape: by our commands, and by the commands that it had before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import commcare
from benchmarks.measure import Cost, in_turn
from benchmarks.results import Figure, Row, cpu, seconds
from benchmarks.rows.building import Builder, Project, Upstream, change, compared

TEXTS = {
    "cold": "cold build",
    "less": "rebuild, one LESS variable changed",
    "nothing": "build, nothing changed",
}
LIMITS = {
    "commcare": {"cold": 0.40, "less": 0.12, "nothing": 0.05},
    "commcare-own": {"cold": 0.80, "less": 0.30, "nothing": 0.05},
}
SEAL = "commcare-seal"
ROWS = (*(f"{prefix}-{kind}" for prefix in LIMITS for kind in TEXTS), SEAL)
SEAL_SECONDS = 2.0  # at most: of a cold build


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the rows: every round is one build of theirs, and one of ours of each kind, by either commands."""
    size = commcare.SMALL if small else commcare.SIZE
    ours = Project(
        f"CommCare's shape, {commcare.FILES}, our commands",
        lambda path: commcare.write(path, size),
        commcare.SETTINGS,
        {"variable": commcare.VARIABLES},
    )
    own = replace(ours, name=ours.name.replace("our commands", "its own commands"), own=True)
    named = {"commcare": ours, "commcare-own": own}
    for prefix in named:
        (folder / prefix).mkdir()
    builders = {prefix: Builder(each, folder / prefix) for prefix, each in named.items()}
    theirs = Upstream(ours, folder)
    marks, equal, sealing = iter(range(10_000)), dict[str, str](), list[float]()

    def cold(prefix: str) -> Cost:
        builders[prefix].forget()
        built = builders[prefix].build()
        if prefix == "commcare":
            sealing.append(builders[prefix].phases["seal"])
        if prefix not in equal:
            equal[prefix] = compared(builders[prefix].code, theirs.code)
        return built

    def changed(prefix: str) -> Cost:
        change(builders[prefix].code, named[prefix], "variable", f"m{next(marks)}")
        return builders[prefix].build()

    ways: dict[str, Callable[[], Any]] = {"upstream": theirs.build}
    for prefix, builder in builders.items():
        ways[f"{prefix}-cold"] = lambda prefix=prefix: cold(prefix)
        ways[f"{prefix}-less"] = lambda prefix=prefix: changed(prefix)
        ways[f"{prefix}-nothing"] = builder.build
    costs = in_turn(ways, times, tell)
    against = costs.pop("upstream")
    for name, mine in costs.items():
        prefix, _, kind = name.rpartition("-")
        yield Row(
            name,
            f"{TEXTS[kind]}: {named[prefix].name}",
            seconds(mine),
            LIMITS[prefix][kind],
            seconds(against),
            "upstream's build, on one host",
            (cpu(mine), cpu(against)),
            equal[prefix] if kind == "cold" else "",
        )
    yield Row(
        SEAL,
        f"the phase seal of a cold build: {commcare.FILES}",
        Figure.of(sealing),
        SEAL_SECONDS,
        note="It compresses what is not compressed beside the phases before it.",
    )
