"""Bundlers' manifests that follow the live release with no restart: read again when their links lead elsewhere.

All of a process are read as one, of one release, and a request keeps to its end what it first read. With
FAB_STATIC_RELOAD that is the release whose versions the request began with. When one cannot be read, all stay as they
were, and the log says so.

webpack.py and vite.py give them to django-webpack-loader and to django-vite.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from django.core import signals

from fab_static.django_app import resource_versions
from fab_static.plan.ids import is_id

T_co = TypeVar("T_co", covariant=True)
_IN_RELEASE = re.compile(r"(?P<folder>.*/releases)/(?P<release>[^/]+)/(?P<rest>.+)", re.DOTALL)
_log = logging.getLogger(__name__)
_lock = threading.Lock()


@dataclass(frozen=True)
class _Read:
    """What was read of all manifests at one moment; `places` tells whether it would be the same now."""

    places: Mapping[Followed[object], tuple[object, ...]] = field(default_factory=dict)
    values: Mapping[Followed[object], object] = field(default_factory=dict)
    release: str | None = None


class _Request:
    """What a request has read so far."""

    read: _Read | None = None


class Followed(Generic[T_co]):
    """One manifest: its path, and how its text is read; `parse` raises ValueError for a bad one."""

    def __init__(self, path: str | os.PathLike[str], parse: Callable[[str], T_co]) -> None:
        self.path = os.path.abspath(path)  # noqa: PTH100  # links are followed later
        self.parse = parse
        with _lock:
            _all.append(self)

    def now(self) -> T_co:
        """Return what the manifest says: in a request what it first read, else of the live release.

        Raises:
            OSError: it cannot be read, and never could.
            ValueError: it is bad, and always was.
        """
        request = _request.get()
        if request is None:
            request = _Request()
        if request.read is None or self not in request.read.values:
            request.read = _read_now(self, _release_of(request))
        value: T_co = request.read.values[self]  # type: ignore[assignment]  # parse gave it
        return value


_all: list[Followed[object]] = []
_last = _Read()
_request: ContextVar[_Request | None] = ContextVar("fab_static_followed", default=None)


def begin(**_: object) -> None:
    """Let the request that starts read manifests of its own; by Django's signal request_started."""
    _request.set(_Request())


def end(**_: object) -> None:
    """Let go of them; by Django's signal request_finished."""
    _request.set(None)


signals.request_started.connect(begin, dispatch_uid="fab_static.followed")
signals.request_finished.connect(end, dispatch_uid="fab_static.followed")


def _release_of(request: _Request) -> str | None:
    """Return the release that a request is bound to, or None if it has read nothing."""
    if request.read is not None:
        return request.read.release
    begun = resource_versions.of_request.get()
    return begun.release if begun else None


def _read_now(asked: Followed[object], release: str | None) -> _Read:
    """Return what all manifests say now, read again where they lead elsewhere than before."""
    global _last  # one name is swapped, which no thread sees halfway
    places, release = _places(release)
    last = _last  # looked at once: another thread may swap it at any time
    if places == last.places:
        return last
    with _lock:
        try:
            values = {one: one.parse(_text(places[one])) for one in places}
            _last = _Read(places, values, release)
        except (OSError, ValueError):
            if asked not in _last.values:  # the page that asks for it says so
                raise
            _log.exception("the live release's manifests cannot be read")
        return _last


def _places(release: str | None) -> tuple[dict[Followed[object], tuple[object, ...]], str | None]:
    """Return where each manifest is read from, all of one release, and which release that is.

    Where none is asked for, that is the release of the first link that leads into one.
    """
    found: dict[Followed[object], tuple[object, ...]] = {}
    for one in [*_all]:
        found[one] = _place(one.path, release)
        release = release or release_in(str(found[one][0]))
    return found, release


def _place(path: str, release: str | None) -> tuple[object, ...]:
    """Return the file behind the links, in the release that is asked for, and what tells it from a later one."""
    real = os.path.realpath(path)
    inside = _IN_RELEASE.fullmatch(real)
    if inside and is_id(inside["release"]):  # a sealed release never changes
        other = f"{inside['folder']}/{release}/{inside['rest']}"
        return (other if release and Path(other).is_file() else real,)
    try:
        found = Path(real).stat()
    except OSError:
        return (real,)
    return (real, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def release_in(path: str) -> str | None:
    """Return the release in whose folder a file is; None for any other file."""
    inside = _IN_RELEASE.fullmatch(path)
    return inside["release"] if inside and is_id(inside["release"]) else None


def _text(place: tuple[object, ...]) -> str:
    return Path(str(place[0])).read_text("utf-8")


def json_object(text: str) -> dict[str, object]:
    """Return what a manifest says that is a JSON object.

    Raises:
        ValueError: it is not one.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("the manifest is not a JSON object")  # as json.loads does
    return found
