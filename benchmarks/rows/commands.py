"""What `fab --list` and `fab <environment> status` load of ours, against a Python that does nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import own_share
from benchmarks.own_share import Import, shares
from benchmarks.results import Figure, Row
from benchmarks.rows.starting import TIMES, milliseconds

COMMANDS = {"list": ["--list"], "status": ["here", "status"]}
ROWS = tuple(f"own-share-{name}" for name in COMMANDS)
GOAL = 5.5  # times a bare Python: 60 ms where that takes 11


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the rows."""
    _operator(folder)
    environ = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    for row, (name, words) in zip(ROWS, COMMANDS.items(), strict=True):
        _shares(words, folder, environ)  # compiles modules, as pip does when it installs them
        bare, ours, theirs = [], [], []
        for _ in range(times if small else max(times, TIMES)):
            bare.append(milliseconds([sys.executable, "-I", "-S", "-c", "pass"], b"", 0))
            share = _shares(words, folder, environ)
            ours.append(1000 * share["ours"])
            theirs.append(1000 * share["theirs"])
        tell(
            f"{name}: {Figure.of(ours, 'CPU ms')} of ours, {Figure.of(theirs, 'CPU ms')} of theirs"
        )
        yield Row(
            row,
            f"our own share of what `fab {' '.join(words).replace('here', 'staging')}` imports",
            Figure.of(ours, "CPU ms"),
            GOAL,
            Figure.of(bare, "CPU ms"),
            "for a Python that does nothing",
            note=f"Fabric, Invoke, Paramiko and PyYAML: {Figure.of(theirs, 'CPU ms')}. "
            "Modules are compiled before, as pip does when it installs them.",
        )


def _operator(folder: Path) -> None:
    """Write a fabfile, and an environment of this machine alone."""
    (folder / "fabfile.py").write_text("from fab_static import namespace\n", "utf-8")
    (folder / "inventories").mkdir()
    (folder / "inventories" / "here.yml").write_text(
        f"app: shop\ndeploy_to: {folder}/static\n"
        "hosts:\n  here: {local: true, roles: [build, static, web]}\n"
        f"project: {{path: {folder}/code}}\n",
        "utf-8",
    )


def _shares(words: list[str], folder: Path, environ: dict[str, str]) -> dict[str, float]:
    """Run a command of `fab`, and return the CPU seconds of its imports: ours and theirs."""
    noted = folder / "imports.json"
    subprocess.run(
        [
            sys.executable,
            "-P",
            str(own_share.__file__),
            str(noted),
            *words,
        ],  # -P: our s3.py is no library
        cwd=folder,
        env=environ,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return shares(Import(*one) for one in json.loads(noted.read_text("utf-8")))
