"""What it costs to observe the programs of a phase: each under strace, as a phase runs it, against the same by itself."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.measure import in_turn
from benchmarks.results import Row, cpu, seconds
from fab_static.host.project.traces.running import Trace
from fab_static.host.project.traces.seen import Seen

TESTS = Path(__file__).parents[2] / "tests"
BUNDLERS = TESTS / "bundlers/node_modules"
SHEET = TESTS / "sample_project/node_modules/bootstrap/less/bootstrap.less"
TOOLS = {
    "lessc": "`lessc` with all of Bootstrap",
    "sass": "`sass` with 40 partials",
    "webpack": "`npm run webpack` with 500 modules",
    "vite": "`npm run vite` with 500 modules",
}
ROWS = tuple(f"tracing-{tool}" for tool in TOOLS)
MODULES, PARTIALS = 500, 40


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the rows."""
    _write(folder, 10 if small else MODULES)
    run = ["npm", "--silent", "run"]
    commands = {
        "lessc": [str(BUNDLERS / ".bin/lessc"), str(SHEET), "dist/bootstrap.css"],
        "sass": [str(BUNDLERS / ".bin/sass"), "site.scss", "dist/site.css"],
        "webpack": [*run, "webpack"],
        "vite": [*run, "vite"],
    }
    for tool, command in commands.items():
        yield _row(tool, command, folder, times, tell)


def _row(
    tool: str, command: list[str], folder: Path, times: int, tell: Callable[[str], None]
) -> Row:
    """Run a tool in turn with and without strace."""
    asked: list[int] = []

    def observed() -> None:
        trace = Trace(str(folder), Seen(apart=[str(folder / "dist")]))
        subprocess.run(
            trace.words(command),
            cwd=folder,
            env=trace.variables(os.environ),
            check=True,
            capture_output=True,
        )
        asked.append(len(trace.finish().inputs))

    def alone() -> None:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    costs = in_turn({"observed": observed, "alone": alone}, times, tell)
    return Row(
        f"tracing-{tool}",
        f"{TOOLS[tool]}, observed by strace",
        seconds(costs["observed"]),
        None,
        seconds(costs["alone"]),
        "alone",
        cpu=(cpu(costs["observed"]), cpu(costs["alone"])),
        note=f"What it looked at, found or not: {asked[-1]:,} times.",
    )


def _write(folder: Path, count: int) -> None:
    """Write a front end for each tool."""
    for path, text in _files(count).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    (folder / "node_modules").symlink_to(BUNDLERS)


def _files(count: int) -> Mapping[str, str]:
    scripts = {
        "webpack": "webpack --mode production --entry ./main.js --output-path dist/webpack",
        "vite": "vite build --outDir dist/vite",
    }
    modules = {f"parts/m{n}.js": f"export const m{n} = () => {n};\n" for n in range(count)}
    main = "".join(
        f'import {{ m{n} }} from "./parts/m{n}.js";\nconsole.log(m{n}());\n' for n in range(count)
    )
    return {
        "package.json": json.dumps({"name": "bench", "private": True, "scripts": scripts}),
        "index.html": '<script type="module" src="/main.js"></script>\n',
        "main.js": main,
        **modules,
        "site.scss": "".join(f'@use "sheets/s{n}";\n' for n in range(PARTIALS)),
        **{f"sheets/_s{n}.scss": f".s{n} {{ width: {n}px }}\n" for n in range(PARTIALS)},
    }
