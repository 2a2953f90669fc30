"""The tags and functions by which templates ask a bundler's manifest for a name, and what each does with it.

django-vite, django-webpack-loader and django-manifest-loader have tag libraries, known by their modules: a tag of the
same name may be somebody else's. CommCare HQ's tags are its own, and nobody else has their names.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

VITE, WEBPACK, MANIFEST = "django_vite", "webpack_loader", "manifest_loader"
OWN = "web.manifests"  # read by the project's own code; the inventory names the file

# what a name must be in the manifest
ENTRY = "entry"  # a key; of Vite's, where django-vite looks for it, the `name` of an entry
SOURCE = "source"  # the sourceFilename of an asset
FILE = "file"  # no entry: a file below publicPath
ENTRY_OR_FILE = "entry or file"  # a key; else it is taken for a static file
PATTERN = "pattern"  # at least one key is like it
POLYFILLS = "polyfills"  # at least one key holds it
SOMETHING = "something"  # the page alone knows the name
NOTHING = "nothing"  # the tag asks for no name; its configuration must be there


class Asked:
    """How a tag is written: who reads the manifest, what the name must be there, and the tag's parameters."""

    def __init__(
        self, reader: str, lookup: str, parameters: tuple[str, ...], config: str = ""
    ) -> None:
        self.reader = reader
        self.lookup = lookup
        self.parameters = parameters  # the name comes first, except for NOTHING and POLYFILLS
        self.config = config  # the parameter that chooses the configuration; "": there is one alone

    @property
    def default(self) -> str:
        """The configuration that is meant where the tag names none."""
        return {VITE: "default", WEBPACK: "DEFAULT"}.get(self.reader, "")

    @property
    def has_name(self) -> bool:
        """Does the tag name something?"""
        return self.lookup not in (NOTHING, POLYFILLS)


_PATH = Asked(VITE, ENTRY, ("path", "app"), "app")
_APP = Asked(VITE, NOTHING, ("app",), "app")
_POLYFILLS = Asked(VITE, POLYFILLS, ("app", "nomodule"), "app")
_BUNDLE = Asked(WEBPACK, ENTRY, ("bundle_name", "extension", "config"), "config")
_STATIC = Asked(WEBPACK, FILE, ("asset_name", "config"), "config")
_ASSET = Asked(WEBPACK, SOURCE, ("asset_name", "config"), "config")
_KEY = Asked(MANIFEST, ENTRY_OR_FILE, ("key",))
_MATCH = Asked(MANIFEST, PATTERN, ("pattern", "output"))

_OF_VITE = {
    "vite_asset": _PATH,
    "vite_preload_asset": _PATH,
    "vite_asset_url": _PATH,
    "vite_legacy_asset": _PATH,
    "vite_legacy_polyfills": _POLYFILLS,
    "vite_hmr_client": _APP,
    "vite_react_refresh": _APP,
}
_OF_WEBPACK = {
    "render_bundle": _BUNDLE,
    "get_files": _BUNDLE,
    "webpack_static": _STATIC,
    "webpack_asset": _ASSET,
}
# module of the tag library -> tag -> how it asks
LIBRARIES: Mapping[str, Mapping[str, Asked]] = {
    "django_vite.templatetags.django_vite": _OF_VITE,
    "webpack_loader.templatetags.webpack_loader": _OF_WEBPACK,
    "manifest_loader.templatetags.manifest": {"manifest": _KEY, "manifest_match": _MATCH},
}
# CommCare HQ's; webpack_main is what js_entry was called before
OWN_TAGS: Mapping[str, Asked] = {
    name: Asked(OWN, ENTRY, ("name",))
    for name in ("js_entry", "js_entry_b3", "webpack_main", "webpack_main_b3")
}
# module -> function that Jinja2 environments have among their globals -> how it asks
FUNCTIONS: Mapping[str, Mapping[str, Asked]] = {
    **LIBRARIES,
    "webpack_loader.contrib.jinja2ext": {"_render_bundle": _BUNDLE, "_get_files": _BUNDLE},
    "webpack_loader.utils": {
        "get_files": _BUNDLE,
        "get_as_tags": Asked(
            WEBPACK, ENTRY, ("bundle_name", "request", "extension", "config"), "config"
        ),
        "get_static": _STATIC,
        "get_asset": _ASSET,
    },
    "django_vite.core.asset_loader": {
        "generate_vite_asset": _PATH,
        "preload_vite_asset": _PATH,
        "generate_vite_asset_url": _PATH,
        "generate_vite_legacy_asset": _PATH,
        "generate_vite_legacy_polyfills": _POLYFILLS,
    },
    "manifest_loader.utils": {"manifest": _KEY, "manifest_match": _MATCH},
}
