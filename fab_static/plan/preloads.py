"""What a page will need -> links that let browsers fetch it early: `<link rel=preload>`, and `Link` headers.

Browsers use a preload only where its kind and its mode are those of the later request. So fonts always ask for leave
(`crossorigin`), also from the page's own host; the HTML standard wants it: https://html.spec.whatwg.org/#link-type-preload.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

# ending -> kind, and type
KINDS = {
    "css": ("style", "text/css"),
    **dict.fromkeys(("js", "mjs", "cjs"), ("script", "text/javascript")),
    **{name: ("font", f"font/{name}") for name in ("woff2", "woff", "ttf", "otf")},
    **{name: ("image", f"image/{name}") for name in ("avif", "webp", "png", "gif", "jpeg")},
    "jpg": ("image", "image/jpeg"),
    "svg": ("image", "image/svg+xml"),
    "json": ("fetch", "application/json"),
    "wasm": ("fetch", "application/wasm"),
}
_ORDER = ("style", "font", "script", "image", "fetch")
_ASKS_FOR_LEAVE = ("font", "fetch")


@dataclass(frozen=True)
class Preload:
    """One file that a page will need. `crossorigin` is None where its request is a plain one."""

    url: str
    kind: str  # style, font, script, image or fetch
    type: str
    is_module: bool = False
    crossorigin: str | None = None
    integrity: str = ""

    def html(self) -> str:
        """Return the element for a page's head."""
        words = [
            f'rel="{self._rel}"',
            f'href="{escape(self.url)}"',
            f'as="{self.kind}"',
            f'type="{self.type}"',
        ]
        if self.crossorigin is not None:
            words.append(f'crossorigin="{escape(self.crossorigin)}"')
        if self.integrity:
            words.append(f'integrity="{escape(self.integrity)}"')
        return f"<link {' '.join(words)}>"

    def header(self) -> str:
        """Return one value of a `Link` header (RFC 8288)."""
        url = quote(self.url, safe="/:?#[]@!$&'()*+,;=~%")
        words = [f"<{url}>", f"rel={self._rel}", f"as={self.kind}", f'type="{self.type}"']
        if self.crossorigin is not None:
            words.append(f'crossorigin="{self.crossorigin}"' if self.crossorigin else "crossorigin")
        if self.integrity:
            words.append(f'integrity="{self.integrity}"')
        return "; ".join(words)

    @property
    def _rel(self) -> str:
        return "modulepreload" if self.is_module else "preload"


def preload_of(
    url: str, *, is_module: bool = False, crossorigin: str | None = None, integrity: str = ""
) -> Preload | None:
    """Return what preloads a URL; None for what no page asks for on its own, a source map for one."""
    ending = PurePosixPath(urlsplit(url).path).suffix.removeprefix(".").lower()
    if ending not in KINDS:
        return None
    kind, type_ = KINDS[ending]
    is_module = is_module and kind == "script"
    if kind in _ASKS_FOR_LEAVE or is_module:
        crossorigin = crossorigin or "anonymous"
    return Preload(url, kind, type_, is_module, crossorigin, integrity)


def in_order(found: Iterable[Preload | None]) -> list[Preload]:
    """Return each URL once: stylesheets first, their fonts, then scripts; else in the order given."""
    once: dict[str, Preload] = {}
    for one in found:
        if one:
            once.setdefault(one.url, one)
    return sorted(once.values(), key=lambda one: _ORDER.index(one.kind))


def of_vite(manifest: Mapping[str, object], entry: str) -> list[str] | None:
    """Return the files that a Vite entry needs at once: itself, what it imports, their CSS and fonts.

    None where there is no such entry. What it imports later (`dynamicImports`) is left out.

    Args:
        manifest: as Vite writes it.
        entry: its key, or its `name`.
    """
    by_name = {
        one["name"]: key
        for key, one in manifest.items()
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    }
    key = entry if isinstance(manifest.get(entry), dict) else by_name.get(entry)
    return None if key is None else list(dict.fromkeys(_needed(manifest, key, set())))


def _needed(manifest: Mapping[str, object], key: str, seen: set[str]) -> Iterator[str]:
    chunk = manifest.get(key)
    if key in seen or not isinstance(chunk, dict):
        return
    seen.add(key)
    if isinstance(chunk.get("file"), str):
        yield chunk["file"]
    for name in _texts(chunk.get("css")):
        yield name
    for name in _texts(chunk.get("assets")):
        preload = preload_of(name)
        if preload and preload.kind == "font":
            yield name
    for imported in _texts(chunk.get("imports")):
        yield from _needed(manifest, imported, seen)


def of_manifest(manifest: Mapping[str, object], entry: str) -> list[str] | None:
    """Return the files that a webpack entry needs, in any form that a plug-in gives them; None: no such entry.

    {"entrypoints": {"main": {"assets": {"js": ["a.js"], "css": ["a.css"]}}}}   webpack-assets-manifest
    {"entrypoints": {"main": {"js": ["/a.js"], "css": ["/a.css"]}}}             Encore
    {"main": ["a.js", "a.css"]}                                                 CommCare HQ
    {"main.js": "main.1a2b.js", "main.css": {"src": "main.3c4d.css"}}           webpack-manifest-plugin
    """
    entries = manifest.get("entrypoints")
    for some in (entries, manifest):
        if isinstance(some, dict) and entry in some:
            return list(dict.fromkeys(_files(some[entry])))
    endings = (f"{entry}.css", f"{entry}.js")
    found = [name for ending in endings for name in _files(manifest.get(ending))]
    return found or None


def _files(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _files(one)
    elif isinstance(value, dict):
        if any(isinstance(value.get(name), str) for name in ("file", "src", "name")):
            yield next(str(value[name]) for name in ("file", "src", "name") if name in value)
        else:
            for name in ("assets", "css", "js"):
                yield from _files(value.get(name))


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
