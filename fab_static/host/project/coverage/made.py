"""Finds what pages will miss in the files that compress made."""

from __future__ import annotations

import os
import re

from fab_static.host.project.compressor import compressor_setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Mapping

    from fab_static.plan.wire.questions import Made, Rendered

_SCANNED = re.compile(
    r"""/\*.*?\*/"""
    r"""|(?P<import>@import)\s*(?:url\(\s*)?(?:"(?P<a>[^"]*)"|'(?P<b>[^']*)'|(?P<c>[^"'()\s;]+))"""
    r"""|url\(\s*(?:"(?P<d>[^"]*)"|'(?P<e>[^']*)'|(?P<f>[^"'()\s]+))\s*\)"""
    r"""|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?P<brace>\{)""",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(
    r"""<(script|link|style)\b((?:[^>"']|"[^"]*"|'[^']*')*)>""", re.IGNORECASE | re.DOTALL
)
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style", re.IGNORECASE | re.DOTALL)
_ATTRIBUTE = re.compile(r"""([^\s=/"'>]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
# attributes that compress reads, or that say what is so without them
_READ = {"src", "href", "rel", "charset", "language", "media"}
_PLAIN_TYPES = re.compile(r"|(text|application)/(x-)?(java|ecma)script|text/css", re.IGNORECASE)


def made(
    rendered: list[Rendered], texts: Mapping[str, str], manifest: Mapping[str, str]
) -> list[Made]:
    """Return what pages will miss of what compress made: {the block, "file" or null, "what", "name"}.

    `what` is: "attribute", which the block has and its value has not; "import" and "url", which lead to no file;
    "late", an @import that follows rules, so that browsers pass over it.
    """
    found: list[Made] = []
    first: dict[str, Rendered] = {}
    for each in sorted(rendered, key=lambda each: each["template"] != each["in"]):
        if each["key"] in manifest:
            first.setdefault(each["key"], each)
    seen: set[str] = set()
    placeholder = str(compressor_setting("COMPRESS_URL_PLACEHOLDER", "\0"))
    for key, place in first.items():
        value = str(manifest[key]).replace(placeholder, str(compressor_setting("COMPRESS_URL")))
        for name in lost_attributes(texts[key], value):
            found.append({**place, "file": None, "what": "attribute", "name": name})
        for inline in _STYLE.findall(value):
            for what, name in wrong_links(inline, None):
                found.append({**place, "file": None, "what": what, "name": name})
        for file in {below_root(_attributes(tag).get("href", ""), "") for _, tag in _tags(value)}:
            if file and file.endswith(".css") and file not in seen:
                seen.add(file)
                text = text_below_root(file)
                for what, name in wrong_links(text, os.path.dirname(file)):
                    found.append({**place, "file": file, "what": what, "name": name})
    return found


def text_below_root(file: str) -> str:
    """Return the text of a file, or none if there is no such file: the seal says so."""
    path = os.path.join(str(compressor_setting("COMPRESS_ROOT")), file)
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def lost_attributes(text: str, value: str) -> list[str]:
    """Return the attributes of a block's elements that its value has in none, as they are written."""
    kept = {name for _, tag in _tags(value) for name in _attributes(tag)}
    precompiled = {str(kind) for kind, _ in compressor_setting("COMPRESS_PRECOMPILERS", ())}
    lost: dict[str, None] = {}
    for kind, tag in _tags(text):
        for name, given in _attributes(tag).items():
            is_plain = name == "type" and (_PLAIN_TYPES.fullmatch(given) or given in precompiled)
            if name not in _READ and not is_plain and (name == "type" or name not in kept):
                lost[f'{name}="{given}" of <{kind}>' if given else f"{name} of <{kind}>"] = None
    return list(lost)


def _tags(html: str) -> list[tuple[str, str]]:
    return [(kind.lower(), tag) for kind, tag in _TAG.findall(html)]


def _attributes(tag: str) -> dict[str, str]:
    return {name.lower(): value.strip("\"'") for name, value in _ATTRIBUTE.findall(tag)}


def wrong_links(text: str, folder: str | None) -> Iterator[tuple[str, str]]:
    """Yield ("import", "url" or "late", URL) of each link of a stylesheet that does not work.

    Args:
        text: the stylesheet.
        folder: where it lies below the static root, or None if it stands in pages.
    """
    root = str(compressor_setting("COMPRESS_ROOT"))
    told: set[tuple[str, str]] = set()
    begun = False
    for match in _SCANNED.finditer(text):
        begun = begun or bool(match.group("brace"))
        url = next((each for each in match.group("a", "b", "c", "d", "e", "f") if each), "").strip()
        is_import = bool(match.group("import"))
        what = "late" if is_import and begun else ""
        target = below_root(url, folder) if url and not what else None
        if target is not None and not os.path.exists(os.path.join(root, target)):
            what = "import" if is_import else "url"
        if what and (what, url) not in told:
            told.add((what, url))
            yield what, url


def below_root(url: str, folder: str | None) -> str | None:
    """Return the path below the static root that a URL names, or None if it leads elsewhere.

    Args:
        url: as a page or a stylesheet has it.
        folder: of the stylesheet, below the root, or None if it stands in pages.
    """
    from urllib.parse import unquote

    names = ("COMPRESS_URL", "STATIC_URL")
    prefixes = sorted(
        {str(compressor_setting(name, "") or "") for name in names} - {"", "/"}, key=len
    )
    path = unquote(re.split(r"[?#]", url)[0])
    for prefix in reversed(prefixes):
        if path.startswith(prefix):
            return os.path.normpath(path[len(prefix) :].lstrip("/"))
    if (
        folder is None
        or not path
        or path.startswith("/")
        or re.match(r"[a-z][a-z0-9+.-]*:", path, re.IGNORECASE)
    ):
        return None
    path = os.path.normpath(os.path.join(folder, path))
    return None if path.startswith("..") else path
