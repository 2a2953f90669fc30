"""The doctor for a CDN: what its settings, and its answers, would make of the next deploy.

Asks the CloudFront API where the credentials may; what it may not ask, and what only an edge can tell, it
asks over HTTP with versions and names that nobody has. Changes nothing, and invalidates nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from fab_static.aws.cloudfront import Distribution, RefusedError
from fab_static.errors import CdnError, FabStaticError
from fab_static.findings import Finding, bad, good
from fab_static.phases.browser import Answer, Browser
from fab_static.phases.caching import Caching, distribution_of
from fab_static.phases.deployment import Deployment
from fab_static.phases.project import static_url_of
from fab_static.plan import expectations
from fab_static.plan.cdn import behaviour as behaviours
from fab_static.plan.inventory import S3, Cdn
from fab_static.plan.publication import TAG_HEADER
from fab_static.plan.release import Release

COMPRESSED_FROM = 1000  # bytes; AWS: Developer Guide, "Serving compressed files"
SAMPLES = ("js/app.js", "css/site.css")  # where no release tells: URLs that carry a version
ALLOW_ALL_QUERIES = (
    "use a cache policy whose query strings are all, or a whitelist with `version`, such as "
    "UseOriginCacheControlHeaders-QueryStrings"
)


def preflight(deploy: Deployment, *, goes_live: bool) -> None:
    """Find out, before anything is built or sent, whether CloudFront would refuse, or mix bytes up.

    Leaves: what can be seen of the CDN's settings, in `deploy.caching`.

    Args:
        deploy: what is to be done.
        goes_live: whether a release will be, so that it matters how versions are told apart.

    Raises:
        CdnError: no or bad credentials, no such distribution, no right to invalidate, no answer; old bytes
            would be served under new URLs.
    """
    cdn, origin = deploy.environment.cdn, deploy.environment.origin
    if cdn is None:
        return
    distribution = distribution_of(cdn, deploy.show.warn)
    deploy.caching = Caching(distribution, deploy.show.warn)
    distribution.may_invalidate()
    for url in _versioned_urls(deploy) if goes_live else ():
        behaviour = deploy.caching.behaviour(url)
        if behaviour is None:
            return
        problem = _mixes_versions(behaviour, url, deploy.caching.holds_version(url), origin)
        if not problem["ok"]:
            where = f"distribution {cdn.distribution_id}"
            raise CdnError(problem["what"], where=where, mend=str(problem["mend"]))


def _versioned_urls(deploy: Deployment) -> list[str]:
    """Return URL paths whose versions matter, as far as can be known before a build."""
    live = deploy.live or deploy.recorded_live
    release = deploy.read_release(live) if live else None
    if (release and release.versions) or "resource_static" in deploy.environment.build.phases:
        return _paths(deploy, release)
    return []


def check(deploy: Deployment) -> Iterator[Finding]:
    """Yield what is found of the environment's CDN, the good too; nothing where there is none."""
    cdn = deploy.environment.cdn
    if cdn is None:
        return
    release = _live(deploy)
    origin = deploy.environment.origin
    yield from of_settings(cdn, _paths(deploy, release), origin)
    if cdn.url and release:
        pages = deploy.environment.probe.pages
        with Browser(deploy.environment.probe.timeout) as browser:
            yield from of_answers(browser, cdn.url, release, pages, origin)
    waiting = deploy.journal.to_invalidate if deploy.states else []
    if waiting:
        yield bad(
            f"distribution {cdn.distribution_id}",
            "invalidation",
            f"{len(waiting)} URLs still wait to be forgotten: {', '.join([*waiting][:5])}",
            f"fab {deploy.environment.name} invalidate",
        )


def _live(deploy: Deployment) -> Release | None:
    """Return the live release, where the hosts can tell."""
    try:
        deploy.look()
        live = deploy.live or deploy.recorded_live
        return deploy.read_release(live) if live else None
    except FabStaticError:  # the doctor has named that host already
        return None


# ---- by the API


def of_settings(cdn: Cdn, paths: Sequence[str], origin: S3 | None = None) -> Iterator[Finding]:
    """Yield what the CloudFront API tells.

    Args:
        cdn: the distribution.
        paths: URL paths of static files that carry a version: behaviours may differ by their ending.
        origin: the bucket behind it, where there is one.
    """
    where = f"distribution {cdn.distribution_id}"
    distribution = distribution_of(cdn)
    try:
        config: dict[str, Any] | None = distribution.config()
        yield good(where, "CloudFront", "is there, and may be asked")
    except RefusedError as error:
        if not error.is_denied:
            yield bad(where, "CloudFront", error.what, error.mend)
            return
        config = None
        yield bad(where, "rights", "GetDistributionConfig is denied: its settings cannot be seen", error.mend)  # fmt: skip
    except CdnError as error:
        yield bad(where, "CloudFront", error.what, error.mend)
        return
    for may in (distribution.may_invalidate, distribution.may_wait, distribution.in_progress):
        try:
            may()
        except RefusedError as error:
            yield bad(where, "rights", error.what, error.mend)
        except CdnError as error:
            yield bad(where, "CloudFront", error.what, error.mend)
            return
    if config is None:
        return
    if not config.get("Enabled", True):
        yield bad(where, "CloudFront", "the distribution is disabled", "enable it")
    for path in paths:
        yield from _of_behaviour(distribution, where, config, path, origin)
    if origin and origin.cache_tags:
        yield _of_tags(where, config)
    yield from _of_errors(where, config)


