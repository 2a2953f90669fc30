"""A URL of a release -> what a static host, or the CDN before it, must answer; an answer -> what is wrong with it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import PurePosixPath
from urllib.parse import parse_qs, quote, unquote, urljoin, urlsplit

from fab_static.plan.diff import is_for_the_server, is_versioned
from fab_static.plan.release import File, Release

LONGEST_UNVERSIONED = 86400  # seconds that a browser may keep what changes under the same name
SHORTEST_LASTING = 30 * 86400  # seconds that a browser keeps, at least, what never changes
UNKNOWN_VERSION = "0000000"
MISSING = "fab-static-probe/there-is-no-such-file.png"
FONTS = (".woff2", ".woff", ".ttf", ".otf", ".eot")
MODULES = (".mjs",)
TEXT = (".css", ".js", ".mjs", ".json", ".map", ".svg", ".html", ".txt", ".xml")
# where browsers refuse another type; WHATWG MIME Sniffing and the HTML standard's module scripts
SCRIPT = ("text/javascript", "application/javascript", "application/x-javascript")
TYPES = {
    ".css": ("text/css",),
    ".js": SCRIPT,
    ".mjs": SCRIPT,
    ".svg": ("image/svg+xml",),
    ".wasm": ("application/wasm",),
}
_MAP = re.compile(rb"(?://[#@]|/\*[#@])\s*sourceMappingURL=([^\s*'\"]+)[\s*/]*\Z")


class Keep(Enum):
    """How long a browser may keep an answer."""

    FOR_EVER = "immutable"
    SHORTLY = "short"
    NOT_AT_ALL = "no-store"
    UNSAID = "unsaid"  # the settings of the CDN tell


@dataclass(frozen=True)
class Expected:
    """What a URL must answer: a file of the release, or, where there is none, 404 or anything uncacheable."""

    path: str
    file: File | None
    keep: Keep
    statuses: tuple[int, ...] = (200,)  # (): any
    type_may_be_wrong: bool = (
        False  # files of this kind were there before: not this release's doing
    )
    has_own_copy: bool = (
        False  # the project ships a .gz or .br beside it, and answers for what it holds
    )

    @property
    def encodings(self) -> tuple[str, ...]:
        """The encodings in which it should be asked for: a text may come compressed."""
        is_text = self.path.endswith(TEXT) and not self.has_own_copy
        return ("identity", "gzip", "br") if is_text else ("identity",)

    @property
    def needs_cors(self) -> bool:
        """Whether browsers ask for leave to use it on a page of another host (Fetch standard)."""
        return self.file is not None and self.path.endswith((*FONTS, *MODULES))


OTHER_BYTES = "bytes that are not the recorded"


def url_path(static_url: str) -> str:
    """Return the path of a STATIC_URL, with a slash at both ends."""
    return f"/{urlsplit(static_url).path.strip('/')}/".replace("//", "/")


def base_of(release: Release) -> str:
    """Return where a release's files are, as a URL path with a slash at both ends."""
    return url_path(str(release.settings["STATIC_URL"]))


def urls_of(release: Release, path: str) -> dict[str, Expected]:
    """Return the URLs of a file, from the root: as pages print it, and as stylesheets name it.

    Pages print the version where one is recorded; stylesheets name images and fonts without it.
    """
    url, file = base_of(release) + quote(path), release.files[path]
    own = not {f"{path}.gz", f"{path}.br"}.isdisjoint(release.files)
    found = {}
    if path in release.versions:
        version = release.versions[path]
        found[f"{url}?version={version}"] = Expected(path, file, Keep.FOR_EVER)
    if path in release.named:
        found[url] = Expected(path, file, Keep.FOR_EVER)
    elif not is_versioned(path, release):
        found[url] = Expected(path, file, Keep.SHORTLY, has_own_copy=own)
    return found


def never_there(release: Release) -> dict[str, Expected]:
    """Return URLs that must not be cacheable: a version nobody made, a file nobody has (G2)."""
    some = next((path for path in sorted(release.versions) if path in release.files), None)
    urls = {base_of(release) + MISSING: Expected(MISSING, None, Keep.NOT_AT_ALL, (404,))}
    if some:
        url = f"{base_of(release)}{quote(some)}?version={UNKNOWN_VERSION}"
        urls[url] = Expected(some, None, Keep.NOT_AT_ALL, ())
    return urls


def of_a_bucket(wanted: Mapping[str, Expected], *, version_function: bool) -> dict[str, Expected]:
    """Return the same as a bucket behind the CDN answers it.

    S3 says nothing of caching with an error, and 403 where listing is not allowed. Without the function a
    `?version=` names whatever is live, so nobody may keep it for ever, and one that nobody made is answered.
    """
    found = {}
    for url, want in wanted.items():
        if want.file is None and ("?version=" not in url or version_function):
            found[url] = replace(want, keep=Keep.UNSAID, statuses=(404, 403))
        elif want.file and "?version=" in url and not version_function:
            found[url] = replace(want, keep=Keep.SHORTLY)
        elif want.file:
            found[url] = want
    return found


