"""Sources as they are now, against what collectstatic left of them and what the last phase has left of that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from fab_static.plan.content_types import TYPES
from fab_static.plan.copies import COPIES
from fab_static.plan.diff import Diff

_NO_PAGE_ASKS_FOR = ("text/plain", "text/markdown", "text/csv", "zip", "x-tar")


@dataclass(frozen=True)
class NotHeld:
    """Names of sources that a release does not hold as they are now."""

    removed: tuple[str, ...] = ()  # since they were collected
    late: tuple[str, ...] = ()  # new, or of other bytes, since then


def since_collected(
    collected: Mapping[str, str],
    now: Mapping[str, str],
    *,
    hashed: Mapping[str, str],
    manifest: str | None,
) -> Diff:
    """Return what has changed in the sources since they were collected.

    A storage may have made more of a source than one file: names with hashes, compressed copies, a manifest
    of them; or may have kept the name with a hash alone. None of these came or went.

    Args:
        collected: what collectstatic left: path -> SHA-256.
        now: what it would collect: path -> SHA-256.
        hashed: name of a source -> its name with a hash, as the manifest has them.
        manifest: of names with hashes, below the static root.
    """
    sources = {name: source for source, name in hashed.items()}
    made_of = {path: _source_of(path, collected, sources) for path in collected}
    held = {source for path, source in made_of.items() if source != path}
    return Diff(
        added=tuple(sorted(now.keys() - collected.keys() - held)),
        changed=tuple(
            sorted(path for path in now if path in collected and now[path] != collected[path])
        ),
        removed=tuple(
            sorted(
                path
                for path, source in made_of.items()
                if path not in now and source not in now and path != manifest
            )
        ),
    )


def _source_of(path: str, collected: Collection[str], sources: Mapping[str, str]) -> str:
    """Return the name of the source that a storage made a file of: the file's own, for most."""
    plain = path
    for ending in COPIES:
        plain = plain.removesuffix(ending)
    if plain != path and plain not in collected and plain not in sources:
        return path  # it is not a copy: nothing stands beside it
    return sources.get(plain, plain)


def not_held(
    now: Mapping[str, str],
    *,
    collected: Mapping[str, str],
    last: Mapping[str, str],
    hashed: Mapping[str, str],
    left_out: Collection[str],
    keeps_bytes: bool,
) -> NotHeld:
    """Return which sources the last phase's files do not hold, though collectstatic would collect them.

    Args:
        now: sources as they are now: name -> SHA-256.
        collected: what collectstatic left, by the same names: name -> SHA-256.
        last: what the last phase left, likewise.
        hashed: name of a source -> its name with a hash, as the manifest has them.
        left_out: names that collectstatic did not collect.
        keeps_bytes: it leaves a source's own bytes under its name.
    """
    removed, late = [], []
    for name, sha256 in sorted(now.items()):
        names = {name, hashed.get(name, name)}
        was, is_there = not names.isdisjoint(collected), not names.isdisjoint(last)
        if was and not is_there:
            removed.append(name)
        elif (not was and not is_there and name not in left_out) or (
            keeps_bytes and name in collected and sha256 not in (collected[name], last.get(name))
        ):
            late.append(name)
    return NotHeld(tuple(removed), tuple(late))


def is_for_visitors(path: str) -> bool:
    """Tell of a file in the project whether a page may ask for it: no log, no cache, no compiled module."""
    parts = PurePosixPath(path).parts
    if any(part.startswith(".") or part in ("__pycache__", "node_modules") for part in parts):
        return False
    kind = TYPES.get(PurePosixPath(path).suffix.lower())
    return kind is not None and not kind.endswith(_NO_PAGE_ASKS_FOR)
