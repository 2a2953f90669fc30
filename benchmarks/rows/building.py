"""Builds of one host: the sample project and the generated one, cold and after each kind of change."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from benchmarks import ROOT, project, upstream
from benchmarks.fleets import FAB, run
from benchmarks.measure import Cost, cpu_seconds, in_turn
from benchmarks.results import Row, cpu, seconds

CHANGES = ("less", "template", "image", "module")
KINDS = ("cold", *CHANGES, "nothing")
LIMITS = {"cold": 0.30, **dict.fromkeys(CHANGES, 0.12), "nothing": 0.05}
BUILD_PHASES = (
    *("collectstatic", "fix_less_imports", "compilejsi18n", "resource_static", "build_requirejs"),
    *("compress", "seal"),
)
MORE_JS = 1.01  # ours may be so much larger than uglify-js's


@dataclass(frozen=True)
class Project:
    """A project to build: how it is written, its settings, and one file of each kind that changes.

    With `own` it is built by the commands that it had before fab_static came: those of benchmarks/upstream.
    """

    name: str
    write: Callable[[Path], Path]
    settings: str
    changes: dict[str, str]
    own: bool = False

    @property
    def inventory(self) -> dict[str, Any]:
        """What an inventory says of it, the place left out."""
        if not self.own:
            return {
                "project": {"settings": self.settings},
                "build": {
                    "commands": {"build_requirejs": "manage.py build_requirejs --minify oxc"}
                },
            }
        known = {**upstream.environment(self.settings), "UPSTREAM_KEEPS": "1"}
        settings = known.pop("DJANGO_SETTINGS_MODULE")
        return {
            "project": {"settings": settings, "environment": known},
            "build": {"by_content": ["r.js"]},
        }


def sample(folder: Path) -> Path:
    """Copy the sample project."""
    project.packages()  # which makes `checkout` known
    import checkout

    copied: Path = checkout.copy_to(folder)
    return copied


SAMPLE = Project(
    "the sample project",
    sample,
    "shop.settings",
    {
        "less": "shop/static/shop/less/site.less",
        "template": "shop/templates/shop/home.html",
        "image": "shop/static/shop/img/paper.png",
        "module": "cart/static/cart/js/sums.js",
    },
)


def generated(size: project.Size) -> Project:
    """Return the generated project of this size."""
    return Project(
        f"{size.files:,} files, {size.bytes / 1e6:.0f} MB, {size.blocks} blocks",
        lambda folder: project.write(folder, size),
        "bench.settings",
        {
            "less": "app00/static/app00/less/less000.less",
            "template": "app00/templates/app00/page1.html",
            "image": "app00/static/app00/img/img000.png",
            "module": "app00/static/app00/modules/modules000.js",
        },
    )


def change(code: Path, named: Project, what: str, mark: str) -> None:
    """Change one file, so that what is made of it changes too."""
    path = code / named.changes[what]
    added = {
        "less": f"\n.changed {{ order: {int(mark, 36) % 10**6}; }}\n",
        "template": f"<p>{mark}</p>\n",
        "image": mark,
        "module": f'\nwindow.changed = "{mark}";\n',
        "variable": f"@gap: {int(mark[1:]) + 5}px;\n",
    }
    with path.open("ab") as file:
        file.write(added[what].encode())


class Builder:
    """One checkout, built by us on this machine as its only host: no SSH, as there is none on the other side."""

    def __init__(
        self, named: Project, folder: Path, *, cache: dict[str, Any] | None = None
    ) -> None:
        self.named, self.folder = named, folder
        self.code = named.write(folder / "ours")
        self.phases: dict[str, float] = {}  # seconds of each, in the last build
        self._state, self._cache = folder / "state", folder / "cache"
        (folder / "inventories").mkdir()
        shutil.copy(ROOT / "fabfile.py", folder)
        inventory = {
            "app": "bench",
            "deploy_to": str(folder / "deployed"),
            "hosts": {"here": {"local": True, "roles": ["build", "static", "web"]}},
            **named.inventory,
            **({"cache": cache} if cache else {}),
        }
        inventory["project"] |= {"path": str(self.code), "python": sys.executable}
        (folder / "inventories" / "bench.yml").write_text(yaml.safe_dump(inventory), "utf-8")

    def forget(self) -> None:
        """Keep nothing of the builds before."""
        for name in (".cache", "staticfiles", "resource_versions.yml"):
            remove(self.code / name)
        for path in (self.folder / "deployed", self._cache):
            remove(path)

    def build(self) -> Cost:
        """Build and seal; return what that took: `fab prepare`, without its distribute and verify."""
        started = cpu_seconds()
        environment = {
            **os.environ,
            "XDG_STATE_HOME": str(self._state),
            "XDG_CACHE_HOME": str(self._cache),
        }
        began = time.perf_counter()
        run([FAB, "bench", "prepare"], cwd=self.folder, env=environment)
        took, used = time.perf_counter() - began, cpu_seconds() - started
        runs = sorted(
            self._state.rglob("*-prepare*.json"), key=lambda path: path.stat().st_mtime_ns
        )
        told = json.loads(runs[-1].read_text("utf-8"))
        self.phases = {
            each["phase"]: each["seconds"] for each in told["timeline"] if each["host"] is None
        }
        after = sum(spent for phase, spent in self.phases.items() if phase not in BUILD_PHASES)
        return Cost(took - after, used)


def remove(path: Path) -> None:
    """Remove a folder, a file or a link, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Upstream:
    """The same checkout, built by the procedure that we replace."""

    def __init__(self, named: Project, folder: Path) -> None:
        self.code = named.write(folder / "theirs")
        self._environment = {**os.environ, **upstream.environment(named.settings)}

    def build(self) -> None:
        """Run every step, and compress, as the first static host does."""
        for step in (*upstream.BUILD, upstream.COMPRESS):
            run(["/bin/sh", "-c", upstream.command(step)], cwd=self.code, env=self._environment)


