"""Under which queries caches may hold a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# the query strings that a cache may hold a file under, as URLs print them; "" is the URL without one.
# None is any: url(fontawesome.woff?v=4.7.0) of a library, `?<hash>` that django-compressor adds in CSS
Queries = frozenset[str] | None
ANY_QUERY: Queries = None
PLAIN: Queries = frozenset({""})


def as_cached(paths: Iterable[str]) -> dict[str, Queries]:
    """Return under which queries caches may hold these unversioned paths."""
    return dict.fromkeys(paths, ANY_QUERY)


def united(*found: Mapping[str, Queries]) -> dict[str, Queries]:
    """Return all paths with all queries of each, by path."""
    both: dict[str, Queries] = {}
    for one in found:
        for path, queries in one.items():
            known = both.get(path, frozenset())
            both[path] = None if queries is None or known is None else known | queries
    return dict(sorted(both.items()))
