"""Preloads of what pages will need: the tag `static_preload`, and the same as `Link` headers for Early Hints.

    from fab_static.django_app.preload import link_headers

    response["Link"] = ", ".join(link_headers("main"))

A name is an entry of Vite's manifest, of webpack's, or of another one in FAB_STATIC_PRELOAD_MANIFESTS; a static file;
or a page's main module of RequireJS. They are looked for in this order, and what nobody has is left out.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from urllib.parse import urljoin

from django.apps import apps
from django.conf import settings

from fab_static.django_app import project, resource_versions
from fab_static.django_app.followed import Followed, json_object
from fab_static.django_app.requirejs.config import config
from fab_static.errors import FabStaticError
from fab_static.plan.preloads import Preload, in_order, of_manifest, of_vite, preload_of

Found = Iterable[Preload | None]


def preloads(*names: str, crossorigin: str | None = None) -> list[Preload]:
    """Return what pages with these entries or files need at once, each URL once, stylesheets first.

    Args:
        names: see the module.
        crossorigin: as the page's own elements have it, where they have it.
    """
    found: list[Preload | None] = []
    for name in names:
        for one in _found(name, crossorigin):
            found.append(one)
            if one and one.kind == "style":
                found += _fonts(one.url)
    return in_order(found)


def link_headers(*names: str, crossorigin: str | None = None) -> list[str]:
    """Return the values of `Link` headers that preload the same: '</static/a.css>; rel=preload; as=style', …."""
    return [one.header() for one in preloads(*names, crossorigin=crossorigin)]


def _found(name: str, crossorigin: str | None) -> Found:
    """Return what a name stands for, by the first who knows it."""
    for look in (_in_vite, _in_webpack, _in_manifests):
        # a manifest that is not there yet, or is being written: the page does without
        with suppress(OSError, ValueError, LookupError):
            found = look(name, crossorigin)
            if found is not None:
                return found
    file = preload_of(_url(name), crossorigin=crossorigin, integrity=_integrity(name, crossorigin))
    return [file] if file else _in_requirejs(name)


def _in_vite(name: str, _: str | None) -> Found | None:
    """Return what an entry of django-vite's manifests needs. Its modules ask for leave, as its tags do."""
    if not apps.is_installed("django_vite"):
        return None
    from django_vite.core.asset_loader import DjangoViteAssetLoader

    for client in DjangoViteAssetLoader.instance()._apps.values():
        if not client.dev_mode:
            files = of_vite(_vite(client.manifest.manifest_path).now(), name)
            if files is not None:
                urls = map(client.get_production_server_url, files)
                return [preload_of(url, is_module=True) for url in urls]
    return None


@cache
def _vite(path: str) -> Followed[dict[str, object]]:
    return Followed(path, json_object)


def _in_webpack(name: str, crossorigin: str | None) -> Found | None:
    """Return the chunks of an entry of django-webpack-loader's manifests, as its own tags print them."""
    if not apps.is_installed("webpack_loader"):
        return None
    from webpack_loader.utils import get_loader

    for configuration in settings.WEBPACK_LOADER:
        loader = get_loader(configuration)
        if name in (loader.get_assets().get("chunks") or {}):
            return [
                preload_of(
                    chunk["url"],
                    crossorigin=crossorigin,
                    integrity=chunk.get("integrity") or "",
                )
                for chunk in loader.get_bundle(name)
            ]
    return None


@cache
def _manifests() -> list[tuple[Followed[dict[str, object]], str]]:
    """Return the manifests of FAB_STATIC_PRELOAD_MANIFESTS, each with the folder that its names are relative to."""
    found = []
    for one in getattr(settings, "FAB_STATIC_PRELOAD_MANIFESTS", ()):
        path, below = (one, "") if isinstance(one, str) else (one["path"], one.get("below", ""))
        found.append((Followed(project.folder() / path, json_object), below))
    return found


def _in_manifests(name: str, crossorigin: str | None) -> Found | None:
    for followed, below in _manifests():
        files = of_manifest(followed.now(), name)
        if files is not None:
            return [preload_of(_below(file, below), crossorigin=crossorigin) for file in files]
    return None


def _below(name: str, folder: str) -> str:
    """Return the URL of a file that a manifest names; a name that is a URL stays one."""
    if name.startswith("/") or "://" in name:
        return name
    return _url(posixpath.join(folder, name))


def _in_requirejs(name: str) -> Found:
    """Return the scripts that a page of this main module begins with: bundles where they were built."""
    try:
        made = config()
    except FabStaticError:  # no project of RequireJS
        return []
    if resource_versions.version_of(f"{name}.js") is None:
        return []
    bundle = posixpath.join(posixpath.dirname(name), "bundle.js")
    scripts = [made.library, made.config_name, made.versions_name]
    scripts += [f"{each['name']}.js" for each in made.modules]
    scripts.append(bundle if resource_versions.version_of(bundle) else f"{name}.js")
    return [preload_of(_url(each)) for each in scripts if resource_versions.version_of(each)]


def _fonts(stylesheet: str) -> Iterator[Preload | None]:
    """Yield the fonts of a stylesheet, at the URLs where browsers will look for them."""
    name = stylesheet.partition("?")[0]
    for prefix in (project.url_prefix(), settings.STATIC_URL):  # other apps know no STATIC_CDN
        name = name.removeprefix(prefix)
    for url in resource_versions.manifests().facts.fonts.get(name, ()):
        yield preload_of(urljoin(stylesheet, url.partition("#")[0]))


def _url(name: str) -> str:
    version = resource_versions.version_of(name)
    return project.url_prefix() + name + (f"?version={version}" if version else "")


def _integrity(name: str, crossorigin: str | None) -> str:
    """Return the hash of a file whose element has one: such an element asks for leave."""
    known = resource_versions.manifests().facts.integrity.get(name, "")
    return known if crossorigin is not None else ""
