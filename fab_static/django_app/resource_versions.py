"""The project's resource versions: read once per process by the tags, written by the commands.

With FAB_STATIC_RELOAD they are read again when another release goes live: see reload.py.

Settings:
    FAB_STATIC_VERSIONS_FILE    path of the file
    FAB_STATIC_VERSIONS_FORM    "list" or "mapping"; default: the form that the file has, else "list"
    FAB_STATIC_VERSIONS_SKIP    patterns of names and folders that get no version
    FAB_STATIC_VERSIONS_WITHIN  the folder that a file's source must be in to get a version; None: anywhere
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.files.storage import Storage

from fab_static.django_app import project, stat_cache, static_files
from fab_static.errors import BuildError, ManifestError
from fab_static.host.project import versions_file
from fab_static.plan import page_facts, versions
from fab_static.plan.copies import original
from fab_static.plan.page_facts import PageFacts

SKIP = (".*", "*~", "* *")


def path() -> Path:
    """Return the versions file: the setting's, else one beside manage.py or in BASE_DIR, there or to come."""
    return Path(versions_file.chosen(versions_file.places(str(project.folder()))))


@dataclass(frozen=True)
class Manifests:
    """What a page is rendered with, all of one release: swapped as one, so that no page mixes two.

    `offline` is django-compressor's manifest, None where compressor reads it itself. `facts` tells of files what
    pages print of them: nothing outside of a release, where a file may change at any moment.
    """

    versions: Mapping[str, str]
    release: str | None
    offline: Mapping[str, str] | None = None
    file: str = ""  # of the versions; none: nobody need be told what is asked of it
    facts: PageFacts = field(default_factory=PageFacts)


_of_process: Manifests | None = None
of_request: ContextVar[Manifests | None] = ContextVar("fab_static_manifests", default=None)


def manifests() -> Manifests:
    """Return what the running request began with; outside of one, what this process has read.

    Raises:
        ManifestError: the file is broken.
    """
    found = of_request.get() or _of_process
    if found is None:
        named = path()
        sys.audit("fab_static.apart", str(named))  # a page depends on few of them: version_of
        try:
            file = named.resolve()  # followed first, so that both are of one release
            found = Manifests(
                read_file(file), release_of(file), file=str(named), facts=read_facts(file)
            )
        finally:
            sys.audit("fab_static.apart", None)
        use(found)
    return found


def use(read: Manifests | None) -> None:
    """Let this process serve with these from now on; None: read them again when they are asked for."""
    global _of_process  # one name is swapped, which no thread sees halfway
    _of_process = read


def version_of(name: str) -> str | None:
    """Return the version that pages are rendered with, or None if the file is not there, or knows none.

    Raises:
        ManifestError: the file is broken.
    """
    found = manifests()
    version = found.versions.get(name)
    if found.file:
        sys.audit("fab_static.part", found.file, name, version)
    return version


def release() -> str | None:
    """Return the release whose versions this process has read, or None if the file is in no release."""
    return manifests().release


def read_facts(versions_file: Path) -> PageFacts:
    """Return what is known of files, from the release whose versions these are, or nothing if there is no such file.

    Raises:
        ManifestError: the file is broken.
    """
    folder = versions_file.parent
    file = folder / page_facts.NAME.removeprefix("../") if release_of(versions_file) else None
    file = file or folder / page_facts.FILE  # in an image of a container both lie together
    try:
        return page_facts.read(project.read_text(file, error=ManifestError))
    except FileNotFoundError:
        return PageFacts()
    except (ValueError, LookupError) as error:
        raise ManifestError(
            f"the page facts cannot be read: {error}",
            where=str(file),
            mend="deploy again: the seal writes that file",
        ) from error


def release_of(file: Path) -> str | None:
    """Return the release in whose folder a file is, all links followed; None for any other file."""
    return file.parent.name if file.parent.parent.name == "releases" else None


def read() -> dict[str, str]:
    """Return the versions as they stand in the file now."""
    return read_file(path())


def read_file(file: Path) -> dict[str, str]:
    """Return the versions in a file, or none if it is not there.

    Raises:
        ManifestError: the file is broken.
    """
    try:
        text = project.read_text(file, error=ManifestError)
    except FileNotFoundError:
        return {}
    return versions.parse(text, where=str(file))


def write(new: Mapping[str, str]) -> Path:
    """Replace the file, in the form it has; this process reads it again. Returns its path.

    Raises:
        BuildError: FAB_STATIC_VERSIONS_FORM names no form.
    """
    file = path()
    form = getattr(settings, "FAB_STATIC_VERSIONS_FORM", None)
    if form is None:
        form = versions.form_of(project.read_text(file)) if file.is_file() else "list"
    if form not in versions.FORMS:
        raise BuildError(
            f"FAB_STATIC_VERSIONS_FORM is {form!r}",
            where=f"settings {settings.SETTINGS_MODULE}",
            mend=f"set it to one of: {', '.join(versions.FORMS)}",
        )
    project.write_atomically(file, versions.write(new, form).encode())
    use(None)
    return file


def of_served_files() -> dict[str, str]:
    """Hash the bytes that the site serves for each name the finders list.

    The static root's file counts when it is there: collectstatic took the first of several apps' files
    of one name, and later phases rewrite some. Files that only later phases make are left to those.
    """
    root = os.path.abspath(settings.STATIC_ROOT) if settings.STATIC_ROOT else None  # noqa: PTH100  # as text
    within = getattr(settings, "FAB_STATIC_VERSIONS_WITHIN", Path.cwd())
    skip = getattr(settings, "FAB_STATIC_VERSIONS_SKIP", SKIP)
    versioned: set[str] = set()
    for listing in static_files.listings(skip):
        if _is_within(listing.storage, within):
            versioned.update(listing.names)
    names = sorted(name for name in versioned if not original(name, versioned))
    found: list[str | None] = [None] * len(names)
    if root is not None:
        found = stat_cache.versions_of([f"{root}/{name}" for name in names], root=root)
    # what is not collected has its source's
    sources = static_files.first_hits(skip) if None in found else {}
    return {
        name: version or versions.of(sources[name].read())
        for name, version in zip(names, found, strict=True)
    }


def _is_within(storage: Storage, folder: str | os.PathLike[str] | None) -> bool:
    if folder is None:
        return True
    named = getattr(storage, "location", None)
    if not named:  # it keeps its files elsewhere than on disk
        return False
    location = Path(named)
    # as written, too: node_modules is often a link to a folder that releases share
    inside = location.resolve().is_relative_to(Path(folder).resolve())
    return inside or location.absolute().is_relative_to(Path(folder).absolute())