def _paths(deploy: Deployment, release: Release | None) -> list[str]:
    """Return a versioned script and a stylesheet as URL paths, where nothing is live likely ones."""
    if release is None:
        try:
            base = static_url_of(deploy.facts(deploy.build), deploy.build.name)
        except FabStaticError:
            base = "/static/"
        return [expectations.url_path(base) + name for name in SAMPLES]
    chosen = []
    for ending in (".js", ".css"):
        names = (path for path in sorted(release.versions) if path.endswith(ending))
        chosen += [expectations.base_of(release) + quote(name) for name in list(names)[:1]]
    return chosen or [expectations.base_of(release) + name for name in SAMPLES]


def _of_behaviour(
    distribution: Distribution, where: str, config: dict[str, Any], path: str, origin: S3 | None
) -> Iterator[Finding]:
    behaviour = behaviours.behaviour_of(config, path)
    named = f"{behaviours.name_of(behaviour)}, which {path} falls to,"
    policy = None
    if behaviour.get("CachePolicyId"):
        try:
            policy = distribution.cache_policy(str(behaviour["CachePolicyId"]))
        except CdnError as error:
            yield bad(where, "cache key", f"the cache policy of {named} cannot be seen: {error.what}", error.mend)  # fmt: skip
            return
    is_in_key = behaviours.is_in_cache_key(behaviour, policy)
    yield {**_mixes_versions(behaviour, path, is_in_key, origin), "where": where}
    seconds = behaviours.least_seconds(behaviour, policy)
    if seconds:
        yield bad(
            where,
            "minimum TTL",
            f"{named} keeps everything for {seconds} s at least, what is marked no-store too",
            "set the minimum TTL to 0",
        )
    lacking = {"gzip", "br"} - set(behaviours.compression(behaviour, policy))
    if lacking:
        yield bad(
            where,
            "compression",
            f"{named} does not compress with {' nor '.join(sorted(lacking))}",
            "turn on Compress, and gzip and Brotli in its cache policy",
        )
    statuses = behaviours.failover(config, behaviour)
    if statuses is not None and not statuses >= behaviours.FAILING:
        yield bad(
            where,
            "failover",
            f"{named} asks its second origin not on {_listed(behaviours.FAILING - statuses)}",
            "add these to the origin group's failover criteria",
        )
    yield from _of_cors(distribution, where, behaviour, named)


def _mixes_versions(
    behaviour: behaviours.Config, path: str, is_in_key: bool | None, origin: S3 | None
) -> Finding:
    """Tell whether a versioned URL can be answered with another version's bytes."""
    named = f"{behaviours.name_of(behaviour)}, which {path} falls to,"
    function = behaviours.function_of(behaviour)
    if origin and origin.version_function:
        if function:
            return good("", "version function", f"{named} runs {function} on viewer requests")
        return bad(
            "",
            "version function",
            f"{named} runs no function on viewer requests, and the inventory says that one makes versions "
            "exact: the bucket would answer old ones with new bytes",
            "associate the one that `fab … cdn-function` prints (docs/s3.md), or take version_function out "
            "of the inventory",
        )
    if is_in_key is False:
        return bad(
            "",
            "cache key",
            f"{named} does not hold the query's `version`: old bytes would be served under new URLs",
            ALLOW_ALL_QUERIES,
        )
    return good("", "cache key", f"{named} holds the query's `version`")


def _of_tags(where: str, config: dict[str, Any]) -> Finding:
    header = behaviours.tag_header(config)
    if header == TAG_HEADER:
        return good(where, "cache tags", f"are read from {header}")
    return bad(
        where,
        "cache tags",
        f"are read from {header or 'no header'}, and the bucket's objects carry {TAG_HEADER}: changes are "
        "invalidated by their paths",
        f"set CacheTagConfig.HeaderName to {TAG_HEADER}",
    )


def _of_cors(
    distribution: Distribution, where: str, behaviour: behaviours.Config, named: str
) -> Iterator[Finding]:
    """A response headers policy goes over what static hosts send: they send leave for everybody."""
    policy = behaviour.get("ResponseHeadersPolicyId")
    if not policy:
        return
    try:
        cors = distribution.response_headers_policy(str(policy)).get("CorsConfig")
    except CdnError as error:
        yield bad(where, "CORS", f"the response headers policy of {named} cannot be seen: {error.what}", error.mend)  # fmt: skip
        return
    if cors and cors.get("OriginOverride"):
        allowed = cors.get("AccessControlAllowOrigins", {}).get("Items", [])
        yield good(where, "CORS", f"{named} gives leave to {', '.join(allowed)}")


