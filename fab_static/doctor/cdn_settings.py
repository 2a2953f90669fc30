"""What the CloudFront API tells of a distribution: cache keys, tags, CORS, error pages."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from fab_static.aws.cloudfront import Distribution
from fab_static.aws.cloudfront_calls import RefusedError
from fab_static.doctor.findings import Finding, advice, bad, good
from fab_static.errors import CdnError
from fab_static.phases.run.caching import distribution_of
from fab_static.plan.cdn import behaviour as behaviours
from fab_static.plan.cdn.cache_tags import TAG_HEADER
from fab_static.plan.inventory import S3, Cdn

ALLOW_ALL_QUERIES = (
    "use a cache policy whose query strings are all, or a whitelist with `version`, such as "
    "UseOriginCacheControlHeaders-QueryStrings"
)


KEY_ON_DICTIONARIES = (
    "use a cache policy whose headers are Accept-Encoding and Available-Dictionary, with gzip and Brotli off, and turn "
    "off Compress (docs/deltas.md)"
)


def of_settings(
    cdn: Cdn, paths: Sequence[str], origin: S3 | None = None, *, deltas: int = 0
) -> Iterator[Finding]:
    """Yield what the CloudFront API tells.

    Args:
        cdn: the distribution.
        paths: URL paths of static files that carry a version: behaviours may differ by their ending.
        origin: the bucket behind it, where there is one.
        deltas: as build.deltas says.
    """
    where = f"distribution {cdn.distribution_id}"
    distribution = distribution_of(cdn)
    config = yield from _of_rights(distribution, where)
    if config is None:
        return
    if not config.get("Enabled", True):
        yield bad(where, "CloudFront", "the distribution is disabled", "enable it")
    for path in paths:
        yield from _of_behaviour(distribution, where, config, path, origin, deltas)
    if origin and origin.cache_tags:
        yield _of_tags(where, config)
    yield from _of_errors(where, config)


def _of_rights(
    distribution: Distribution, where: str
) -> Generator[Finding, None, behaviours.Config | None]:
    """Yield what we may ask of CloudFront; return the distribution's settings, None where they cannot be seen."""
    config: behaviours.Config | None = None
    try:
        config = distribution.config()
        yield good(where, "CloudFront", "is there, and may be asked")
    except RefusedError as error:
        if not error.is_denied:
            yield bad(where, "CloudFront", error.what, error.mend)
            return None
        yield bad(where, "rights", "GetDistributionConfig is denied: its settings cannot be seen", error.mend)  # fmt: skip
    except CdnError as error:
        yield bad(where, "CloudFront", error.what, error.mend)
        return None
    for may in (distribution.may_invalidate, distribution.may_wait, distribution.in_progress):
        try:
            may()
        except RefusedError as error:
            yield bad(where, "rights", error.what, error.mend)
        except CdnError as error:
            yield bad(where, "CloudFront", error.what, error.mend)
            return None
    return config


def _of_behaviour(
    distribution: Distribution,
    where: str,
    config: behaviours.Config,
    path: str,
    origin: S3 | None,
    deltas: int,
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
    yield {**mixes_versions(behaviour, path, is_in_key, origin), "where": where}
    yield from _of_deltas(where, behaviour, policy, named, deltas)
    yield from _of_caching(where, behaviour, policy, named, deltas)
    statuses = behaviours.failover(config, behaviour)
    if statuses is not None and not statuses >= behaviours.FAILING:
        not_on = _listed(behaviours.FAILING - statuses)
        what = f"{named} asks its second origin not on {not_on}"
        yield bad(where, "failover", what, "add these to the origin group's failover criteria")
    yield from _of_cors(distribution, where, behaviour, named)


def _of_caching(
    where: str,
    behaviour: behaviours.Config,
    policy: behaviours.Config | None,
    named: str,
    deltas: int,
) -> Iterator[Finding]:
    seconds = behaviours.least_seconds(behaviour, policy)
    if seconds:
        what = f"{named} keeps everything for {seconds} s at least, what is marked no-store too"
        yield bad(where, "minimum TTL", what, "set the minimum TTL to 0")
    if deltas and behaviours.keeps_dictionaries_apart(behaviour, policy):
        return  # what static hosts encoded goes through as it is
    lacking = {"gzip", "br"} - set(behaviours.compression(behaviour, policy))
    if lacking:
        what = f"{named} does not compress with {' nor '.join(sorted(lacking))}"
        cure = "turn on Compress, and gzip and Brotli in its cache policy"
        yield bad(where, "compression", what, cure)


def _of_deltas(
    where: str,
    behaviour: behaviours.Config,
    policy: behaviours.Config | None,
    named: str,
    deltas: int,
) -> Iterator[Finding]:
    """Yield whether browsers behind CloudFront get deltas, and each its own."""
    if not deltas:
        return
    if behaviours.mixes_dictionaries(behaviour, policy):
        what = f"{named} sends Available-Dictionary on and does not hold it: a delta would go to browsers that cannot read it"
        yield bad(where, "deltas", what, KEY_ON_DICTIONARIES)
    elif behaviours.keeps_dictionaries_apart(behaviour, policy):
        yield good(where, "deltas", f"{named} holds what browsers hold, and sends deltas on")
    else:
        what = f"{named} asks for no deltas: visitors get the files that they always got"
        yield advice(where, "deltas", what, KEY_ON_DICTIONARIES)


def mixes_versions(
    behaviour: behaviours.Config, path: str, is_in_key: bool | None, origin: S3 | None
) -> Finding:
    """Tell whether a versioned URL can be answered with another version's bytes."""
    named = f"{behaviours.name_of(behaviour)}, which {path} falls to,"
    if origin and origin.version_function:
        return _function(named, behaviours.function_of(behaviour))
    if is_in_key is False:
        what = (
            f"{named} does not hold the query's `version`: old bytes would be served under new URLs"
        )
        return bad("", "cache key", what, ALLOW_ALL_QUERIES)
    return good("", "cache key", f"{named} holds the query's `version`")


def _function(named: str, function: str | None) -> Finding:
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


def _of_tags(where: str, config: behaviours.Config) -> Finding:
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


def _of_errors(where: str, config: behaviours.Config) -> Iterator[Finding]:
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
