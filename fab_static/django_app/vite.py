"""django-vite's manifest, of the live release with no restart.

DJANGO_VITE = {"default": {"app_client_class": "fab_static.django_app.vite.Client", …}}
"""

from __future__ import annotations

import copy
import json

from django_vite.core import asset_loader
from django_vite.core.exceptions import DjangoViteManifestError

from fab_static.django_app.followed import Followed


class _Manifest(asset_loader.ManifestClient):  # type: ignore[misc]  # django_vite ships no types
    """Reads the manifest when another release goes live; a request keeps what it began with.

    django-vite reads it once into two attributes: here they are looked up each time.
    """

    def __init__(self, config: object, app_name: str = asset_loader.DEFAULT_APP_NAME) -> None:
        self._followed: Followed[tuple[object, object]] | None = None
        super().__init__(config, app_name)
        if not self.dev_mode:
            self._followed = Followed(self.manifest_path, self._parsed)

    def _parsed(self, text: str) -> tuple[object, object]:
        """Return what django-vite makes of a manifest's text."""
        reader = copy.copy(self)
        reader.load_manifest = lambda: json.loads(text)
        try:
            entries, polyfills = reader._parse_manifest()
        except DjangoViteManifestError as error:
            raise ValueError(str(error)) from error
        return entries, polyfills

    @property
    def _entries(self) -> object:
        return self._followed.now()[0] if self._followed else {}

    @_entries.setter
    def _entries(self, _: object) -> None:
        """Pass over what django-vite read at the start."""

    @property
    def legacy_polyfills_entry(self) -> object:
        """The entry of the polyfills, if there is one."""
        return self._followed.now()[1] if self._followed else None

    @legacy_polyfills_entry.setter
    def legacy_polyfills_entry(self, _: object) -> None:
        """Pass over what django-vite read at the start."""


class Client(asset_loader.DjangoViteAppClient):  # type: ignore[misc]  # django_vite ships no types
    """Prints what the manifest of the live release has."""

    ManifestClient = _Manifest
