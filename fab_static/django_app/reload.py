"""FAB_STATIC_RELOAD = True: web processes follow the live release, with no restart.

Before each request the link to the live release is resolved, once. When it leads elsewhere than before, the
resource versions and django-compressor's offline manifest are read from that one folder, and swapped as one. A
request keeps to its end what it began with: its `?version=` are part of the keys that it looks up.

Without it both are read once per process: then whoever flips the release must reload the processes.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps

from fab_static.django_app import resource_versions
from fab_static.errors import FabStaticError

_log = logging.getLogger(__name__)
_lock = threading.Lock()


@dataclass(frozen=True)
class _Files:
    """The files that both manifests are to be read from now, links followed, and what tells them from others."""

    versions: Path
    offline: Path | None
    stamp: tuple[object, ...]

    @classmethod
    def now(cls) -> _Files:
        versions = _link().resolve()
        if resource_versions.release_of(versions):
            return cls(versions, None, (versions,))  # a sealed release never changes
        offline = _offline_path()
        return cls(versions, offline, (_stamp(versions), offline and _stamp(offline)))

    def read(self) -> resource_versions.Manifests:
        release = resource_versions.release_of(self.versions)
        offline = self.offline
        if release and apps.is_installed("compressor"):
            folder = self.versions.parent
            sealed = json.loads((folder / "release.json").read_text("utf-8"))["offline_manifest"]
            # one that the project keeps outside the static root stands beside static/: ../manifests/…
            offline = Path(os.path.normpath(folder / "static" / sealed["path"])) if sealed else None
        known = None
        if offline:
            known = json.loads(offline.read_text("utf-8")) if offline.is_file() else {}
        return resource_versions.Manifests(
            resource_versions.read_file(self.versions),
            release,
            known,
            facts=resource_versions.read_facts(self.versions),
        )


_read_from: _Files | None = None
# Which file it is does not change while a process lives; where it leads does.
_link = functools.cache(resource_versions.path)


def begin(**_: Any) -> None:
    """Give the request that starts the live release's manifests; by Django's signal request_started.

    When they cannot be read, what was read before is served on, and the next request tries again.
    """
    resource_versions.of_request.set(None)
    try:
        _refresh()
    except (OSError, ValueError, KeyError, TypeError, FabStaticError):
        _log.exception("the live release's manifests cannot be read")
    with suppress(FabStaticError):  # nothing was ever read: the page that wants a version says so
        read = resource_versions.manifests()
        if read.offline is not None:
            _take_over_compressor()
        resource_versions.of_request.set(read)


def end(**_: Any) -> None:
    """Let go of the request's manifests; by Django's signal request_finished."""
    resource_versions.of_request.set(None)


def _refresh() -> None:
    global _read_from  # written under the lock
    files = _Files.now()
    if files == _read_from:
        return
    with _lock:
        files = (
            _Files.now()
        )  # another thread may have read them meanwhile, or the link have moved on
        if files != _read_from:
            resource_versions.use(files.read())
            _read_from = files


def _take_over_compressor() -> None:
    """Let compressor look keys up in the request's manifest.

    django-compressor 4.4 to 4.6 keep it in a global, which get_offline_manifest() fills when it is None, as
    flush_offline_manifest() leaves it.
    """
    from compressor import cache

    if not isinstance(cache._offline_manifest, _OfflineManifest):
        cache._offline_manifest = _OfflineManifest()


class _OfflineManifest(Mapping[str, str]):
    """The offline manifest of the running request."""

    def __getitem__(self, key: str) -> str:
        return self._now()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def _now(self) -> Mapping[str, str]:
        return resource_versions.manifests().offline or {}


def _offline_path() -> Path | None:
    """Return where compressor reads its manifest, links followed, or None if it is not a file."""
    if not apps.is_installed("compressor"):
        return None
    from compressor.conf import settings
    from compressor.storage import default_offline_manifest_storage

    try:
        return Path(
            default_offline_manifest_storage.path(settings.COMPRESS_OFFLINE_MANIFEST)
        ).resolve()
    except NotImplementedError:
        return None


def _stamp(file: Path) -> tuple[object, ...]:
    try:
        found = file.stat()
    except OSError:
        return (file,)
    return file, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