def to_ask(release: Release, before: Release | None, sample: Iterable[str]) -> dict[str, Expected]:
    """Return the URLs of all files that differ from the release before, and of the sample.

    Server-side sources are left out: no page names them.
    """
    old = before.content if before else {}
    changed = (
        {path for path, file in release.content.items() if old.get(path) != file} if old else ()
    )
    paths = sorted({*changed, *sample})
    known = {PurePosixPath(path).suffix for path in old}
    return {
        url: replace(want, type_may_be_wrong=PurePosixPath(path).suffix in known)
        for path in paths
        if not is_for_the_server(path, release)
        for url, want in urls_of(release, path).items()
    }


def static_path(url: str, release: Release) -> str | None:
    """Return the path below the static root that a URL names, or None if it is not a static URL."""
    base = base_of(release)
    path = unquote(urlsplit(url).path)
    return path[len(base) :] if path.startswith(base) and len(path) > len(base) else None


def other_version(url: str, release: Release) -> str | None:
    """Return what is wrong with a URL that a page of the release prints, or None if it is right."""
    path = static_path(url, release)
    file = release.files.get(path or "")
    if file is None:
        return f"{url} is named by a page, and the release has no {path}"
    version = parse_qs(urlsplit(url).query).get("version", [None])[0]
    if version and re.fullmatch("[0-9a-f]{7}", version) and version != file.version:
        return f"{url} is printed by a page, and the release recorded version {file.version}"
    return None


def source_map(url: str, body: bytes, release: Release) -> str | None:
    """Return the URL of the source map that a script or stylesheet names, where the release has that map.

    Third parties' maps are often not shipped; then there is nothing to be served.
    """
    if not urlsplit(url).path.endswith((".js", ".mjs", ".css")):
        return None
    found = _MAP.search(body[-4096:])
    if not found or found[1].startswith(b"data:"):
        return None
    named = urljoin(url, found[1].decode("utf-8", "replace"))
    if urlsplit(named)[:2] != urlsplit(url)[:2]:
        return None
    return named if static_path(named, release) in release.files else None


def wrong_bytes(want: Expected, status: int | str, body: bytes, content_type: str) -> str | None:
    """Return what is wrong with status, bytes or type of an answer, or None if nothing is."""
    if want.statuses and status not in want.statuses:
        wanted = " or ".join(map(str, want.statuses))
        return f"answered {status}" + (f", not {wanted}" if want.statuses != (200,) else "")
    if want.file is None:
        return None
    if hashlib.sha256(body).hexdigest() != want.file.sha256:
        return f"answered {len(body)} {OTHER_BYTES} {want.file.size}"
    return wrong_type(want, content_type)


def wrong_type(want: Expected, content_type: str) -> str | None:
    """Return why browsers refuse the type of an answer, or None if they do not."""
    types = TYPES.get(PurePosixPath(want.path).suffix) if want.file else None
    if types and content_type not in types:
        return f"came as {content_type or 'no type'}, and browsers want {types[0]}"
    return None


def wrong_caching(want: Expected, headers: Mapping[str, str]) -> str | None:
    """Return what is wrong with how long caches may keep an answer, or None if nothing is."""
    control = headers.get("cache-control", "").lower()
    max_age = _seconds(control, "max-age")
    shown = f'with Cache-Control "{control}"' if control else "without Cache-Control"
    if want.keep in (Keep.FOR_EVER, Keep.UNSAID):
        return None
    if want.keep is Keep.SHORTLY:
        if "immutable" in control or max_age > LONGEST_UNVERSIONED:
            return f"came {shown}, and its bytes may change under this name"
        return None
    if not re.search("no-store|private", control):
        return f"came {shown}, and caches must not keep it: no-store"
    return None


def is_kept_too_shortly(want: Expected, headers: Mapping[str, str]) -> bool:
    """Tell whether browsers will ask again for bytes that never change: no danger, only slow."""
    control = headers.get("cache-control", "").lower()
    lasts = "immutable" in control and _seconds(control, "max-age") >= SHORTEST_LASTING
    return want.keep is Keep.FOR_EVER and want.file is not None and not lasts


def wrong_cors(
    want: Expected, headers: Mapping[str, str], origin: str, *, is_checked: bool = False
) -> str | None:
    """Return why a page of `origin` may not use the answer, or None if it may.

    Args:
        want: what was asked for.
        headers: of the answer.
        origin: of the page.
        is_checked: the page gives the hash of its bytes, and browsers need leave to look at them.
    """
    allowed = headers.get("access-control-allow-origin")
    if (want.needs_cors or is_checked) and allowed not in ("*", origin):
        return f"came without leave for pages of {origin} (Access-Control-Allow-Origin: {allowed})"
    return None


def _seconds(control: str, name: str) -> int:
    found = re.search(rf"(?:^|[\s,]){name}\s*=\s*\"?(\d+)", control)
    return int(found[1]) if found else 0
