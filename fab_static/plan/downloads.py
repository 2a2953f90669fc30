"""What visitors download for a deploy, page by page: those who come back, and those who come for the first time.

Arithmetic alone: two releases, and the files of each page. Counted are the bytes of bodies from the static root, in the
smallest form that a browser takes. A browser with deltas holds the old bytes, and takes a difference to them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict

from fab_static.plan.budget import Budget
from fab_static.plan.release import File, Release
from fab_static.plan.wording import sized

PAGE, TEMPLATE = "page", "template"


class Cost(TypedDict):
    """Bytes that a browser downloads: one that takes deltas, one that takes Brotli, one that takes gzip alone."""

    deltas: int
    br: int
    gzip: int


class Part(Cost):
    """The same, of one file."""

    path: str


class Download(TypedDict):
    """What a page costs. `returning` is null where nothing was live before; `files` are those that it downloads."""

    page: str  # its URL, or the name of a template
    kind: str  # page or template
    returning: Cost | None
    first: Cost
    files: list[Part]


class Downloads(TypedDict):
    """What all pages cost. `expected`: the pages asked were those of the release that was live before."""

    old: str | None
    new: str
    expected: bool
    pages: list[Download]


class Point(TypedDict):
    """What one deploy cost, on its dearest page."""

    release: str
    at: str
    returning: Cost | None
    first: Cost


@dataclass(frozen=True)
class Visit:
    """A page, the files of the new release that it names, and those of the old one that a visitor holds.

    `held` is None where that is not known: then the visitor holds what came before each file.
    """

    page: str
    kind: str
    now: Collection[str]
    held: Collection[str] | None = None


def downloads(
    old: Release | None,
    new: Release,
    before: Mapping[str, str],
    visits: Iterable[Visit],
    *,
    expected: bool,
) -> Downloads:
    """Return what visitors download.

    Args:
        old: what they hold files of, or None if nothing was live.
        new: what they get.
        before: a path of `new` -> the path of `old` whose place it takes.
        visits: the pages.
        expected: the pages were asked before `new` was live.
    """
    pages = [_download(old, new, before, visit) for visit in visits]
    return {"old": old.id if old else None, "new": new.id, "expected": expected, "pages": pages}


def _download(
    old: Release | None, new: Release, before: Mapping[str, str], visit: Visit
) -> Download:
    there = [path for path in sorted({*visit.now}) if path in new.files]
    first = _together([{"path": path, **first_cost(new.files[path])} for path in there])
    if old is None:
        return _told(visit, None, first, [])
    held = visit.held
    parts: list[Part] = []
    for path in there:
        known = before.get(path)
        is_held = known is not None and (held is None or known in held)
        cost = returning_cost(old, new, path, known if is_held else None)
        if any(cost.values()):
            parts.append({"path": path, **cost})
    parts.sort(key=lambda part: (-part["br"], part["path"]))
    return _told(visit, _together(parts), first, parts)


def _told(visit: Visit, returning: Cost | None, first: Cost, files: list[Part]) -> Download:
    return {
        "page": visit.page,
        "kind": visit.kind,
        "returning": returning,
        "first": first,
        "files": files,
    }


def _together(parts: Iterable[Part]) -> Cost:
    some = list(parts)
    return {
        "deltas": sum(part["deltas"] for part in some),
        "br": sum(part["br"] for part in some),
        "gzip": sum(part["gzip"] for part in some),
    }


def first_cost(file: File) -> Cost:
    """Return what a file costs somebody who holds nothing."""
    sizes = {ending: one.size for ending, one in file.encodings.items()}
    gzip = min(file.size, sizes.get("gz", file.size))
    br = min(gzip, sizes.get("br", gzip))
    # who takes deltas takes zstd as well
    return {"deltas": min(br, sizes.get("zst", br)), "br": br, "gzip": gzip}


def returning_cost(old: Release, new: Release, path: str, known: str | None) -> Cost:
    """Return what a file costs somebody who holds the file of the old release whose place it takes.

    Args:
        old: what was live.
        new: what is live now.
        path: of a file in `new`.
        known: the path in `old` of the file that is held; None: none is.
    """
    file = new.files[path]
    cost = first_cost(file)
    held = old.files.get(known or "")
    if held is None:
        return cost
    if held.sha256 == file.sha256 and _url(old, str(known)) == _url(new, path):
        return {"deltas": 0, "br": 0, "gzip": 0}
    delta = file.deltas.get(held.sha256)
    return {**cost, "deltas": min(cost["deltas"], delta.size)} if delta else cost


def _url(release: Release, path: str) -> tuple[str, str | None]:
    """Return what tells the URL of a file from others, as pages of a release print it."""
    return path, release.versions.get(path)


def of_templates(new: Release) -> list[Visit]:
    """Return the compress blocks of each template, where no page can be asked."""
    found: dict[str, set[str]] = defaultdict(set)
    for path, names in new.bundles.items():
        for name in names:  # "shop/base.html, css 1"
            found[name.rpartition(", ")[0].partition(", ")[0] or name].add(path)
    return [Visit(template, TEMPLATE, found[template]) for template in sorted(found)]


def of_pages_now(named: Mapping[str, Collection[str]]) -> list[Visit]:
    """Return the pages as the new release prints them."""
    return [Visit(page, PAGE, paths) for page, paths in named.items()]


def of_pages_before(named: Mapping[str, Collection[str]], before: Mapping[str, str]) -> list[Visit]:
    """Return the pages as the new release will print them, by what they name now: each file gives way to its successor."""
    after: dict[str, list[str]] = defaultdict(list)
    for path, known in before.items():
        after[known].append(path)
    return [
        Visit(page, PAGE, {path for known in paths for path in after[known]}, held=paths)
        for page, paths in named.items()
    ]


def point(found: Downloads, at: str) -> Point | None:
    """Return what a deploy cost on its dearest page, or None if no page is known."""
    pages = found["pages"]
    if not pages:
        return None
    some = [page["returning"] for page in pages if page["returning"]]
    return {
        "release": found["new"],
        "at": at,
        "returning": _most(some) if some else None,
        "first": _most([page["first"] for page in pages]),
    }


def _most(costs: list[Cost]) -> Cost:
    def most(of: Callable[[Cost], int]) -> int:
        return max(map(of, costs))

    return {
        "deltas": most(lambda cost: cost["deltas"]),
        "br": most(lambda cost: cost["br"]),
        "gzip": most(lambda cost: cost["gzip"]),
    }


def over(found: Downloads, budget: Budget) -> list[str]:
    """Return the pages that cost more than the budget allows, a line each, with their dearest files."""
    lines = []
    for page in found["pages"]:
        for who, cost, most in (
            ("a returning visitor", page["returning"], budget.returning),
            ("a first visit", page["first"], budget.first),
        ):
            count = _of(cost, budget.browser) if cost else 0
            if most is not None and count > most:
                key = "returning" if cost is page["returning"] else "first"
                lines.append(
                    f"{page['page']}: {who} downloads {sized(count)}, and budget.{key} allows {sized(most)}"
                    + (_dearest(page, budget.browser) if key == "returning" else "")
                )
    return lines


def _dearest(page: Download, browser: str) -> str:
    parts = sorted(page["files"], key=lambda part: -_of(part, browser))[:3]
    words = ", ".join(f"{part['path']} {sized(_of(part, browser))}" for part in parts)
    return f": {words}" if words else ""


def _of(cost: Cost, browser: str) -> int:
    return {"deltas": cost["deltas"], "br": cost["br"], "gzip": cost["gzip"]}[browser]