def _of_errors(where: str, config: dict[str, Any]) -> Iterator[Finding]:
    found = False
    for status, seconds in behaviours.long_errors(config):
        found = True
        yield bad(
            where,
            "errors",
            f"a {status} is cached for {seconds} s: a file asked for too early stays missing",
            f"set the error caching minimum TTL of {status} to {behaviours.DEFAULT_ERROR_TTL} or less",
        )
    for status, page in behaviours.hidden_errors(config):
        found = True
        yield bad(
            where,
            "errors",
            f"a {status} is answered as 200 with {page}: a missing script looks like one that is there",
            "take that custom error response away, or give static files a distribution of their own",
        )
    if not found:
        yield good(where, "errors", "are cached briefly, and told as errors")


def _listed(statuses: set[int]) -> str:
    return ", ".join(map(str, sorted(statuses)))


# ---- by HTTP


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
    large = [
        path
        for path, file in release.files.items()
        if path.endswith((".css", ".js")) and file.size >= COMPRESSED_FROM
    ]
    if large:
        path = next(iter(expectations.urls_of(release, min(large))))
        answer = browser.get(url + path, encoding="gzip, br")
        encoding = answer.headers.get("content-encoding")
        if encoding:
            yield good(url, "compression", f"{path} comes compressed with {encoding}")
        elif answer.status == 200:
            cure = "turn on Compress in its behaviour"
            yield bad(url, "compression", f"{path} comes uncompressed", cure)
    fonts = [path for path in release.files if path.endswith(expectations.FONTS)]
    if fonts and pages:
        site = "/".join(pages[0].split("/")[:3])
        path = next(iter(expectations.urls_of(release, min(fonts))))
        allowed = browser.get(url + path, origin=site).headers.get("access-control-allow-origin")
        if allowed in ("*", site):
            yield good(url, "CORS", f"fonts may be used by pages of {site}")
        else:
            yield bad(
                url,
                "CORS",
                f"{path} comes without leave for pages of {site}: browsers throw the font away",
                "let the static hosts' Access-Control-Allow-Origin through, or attach a response "
                "headers policy with CORS",
            )


def _missing(where: str, answer: Answer, origin: S3 | None) -> Iterator[Finding]:
    control = answer.headers.get("cache-control", "")
    if answer.status == 404 and origin and not control:
        # S3 says nothing of caching then: for how long, the distribution's settings tell
        yield good(where, "missing files", "answer 404")
    elif answer.status == 404 and "no-store" in control:
        yield good(where, "missing files", "answer 404, and are not kept")
    elif answer.status == 404:
        yield bad(
            where,
            "missing files",
            f'answer 404 with Cache-Control "{control}": caches may keep that',
            "send `Cache-Control: no-store` with 404s from the static hosts: fab … nginx prints how",
        )
    elif answer.status == 403:
        yield bad(
            where,
            "missing files",
            "answer 403, which CloudFront keeps whatever the origin says",
            "give the distribution s3:ListBucket on the bucket, then S3 answers 404",
        )
    else:
        yield bad(
            where,
            "missing files",
            f"a file that nobody has answers {answer.status}, as {answer.content_type}: what is missing "
            "looks as if it were there",
            "take the custom error response away, or give static files a distribution of their own",
        )


def _versions(browser: Browser, where: str, path: str, origin: S3 | None) -> Iterator[Finding]:
    made_up = [f"{where}{path}?version={secrets.token_hex(4)[:7]}" for _ in range(2)]
    first = browser.get(made_up[0])
    if origin and origin.version_function:
        if first.status == 200:
            yield bad(
                where,
                "version function",
                f"{path} is answered under a made-up version: no function sends versions to keys of their own",
                "associate the one that `fab … cdn-function` prints (docs/s3.md)",
            )
        else:
            yield good(where, "version function", "versions have keys of their own")
        return
    if _is_hit(browser.get(made_up[1])):
        yield bad(
            where,
            "cache key",
            "two made-up versions share a cache entry: the query is not in the cache key, and old bytes "
            "would be served under new URLs",
            ALLOW_ALL_QUERIES,
        )
        return
    yield good(where, "cache key", "two made-up versions do not share a cache entry")
    if origin:  # it answers by the path alone, so what comes back is invalidated: docs/s3.md
        return
    if _is_hit(browser.get(made_up[1])):
        yield bad(
            where,
            "unknown versions",
            "are kept, and so would be the bytes that a host which is not yet published answers",
            "set the minimum TTL to 0, and serve static hosts with what fab … nginx prints",
        )
    else:
        yield good(where, "unknown versions", "are not kept")


def _is_hit(answer: Answer) -> bool:
    # X-Cache is CloudFront's; RefreshHit has asked the origin
    return answer.headers.get("x-cache", "").lower().startswith("hit")
