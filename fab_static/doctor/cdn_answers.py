"""What an edge answers: compression, missing files, versions told apart."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from fab_static.doctor.cdn_settings import ALLOW_ALL_QUERIES
from fab_static.doctor.findings import Finding, bad, good
from fab_static.phases.run.browser import Answer, Browser
from fab_static.plan import expectations
from fab_static.plan.inventory import S3
from fab_static.plan.release import Release

COMPRESSED_FROM = 1000  # bytes; AWS: Developer Guide, "Serving compressed files"


def of_answers(
    browser: Browser,
    url: str,
    release: Release,
    pages: Sequence[str] = (),
    origin: S3 | None = None,
) -> Iterator[Finding]:
    """Yield what the CDN's answers tell.

    Args:
        browser: who asks.
        url: the CDN's base URL, without a slash at its end.
        release: the live one.
        pages: pages of the site; the first one's host must be given leave to use fonts.
        origin: the bucket behind it, where there is one.
    """
    base = expectations.base_of(release)
    first = browser.get(url + base + expectations.MISSING)
    if isinstance(first.status, str):
        cure = "correct cdn.domain, or see whether it can be reached from here"
        yield bad(url, "HTTP", f"answers {first.status}", cure)
        return
    yield from _missing(url, first, origin)
    some = next((path for path in sorted(release.versions) if path in release.files), None)
    if some:
        yield from _versions(browser, url, base + quote(some), origin)
    yield from _compression(browser, url, release)
    if pages:
        yield from _fonts(browser, url, release, site="/".join(pages[0].split("/")[:3]))


def _compression(browser: Browser, url: str, release: Release) -> Iterator[Finding]:
    large = [
        path
        for path, file in release.files.items()
        if path.endswith((".css", ".js")) and file.size >= COMPRESSED_FROM
    ]
    if not large:
        return
    path = next(iter(expectations.urls_of(release, min(large))))
    answer = browser.get(url + path, encoding="gzip, br")
    encoding = answer.headers.get("content-encoding")
    if encoding:
        yield good(url, "compression", f"{path} comes compressed with {encoding}")
    elif answer.status == 200:
        cure = "turn on Compress in its behaviour"
        yield bad(url, "compression", f"{path} comes uncompressed", cure)


def _fonts(browser: Browser, url: str, release: Release, site: str) -> Iterator[Finding]:
    fonts = [path for path in release.files if path.endswith(expectations.FONTS)]
    if not fonts:
        return
    path = next(iter(expectations.urls_of(release, min(fonts))))
    allowed = browser.get(url + path, origin=site).headers.get("access-control-allow-origin")
    if allowed in ("*", site):
        yield good(url, "CORS", f"fonts may be used by pages of {site}")
        return
    yield bad(
        url,
        "CORS",
        f"{path} comes without leave for pages of {site}: browsers throw the font away",
        "let the static hosts' Access-Control-Allow-Origin through, or attach a response "
        "headers policy with CORS",
    )


def _missing(url: str, answer: Answer, origin: S3 | None) -> Iterator[Finding]:
    """Yield how a file is answered that nobody has."""
    control = answer.headers.get("cache-control", "")
    if answer.status == 404 and origin and not control:
        # S3 says nothing of caching then: for how long, the distribution's settings tell
        yield good(url, "missing files", "answer 404")
    elif answer.status == 404 and "no-store" in control:
        yield good(url, "missing files", "answer 404, and are not kept")
    else:
        yield bad(url, "missing files", *_why_wrong(answer, control))


def _why_wrong(answer: Answer, control: str) -> tuple[str, str]:
    """Return what is wrong with the answer for a missing file, and the cure."""
    if answer.status == 404:
        return (
            f'answer 404 with Cache-Control "{control}": caches may keep that',
            "send `Cache-Control: no-store` with 404s from the static hosts: fab … nginx prints how",
        )
    if answer.status == 403:
        return (
            "answer 403, which CloudFront keeps whatever the origin says",
            "give the distribution s3:ListBucket on the bucket, then S3 answers 404",
        )
    return (
        f"a file that nobody has answers {answer.status}, as {answer.content_type}: what is missing "
        "looks as if it were there",
        "take the custom error response away, or give static files a distribution of their own",
    )


def _versions(browser: Browser, url: str, path: str, origin: S3 | None) -> Iterator[Finding]:
    """Yield how two versions are answered that nobody made."""
    made_up = [f"{url}{path}?version={secrets.token_hex(4)[:7]}" for _ in range(2)]
    first = browser.get(made_up[0])
    if origin and origin.version_function:
        yield _function(url, path, first)
        return
    if _is_hit(browser.get(made_up[1])):
        yield bad(
            url,
            "cache key",
            "two made-up versions share a cache entry: the query is not in the cache key, and old bytes "
            "would be served under new URLs",
            ALLOW_ALL_QUERIES,
        )
        return
    yield good(url, "cache key", "two made-up versions do not share a cache entry")
    # a bucket answers by the path alone, so what comes back is invalidated: docs/s3.md
    if not origin:
        yield _unknown_version(url, browser.get(made_up[1]))


def _function(url: str, path: str, made_up: Answer) -> Finding:
    if made_up.status != 200:
        return good(url, "version function", "versions have keys of their own")
    why = "no function sends versions to keys of their own"
    cure = "associate the one that `fab … cdn-function` prints (docs/s3.md)"
    what = f"{path} is answered under a made-up version: {why}"
    return bad(url, "version function", what, cure)


def _unknown_version(url: str, again: Answer) -> Finding:
    if not _is_hit(again):
        return good(url, "unknown versions", "are not kept")
    what = "are kept, and so would be the bytes that a host which is not yet published answers"
    cure = "set the minimum TTL to 0, and serve static hosts with what fab … nginx prints"
    return bad(url, "unknown versions", what, cure)


def _is_hit(answer: Answer) -> bool:
    # X-Cache is CloudFront's; RefreshHit has asked the origin
    return answer.headers.get("x-cache", "").lower().startswith("hit")