def measure_project(
    named: Project, folder: Path, times: int, tell: Callable[[str], None], prefix: str
) -> Iterator[Row]:
    """Yield the rows of one project: every round is one build of theirs, and one of ours of each kind."""
    ours, theirs = Builder(named, folder), Upstream(named, folder)
    marks = iter(range(10_000))

    def changed(what: str) -> Callable[[], Cost]:
        def work() -> Cost:
            change(ours.code, named, what, f"m{next(marks)}")
            return ours.build()

        return work

    def cold() -> Cost:
        ours.forget()
        built = ours.build()
        if not equal:
            equal.append(compared(ours.code, theirs.code))
        return built

    equal: list[str] = []
    ways: dict[str, Callable[[], Any]] = {
        "upstream": theirs.build,
        "cold": cold,
        **{what: changed(what) for what in CHANGES},
        "nothing": ours.build,
    }
    costs = in_turn(ways, times, tell)
    against = costs.pop("upstream")
    texts = {"cold": "cold build", "nothing": "build, nothing changed"}
    texts |= {what: f"rebuild, one {what} changed" for what in CHANGES} | {
        "less": "rebuild, one LESS file changed",
        "module": "rebuild, one AMD module changed",
    }
    for kind, mine in costs.items():
        yield Row(
            f"{prefix}-{kind}",
            f"{texts[kind]}: {named.name}",
            seconds(mine),
            LIMITS[kind],
            seconds(against),
            "upstream's build, on one host",
            (cpu(mine), cpu(against)),
            equal[0] if kind == "cold" else "",
        )


def compared(ours: Path, theirs: Path) -> str:
    """Return in words how the blocks and bundles of two builds of one source compare.

    Raises:
        AssertionError: a block's CSS is another, or there is more JavaScript than may be.
    """
    mine, other = (
        json.loads(upstream.manifest(code).read_text("utf-8")) for code in (ours, theirs)
    )
    assert mine.keys() == other.keys(), "the offline manifests have other keys"
    sheets = [key for key in mine if ".css" in mine[key] or "<style" in mine[key]]
    for key in sheets:
        assert _output(ours, mine[key]) == _output(theirs, other[key]), f"other CSS: {mine[key]}"
    scripts = [key for key in mine if key not in set(sheets)]
    blocks = [
        sum(len(_output(*each)) for each in side)
        for side in (
            [(ours, mine[key]) for key in scripts],
            [(theirs, other[key]) for key in scripts],
        )
    ]
    root = theirs / upstream.STATIC_ROOT
    bundles = [
        str(
            path.relative_to(root).with_suffix("")
        )  # the one that has a map beside it, made by the build
        for path in root.rglob("*.js.map")
        if (ours / "staticfiles" / path.relative_to(root)).exists()
        and "node_modules" not in path.parts
    ]
    sizes = [
        sum((code / "staticfiles" / name).stat().st_size for name in bundles)
        for code in (ours, theirs)
    ]
    for what, (one, two) in {"blocks": blocks, "bundles": sizes}.items():
        assert one <= MORE_JS * max(two, 1), f"JavaScript of {what}: {one:,} bytes, theirs {two:,}"
    return (
        f"{len(mine)} blocks compared: {len(sheets)} of CSS equal byte for byte, {len(scripts)} of "
        f"JavaScript {blocks[0]:,} bytes against {blocks[1]:,}; {len(bundles)} bundles are {sizes[0] / max(1, sizes[1]):.4f} times "
        "as large as uglify-js's."
    )


def _output(code: Path, html: str) -> bytes:
    """Return the bytes that a manifest's value leads to: its file's, or what stands in it."""
    names = [
        part.split('"')[0].split("?")[0]
        for part in html.split("/__compressor_url_placeholder__/")[1:]
    ]
    if not names:
        return html.encode()
    return b"".join((code / "staticfiles" / name).read_bytes() for name in names)


def _rows(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}-{kind}" for kind in KINDS)


def _measure_sample(
    folder: Path, times: int, tell: Callable[[str], None], small: bool
) -> Iterator[Row]:
    del small
    yield from measure_project(SAMPLE, folder, times, tell, "sample")


def _measure_generated(
    folder: Path, times: int, tell: Callable[[str], None], small: bool
) -> Iterator[Row]:
    size = project.SMALL if small else project.Size()
    yield from measure_project(generated(size), folder, times, tell, "generated")


OF_SAMPLE = SimpleNamespace(ROWS=_rows("sample"), measure=_measure_sample)
OF_GENERATED = SimpleNamespace(ROWS=_rows("generated"), measure=_measure_generated)
