"""URLs whose bytes changed under the same name -> the cheapest paths and wildcards, in batches CloudFront takes.

An exact path leaves the file's query variants cached. `a.js*` takes them along, and `a.js.map` and
`a.json` too; `a.js?*` is all variants and not the plain URL. Few wildcards may be in progress at once. What
does not fit is put together under shorter ones, which evict more than they must, or waits for later batches,
which take time. cover.py finds what is worth more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from fab_static.plan.cdn.cache_tags import innermost_tagged_folder, tag_of
from fab_static.plan.cdn.cover import NEVER, Costs, Cover, Covers
from fab_static.plan.cdn.invalidation_path import allowed_prefix, is_nameable, query, spellings
from fab_static.plan.cdn.queries import Queries

# in progress at once, for one distribution (AWS: CloudFront Developer Guide, "Quotas on invalidations")
MAX_PATHS = 3000
MAX_WILDCARDS = 15
PRICE_USD = 0.005  # a path, beyond the first 1,000 of a month; a wildcard or a tag is one path too


@dataclass(frozen=True)
class Invalidation:
    """What to ask of CloudFront: URL paths from the root, encoded, or `#tag`s; and its price.

    A batch fits when those before it are completed; the first beside what others have in progress,
    unless that leaves no room at all. `needless` counts the known URLs that go although they did not change.
    """

    batches: tuple[tuple[str, ...], ...] = ()
    needless: int = 0

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all batches."""
        return tuple(path for batch in self.batches for path in batch)

    @property
    def price_usd(self) -> float:
        """The price of all paths when the month's free 1,000 are used up."""
        return round(len(self.paths) * PRICE_USD, 4)


@dataclass(frozen=True)
class Quota:
    """What CloudFront takes at once, and how much of that others have in progress."""

    paths: int = MAX_PATHS
    wildcards: int = MAX_WILDCARDS
    paths_in_progress: int = 0
    wildcards_in_progress: int = 0

    @property
    def free_paths(self) -> int:
        """How many exact paths, or tags, can be asked for now."""
        return max(0, self.paths - self.paths_in_progress)

    @property
    def free_wildcards(self) -> int:
        """How many wildcards can be asked for now."""
        return max(0, self.wildcards - self.wildcards_in_progress)


@dataclass(frozen=True)
class Worth:
    """What a plan is weighed by, in US dollars.

    Three objects fetched again from the origin are worth one path; waiting for another batch (25 s for
    95 % of them: AWS, What's New, 2026-04-29) is worth thirty. But where that makes more than `most_paths`,
    by default as many as CloudFront takes at once, objects are worth less, until it does not.
    """

    path: float = PRICE_USD
    needless: float = PRICE_USD / 3
    batch: float = PRICE_USD * 10
    most_paths: int = MAX_PATHS


def to_invalidate(
    changed: Mapping[str, Queries],
    cached: Mapping[str, frozenset[str]],
    static_url: str,
    *,
    quota: Quota = Quota(),
    worth: Worth = Worth(),
    most_batches: int = 4,
    tags: bool = False,
) -> Invalidation:
    """Return what reaches every changed URL, at the least price, needless evictions and waiting together.

    Args:
        changed: paths below the static root -> the queries under which caches may hold old bytes of them;
            ANY_QUERY where these are not known.
        cached: the same of all that caches may hold: the live release's URLs and those of the one before.
        static_url: STATIC_URL, with or without a host; its path is where the files are.
        quota: of the distribution.
        worth: what a path, an object evicted needlessly and another batch are worth.
        most_batches: wildcards are spread over no more batches than these; 1 never waits for room.
        tags: whether every object in the cache carries its `tags_of`; then an item reaches exactly one
            file with all its variants, or one folder, and no wildcard is needed.
    """
    if not changed:
        return Invalidation()
    if tags:
        files, others = sorted(changed), sorted(cached.keys() - changed.keys())

        def cover_at(costs: Costs) -> Cover:
            return Covers(files, others, costs, None, _always, innermost_tagged_folder).cover(0)
    else:
        names, spared = _urls(changed, cached, _base(static_url))
        most = max(1, quota.free_wildcards + quota.wildcards * (most_batches - 1))

        def cover_at(costs: Costs) -> Cover:
            covers = Covers(names, spared, costs, most, _is_path, allowed_prefix)
            return _cheapest(covers, quota, _billionths(worth.batch))

    cover = _of_most_paths(cover_at, worth)
    if tags:
        items = sorted(f"#{tag_of(name)}" for name in (*cover.names, *cover.prefixes))
        return Invalidation(_batches(items, (), quota), cover.needless)
    wildcards = [prefix + "*" for prefix in cover.prefixes]
    return Invalidation(_batches(cover.names, wildcards, quota), cover.needless)


def _of_most_paths(cover_at: Callable[[Costs], Cover], worth: Worth) -> Cover:
    """Return the best cover of no more than `most_paths`: objects are worth less until it is."""
    costs = Costs(_billionths(worth.path), _billionths(worth.needless))
    cover = cover_at(costs)
    while len(cover.names) + len(cover.prefixes) > worth.most_paths and costs.needless:
        costs = Costs(costs.item, costs.needless // 4)
        cover = cover_at(costs)
    return cover


def _urls(
    changed: Mapping[str, Queries], cached: Mapping[str, Iterable[str]], base: str
) -> tuple[list[str], list[str]]:
    """Return the URLs to reach and those to spare. `a.js?` stands for `a.js` with whatever query."""
    names = {
        url
        for path, queries in changed.items()
        for url in _spelled(base, path, ("", "?") if queries is None else queries)
    }
    spared = {
        url
        for path, queries in cached.items()
        if path not in changed or changed[path] is not None  # else all of its URLs have to go
        for url in _spelled(base, path, queries)
    }
    return sorted(names), sorted(spared - names)


def _spelled(base: str, path: str, queries: Iterable[str]) -> Iterable[str]:
    for url in spellings(path):
        for text in queries:
            if text in ("", "?"):
                yield base + url + text
            else:
                yield f"{base}{url}?{query(text)}"


def _always(_: str) -> bool:
    return True


def _is_path(url: str) -> bool:
    return is_nameable(url) and not url.endswith("?")


def _cheapest(covers: Covers, quota: Quota, batch: int) -> Cover:
    """Return the cover whose price, needless evictions and waits are least together."""

    def cost(wildcards: int) -> int:
        waiting = max(0, wildcards - quota.free_wildcards)
        return covers.costs[wildcards] + batch * -(-waiting // quota.wildcards)

    possible = [count for count, least in enumerate(covers.costs) if least < NEVER]
    return covers.cover(min(possible, key=cost))


def _batches(
    paths: Iterable[str], wildcards: Iterable[str], quota: Quota
) -> tuple[tuple[str, ...], ...]:
    """Return what is asked for in turn: as much at once as there is room for."""
    waiting, starred = list(paths), list(wildcards)
    free_paths, free_wildcards = quota.free_paths, quota.free_wildcards
    batches = []
    while waiting or starred:
        batch = (*waiting[:free_paths], *starred[:free_wildcards])
        del waiting[:free_paths], starred[:free_wildcards]
        if batch:
            batches.append(tuple(sorted(batch)))
        free_paths, free_wildcards = quota.paths, quota.wildcards
    return tuple(batches)


def _base(static_url: str) -> str:
    path = unquote(urlsplit(static_url).path).strip("/")
    return re.sub(r"/+", "/", f"/{spellings(path)[0]}/")


def _billionths(dollars: float) -> int:
    """Return dollars as a whole number, so that sums are exact."""
    return round(dollars * 10**9)
