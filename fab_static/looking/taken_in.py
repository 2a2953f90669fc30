"""What a bundle of compress takes in: the files that its blocks name, and what their sheets import."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain

from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.holders import records, shares
from fab_static.plan.amd import Changes
from fab_static.plan.less.sheet import imports as less_imports
from fab_static.plan.release import Release

_SASS = re.compile(r"""^\s*@(?:use|forward|import)\s+["']([^"']+)["']""", re.MULTILINE)


def imported(deploy: Deployment, release: Release, sheets: Iterable[str]) -> list[str]:
    """Return the files of a release that sheets import, and what these import in turn, in the order they are met.

    Args:
        deploy: whose hosts hold the release.
        release: whose files they are.
        sheets: paths below the static root; others than LESS and SCSS import nothing.

    Raises:
        RemoteError: an object of the release is nowhere.
    """
    named = level = [*sheets]
    met = dict.fromkeys(named)
    while level:
        texts = _texts(deploy, release, level)
        further = [_imports_of(sheet, text, release.files) for sheet, text in texts.items()]
        level = [path for path in dict.fromkeys(chain.from_iterable(further)) if path not in met]
        met |= dict.fromkeys(level)
    return [path for path in met if path not in named]


def rebuilt(
    release: Release, path: str, kept: Mapping[str, Release], files: Collection[str]
) -> dict[str, object] | None:
    """Return which files made a bundle of compress another one than it was, and in which release it was that.

    Args:
        release: that has the bundle.
        path: of the bundle, below the static root.
        kept: the releases that are kept, oldest first.
        files: what the bundle takes in.
    """
    names = set(release.bundles.get(path, ()))
    for name, older in reversed([*kept.items()]):
        if name >= release.id or path in older.files:
            continue
        if any(names & set(others) for others in older.bundles.values()):
            changes: Changes = {
                "added": [file for file in files if file not in older.files],
                "changed": [
                    file
                    for file in files
                    if file in older.files
                    and older.files[file].sha256 != release.files[file].sha256
                ],
                "removed": [],
            }
            return {"since": name, **changes}
    return None


def _texts(deploy: Deployment, release: Release, paths: Iterable[str]) -> dict[str, str]:
    """Return the texts of the sheets among some files, in two trips."""
    sheets = [path for path in paths if path.endswith((".less", ".scss"))]
    if not sheets:
        return {}
    wanted = records({release.files[path].sha256: release.files[path].size for path in sheets})
    found = {
        sha256: data
        for holder, part in shares(wanted, (), deploy.holders)
        for sha256, data in holder.objects(part)
    }
    return {path: found[release.files[path].sha256].decode(errors="replace") for path in sheets}


def _imports_of(sheet: str, text: str, files: Collection[str]) -> Iterator[str]:
    """Yield the files that a sheet imports; those outside the static root are left out."""
    folder = posixpath.dirname(sheet)
    if sheet.endswith(".less"):
        named = [[one.file_path] for one in less_imports(text) if one.is_followed]
    else:
        named = [_sass_names(name) for name in _SASS.findall(text)]
    for names in named:
        paths = [posixpath.normpath(posixpath.join(folder, name)) for name in names]
        yield from [path for path in paths if path in files][:1]


def _sass_names(name: str) -> list[str]:
    """Return the files that Sass looks for, for one that is imported."""
    folder, last = posixpath.split(name)
    return [name, f"{name}.scss", posixpath.join(folder, f"_{last}.scss")]
