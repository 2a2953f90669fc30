"""django-compressor's offline manifest: what stands in a page instead of each compress block.

`CACHE/manifest.json` maps a key, the SHA-256 of a block's rendered text, to HTML in which a
placeholder stands for COMPRESS_URL: {"3f9c…": '<script src="/__compressor_url_placeholder__/CACHE/js/a.js">'}.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import unquote

from fab_static.errors import ManifestError
from fab_static.plan.copies import original

PLACEHOLDER = "/__compressor_url_placeholder__/"

_REBUILD = "build it again: manage.py compress --force"
# Query keys of signed URLs: Amazon S3 versions 2 and 4, CloudFront, Google Cloud Storage, Azure
# (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html, …)
_SIGNED = re.compile(
    r"[?&](Signature|Expires|AWSAccessKeyId|X-Amz-[\w-]+|Key-Pair-Id|Policy|X-Goog-[\w-]+|GoogleAccessId|sig)=",
    re.IGNORECASE,
)
# what compress names by content: output.3f9c1a7b2d4e.css, and 3f9c1a7b2d4e.css before django-compressor 2.3
CONTENT_NAMED = re.compile(r"(^|[./])[0-9a-f]{12}\.[^/]+$")


def parse(text: str, *, where: str = "the offline manifest") -> dict[str, str]:
    """Read a manifest.

    Raises:
        ManifestError: not JSON, or not an object of texts; a null is a block that compress gave up on.
    """
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(
            f"the offline manifest is not JSON: {error}", where=where, mend=_REBUILD
        ) from error
    if not isinstance(manifest, dict):
        raise ManifestError("the offline manifest is not a JSON object", where=where, mend=_REBUILD)
    for key, value in manifest.items():
        if not isinstance(value, str):
            raise ManifestError(
                f"the offline manifest has no HTML for the key {key}", where=where, mend=_REBUILD
            )
    return manifest


def write(manifest: Mapping[str, str]) -> str:
    """Return the manifest's text: the same bytes for the same content (compress orders keys by chance)."""
    return json.dumps(manifest, indent=2, sort_keys=True)


def union(new: Mapping[str, str], old: Mapping[str, str]) -> dict[str, str]:
    """Return a manifest that serves two releases at once; a key in both has the new value."""
    return {**old, **new}


def assets(manifest: Mapping[str, str], *, placeholder: str = PLACEHOLDER) -> frozenset[str]:
    """Return the paths under the static root that the values link to: what compress wrote.

    Only links count: images named by an inline `<style>` were collected, not written by compress.

    Raises:
        ManifestError: a link leads outside the static root.
    """
    paths: set[str] = set()
    for key, value in manifest.items():
        links = _Links(placeholder)
        links.feed(value)
        links.close()
        for path in links.paths:
            if path.startswith("/") or {"", ".", ".."} & {*path.split("/")}:
                raise ManifestError(
                    f"the link {path!r} leads outside the static root",
                    where=f"the offline manifest, key {key}",
                    mend=_REBUILD,
                )
        paths.update(links.paths)
    return frozenset(paths)


def lint(manifest: Mapping[str, str]) -> list[str]:
    """Return what would break later though all is there now: signed URLs, which expire while in use."""
    return [
        f"key {key}: a signed or expiring URL ({found[1]}=) stands in the page until the next build;"
        " let the storage give plain URLs (AWS_QUERYSTRING_AUTH = False)"
        for key in sorted(manifest)
        if (found := _SIGNED.search(html.unescape(manifest[key])))
    ]


def problems(
    manifest: Mapping[str, str], files: Mapping[str, str], before: Mapping[str, str]
) -> list[str]:
    """Return why a manifest cannot be served, one line each.

    Args:
        manifest: key -> HTML.
        files: the static root as compress left it, path -> SHA-256.
        before: the static root that compress was given.
    """
    found = lint(manifest)
    for path in sorted(assets(manifest)):
        if path not in files:
            found.append(f"it names {path}, which the static root does not hold")
        elif CONTENT_NAMED.search(path) and before.get(path) == files[path]:
            # compress writes a file for every block, in a static root that holds none of an earlier one
            found.append(
                f"it names {path}, which was there before compress ran: a leftover of an earlier build "
                "among the files collected; remove it from its static folder"
            )
    return found


def content_named(files: Mapping[str, str], before: Mapping[str, str]) -> tuple[str, ...]:
    """Return what compress wrote under content names: paths whose bytes were not there before it ran.

    Compressed copies that its storage wrote beside them promise nothing. Both map a path under the static root to the SHA-256 of its bytes.
    """
    return tuple(
        sorted(
            path
            for path, sha256 in files.items()
            if before.get(path) != sha256
            and CONTENT_NAMED.search(path)
            and not original(path, files)
        )
    )


class _Links(HTMLParser):
    """Collects attributes that begin with the placeholder; bodies of script and style are no HTML."""

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self.placeholder = placeholder
        self.paths: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        for _, value in attrs:
            if value and value.startswith(self.placeholder):
                path = value[len(self.placeholder) :]
                self.paths.append(unquote(re.split(r"[?#]", path, maxsplit=1)[0]))
