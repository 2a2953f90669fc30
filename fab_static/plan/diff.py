"""Two releases -> added, changed, gone; which URLs changed bytes under the same name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from fab_static.plan.bundles import changes
from fab_static.plan.cdn.queries import PLAIN, Queries, as_cached
from fab_static.plan.layout import OUTSIDE
from fab_static.plan.release import Release

# reached through the `static` tag or a bundle's config alone, so their URLs carry the version; other
# files (images, fonts, catalogues) are named by CSS and scripts too, where no version is printed
VERSIONED_KINDS = (".js", ".mjs", ".css", ".map")
SOURCES = (".less", ".scss", ".sass")  # browsers get the CSS that compress made of them


@dataclass(frozen=True)
class Diff:
    """Paths below the static root, each list sorted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def compare(old: Release | None, new: Release) -> Diff:
    """Return what a deploy of the new release changes; without an old one all is added."""
    before, after = old.content if old else {}, new.content
    return Diff(
        added=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(
            sorted(
                path
                for path, file in after.items()
                if path in before and before[path].sha256 != file.sha256
            )
        ),
        removed=tuple(sorted(before.keys() - after.keys())),
    )


def unversioned_changes(old: Release | None, new: Release) -> tuple[str, ...]:
    """Return the paths whose bytes change, or go, under a URL that stays the same.

    A cache that holds them must forget them. Content-named files get a new name, versioned scripts and
    stylesheets a new `?version=`; new files are in no cache.
    """
    if old is None:
        return ()
    diff = compare(old, new)
    return tuple(
        path
        for path in sorted((*diff.changed, *diff.removed))
        if not is_content_named(path, old, new)
        and not is_versioned(path, old, new)
        and not is_for_the_server(path, old, new)
    )


def url_changes(old: Release | None, new: Release) -> list[dict[str, str | None]]:
    """Return the URLs that pages print otherwise from now on: [{"before", "now"}], sorted.

    Bundles get a new name, versioned files a new `?version=`. `before` is None for a bundle that is new,
    `now` for one that is gone.
    """
    if old is None:
        return []
    found: list[dict[str, str | None]] = [
        {"before": printed_url(old, path), "now": printed_url(new, path)}
        for path in compare(old, new).changed
        if path in old.versions and old.versions[path] != new.versions.get(path, "")
    ]
    named = {*old.named, *new.named}
    found += [
        {
            "before": printed_url(old, change.old) if change.old else None,
            "now": printed_url(new, change.new) if change.new else None,
        }
        for change in changes(old, new)
        if named & {change.old, change.new}
    ]
    return sorted(found, key=lambda one: (one["now"] or one["before"] or "", one["before"] or ""))


def printed_url(release: Release, path: str) -> str:
    """Return the URL of a file as pages of a release print it, from STATIC_URL on."""
    version = release.versions.get(path)
    url = str(release.settings["STATIC_URL"]) + quote(path)
    return f"{url}?version={version}" if version else url


def narrowed(
    forgotten: Mapping[str, Queries],
    *,
    keys_on_other_queries: Callable[[str], bool | None],
    printed: Mapping[str, frozenset[str]],
    origin_knows_versions: bool = True,
) -> dict[str, Queries]:
    """Return the same with less than any query, where that is all that a cache can hold.

    Args:
        forgotten: as `to_forget` has it.
        keys_on_other_queries: tells of a path whether the cache tells its URLs apart by more of their query
            than `version`, or None if that is not known. Where it does not, the plain URL stands for all.
        printed: as `printed_urls` has it.
        origin_knows_versions: as `to_forget` has it; then `?version=v` has its own bytes from the pool, or
            may not be cached.
    """

    def queries_of(path: str) -> Queries:
        if origin_knows_versions:
            return PLAIN
        return frozenset({"", *printed.get(path, ())})

    return {
        path: queries_of(path) if some is None and keys_on_other_queries(path) is False else some
        for path, some in forgotten.items()
    }


def to_forget(
    old: Release | None,
    new: Release,
    *,
    earlier: Iterable[Release] = (),
    origin_knows_versions: bool = True,
) -> dict[str, Queries]:
    """Return the URLs that caches may hold with other bytes than `new` has: path -> queries.

    A bucket answers by the path alone: an old page that asks for its own version gets the live release's bytes.
    A cache keeps them under the version that the page asked for. When that version comes back, by a rollback or
    with a later release, caches must forget it.

    Args:
        old: what is live, or None if nothing is.
        new: what becomes live.
        earlier: the releases that were live once, as far as they are known: their pages may be open.
        origin_knows_versions: whether the origin answers each `?version=` with its own bytes, and an
            unknown one so that nobody keeps it; nginx over the pool does.
    """
    found = as_cached(unversioned_changes(old, new))
    if old is None or origin_knows_versions:
        return found
    printed = [release.versions for release in earlier]
    for path, version in new.versions.items():
        if (
            path in new.files
            and (path not in old.files or old.files[path].sha256 != new.files[path].sha256)
            and any(versions.get(path) == version for versions in printed)
        ):
            queries = found.get(path, frozenset())
            if queries is not None:
                found[path] = queries | {f"version={version}"}
    return found


def printed_urls(*releases: Release) -> dict[str, frozenset[str]]:
    """Return the URLs that pages and stylesheets of these releases print: path -> queries.

    Those are what caches may hold, as far as we know; CSS may ask for more (ANY_QUERY).
    """
    found: dict[str, frozenset[str]] = {}
    for release in releases:
        for path in release.files:
            if is_for_the_server(path, release):
                continue
            version = release.versions.get(path)
            queries = {f"version={version}"} if version else set()
            if not is_versioned(path, release):
                queries.add("")
            found[path] = found.get(path, frozenset()) | queries
    return found


def is_for_the_server(path: str, *releases: Release) -> bool:
    """Tell whether no browser asks for it: the manifests, and sources that the offline one stands for."""
    for release in releases:  # each file is asked for several times, so no generator
        if path in (release.offline_manifest, release.staticfiles_manifest):
            return True
        if release.manifests and f"{OUTSIDE}static/{path}" in release.manifests:  # a bundler's
            return True
        if release.offline_manifest and path.endswith(SOURCES):
            return True
    return False


def is_content_named(path: str, *releases: Release) -> bool:
    """Tell whether the file's name changes with its bytes."""
    return any(path in release.named for release in releases)


def is_versioned(path: str, *releases: Release) -> bool:
    """Tell whether every URL of this path carries its version."""
    return path.endswith(VERSIONED_KINDS) and all(
        path in release.versions for release in releases if path in release.files
    )


def contradictions(old: Release, new: Release) -> tuple[str, ...]:
    """Return the paths with a URL of the old release that says it never changes, and does."""
    return broken_versions(old, new) + broken_names(old, new)


def broken_versions(old: Release, new: Release) -> tuple[str, ...]:
    """Return the paths whose bytes change, and whose `?version=` does not."""
    return tuple(
        path
        for path in sorted(old.versions.keys() & new.versions.keys())
        if old.versions[path] == new.versions[path] and _has_changed(path, old, new)
    )


def broken_names(old: Release, new: Release) -> tuple[str, ...]:
    """Return the paths whose bytes change, though the old release named them by their content."""
    return tuple(path for path in sorted(old.named) if _has_changed(path, old, new))


def _has_changed(path: str, old: Release, new: Release) -> bool:
    both = path in old.files and path in new.files
    return both and old.files[path].sha256 != new.files[path].sha256
