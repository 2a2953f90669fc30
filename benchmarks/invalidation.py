"""What CloudFront would be asked to forget, and what that evicts needlessly, against how others choose.

Prints two tables in Markdown: plans for five kinds of deploys over a made-up tree of 2,333 files, and how
long planning takes. The trees are drawn with fixed seeds. Run: python -m benchmarks.invalidation
"""

# ruff: noqa: ARG001 - ways share a signature; the trees are the same at each run; it speaks
from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Collection, Iterable, Sequence

from fab_static.plan.cdn.invalidation import PRICE_USD, Invalidation, to_invalidate
from fab_static.plan.cdn.queries import ANY_QUERY, PLAIN, Queries

RUNS = 7
# files of eight packages, as the static trees of common Django packages have them
PACKAGES = {
    "editor": 1258,
    "admin": 163,
    "cms": 402,
    "grid": 213,
    "api": 96,
    "rich": 118,
    "debug": 18,
    "maps": 65,
}
WORDS = re.findall(
    r"\w+",
    """
    about accept action add alert align anchor angle apply archive arrow attach audio back badge
    bar base basic block blog board body bold book border bottom box brand bread bubble bullet
    button calendar call camera cancel card caret cart center change chart check chevron circle
    clear clock close cloud code color column comment common compact config contact content
    control copy core count crop cut dark dash data date default delete detail dialog disable
    display document down drag draw drop edit editor element email embed empty error event
    expand export external eye face field file fill filter find flag flash focus folder font
    footer form forward frame full gallery gear globe grid group handle header heart help hide
    home icon image import indent index info input insert item join key label language layout
    left light line link list load lock login logo main map mark media menu message meta minus
    mobile modal module month more move music name nav new next note number object open option
    order outline page paint panel paper paste pause phone photo picker pin plain play plugin
    plus point popup preview print profile quote radio range read redo refresh remove reply
    reset resize right rotate rule save scroll search select send settings shape share show side
    size skin slider sort source spin star start status step stop style sub submit table tag
    target task template text theme thumb time title toggle tool top track tree type undo unlock
    up update upload user util value view warn week widget window wrap year zoom
    """,
)
ENDINGS = (".js", ".min.js", ".css", ".svg", ".png", ".gif", ".woff2", ".js.map")


def tree(size: int, draw: random.Random, prefix: str = "") -> list[str]:
    """Return so many paths of one package: folders of very different sizes, a few levels deep."""
    folders = [prefix]
    for _ in range(max(1, size // 25)):
        folders.append(f"{draw.choice([*folders[-12:], prefix])}{draw.choice(WORDS)}/")
    weights = [draw.paretovariate(1.1) for _ in folders]
    paths: set[str] = set()
    while len(paths) < size:
        name = "-".join(draw.choices(WORDS, k=draw.choice((1, 2, 2, 3))))
        paths.add(draw.choices(folders, weights)[0] + name + draw.choice(ENDINGS))
    return sorted(paths)


def by_everything(changed: Collection[str], tree: Collection[str]) -> list[str]:
    """Choose as the AWS CDK's BucketDeployment does."""
    return ["*"]


def by_name(changed: Collection[str], tree: Collection[str]) -> list[str]:
    """Name each changed file."""
    return sorted(changed)


def by_eight(changed: Collection[str], tree: Collection[str]) -> list[str]:
    """Fold folders until eight paths are left, or all, in the manner of s3deploy."""
    paths = set(changed)
    for depth in range(max(path.count("/") for path in paths), -1, -1):
        if len(paths) <= 8:
            return sorted(paths)
        paths = {
            "/".join([*path.split("/")[:depth], "*"]) if path.count("/") >= depth else path
            for path in paths
        }
    return ["*"]


def by_top_folder(changed: Collection[str], tree: Collection[str]) -> list[str]:
    """Take a wildcard for each folder at the top."""
    return sorted({path.partition("/")[0] + "/*" for path in changed})


def by_us(changed: Collection[str], tree: Collection[str], queries: Queries = PLAIN) -> list[str]:
    """Take the optimum."""
    return [path.removeprefix("/static/") for path in planned(changed, tree, queries).paths]


def by_us_unknowing(changed: Collection[str], tree: Collection[str]) -> list[str]:
    """Take the optimum where every file may be cached under any query."""
    return by_us(changed, tree, ANY_QUERY)


def planned(changed: Iterable[str], tree: Iterable[str], queries: Queries) -> Invalidation:
    """Return our plan."""
    return to_invalidate(dict.fromkeys(changed, queries), dict.fromkeys(tree, PLAIN), "/static/")


def judged(paths: Sequence[str], changed: Collection[str], tree: Collection[str]) -> str:
    """Return exact paths / wildcards / needless evictions / dollars; every changed file must go."""
    prefixes = tuple(path[:-1] for path in paths if path.endswith("*"))
    named = set(paths)
    gone = {path for path in tree if path in named or path.startswith(prefixes)}
    if not set(changed) <= gone:
        raise AssertionError("a changed file would stay cached")
    needless = len(gone) - len(changed)
    price = len(paths) * PRICE_USD
    return f"{len(paths) - len(prefixes)} / {len(prefixes)} / {needless:,} / {price:.3f}"


def deploys(tree: Sequence[str], draw: random.Random) -> dict[str, list[str]]:
    """Return what changes in five kinds of deploys."""
    editor = [path for path in tree if path.startswith("editor/")]
    small = [path for path in tree if path.startswith(("debug/", "maps/"))]
    rest = [path for path in tree if not path.startswith(("debug/", "maps/"))]
    return {
        "5 scattered": draw.sample(tree, 5),
        "40 scattered": draw.sample(tree, 40),
        "2 packages and 12 scattered": small + draw.sample(rest, 12),
        "90 % of one package (1,132)": draw.sample(editor, 1132),
        "85 % of all (1,983)": draw.sample(tree, 1983),
    }


def seconds(size: int, changed: int, queries: Queries) -> float:
    """Return the median CPU time of RUNS plans over a tree of this size: other programs do not count."""
    draw = random.Random(size)
    paths = [
        path for part in range(10) for path in tree(size // 10, draw, prefix=f"package{part}/")
    ]
    some = draw.sample(paths, changed)
    took = []
    for _ in range(RUNS):
        started = time.process_time()
        planned(some, paths, queries)
        took.append(time.process_time() - started)
    return statistics.median(took)


def main() -> None:
    """Print both tables."""
    draw = random.Random(2333)
    paths = [path for name, size in PACKAGES.items() for path in tree(size, draw, f"{name}/")]
    ways = (by_everything, by_name, by_eight, by_top_folder, by_us, by_us_unknowing)
    print(f"Exact paths / wildcards / needless evictions / $; {len(paths):,} files\n")
    print(
        "| deploy | `/static/*` | every name | at most eight | top folders | fab_static | queries unknown |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, changed in deploys(paths, draw).items():
        cells = [judged(way(changed, paths), changed, paths) for way in ways]
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"\nCPU seconds to plan, medians of {RUNS}\n")
    print("| URLs | changed | queries known | queries unknown |")
    print("|---|---|---|---|")
    for size, count in (
        (2_300, 40),
        (10_000, 200),
        (10_000, 2_500),
        (100_000, 2_000),
        (100_000, 25_000),
    ):
        known, unknown = (seconds(size, count, queries) for queries in (PLAIN, ANY_QUERY))
        print(f"| {size:,} | {count:,} | {known:.3f} | {unknown:.3f} |")


if __name__ == "__main__":
    main()
