"""A CloudFront distribution's config -> what its edges do with a static URL. Configs are in boto3's shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

DEFAULT_ERROR_TTL = (
    10  # seconds; AWS: Developer Guide, "Controlling how long CloudFront caches errors"
)
ERRORS = (403, 404, 500, 502, 503, 504)
FAILING = {500, 502, 503, 504}

Config = Mapping[str, Any]
# managed origin request policies that send on every header of the browser: AllViewer, AllViewerExceptHostHeader,
# AllViewerAndCloudFrontHeaders-2022-06 (AWS: Developer Guide, "Using the managed origin request policies")
ALL_VIEWER = (
    "216adef6-5c7f-47e4-b989-5492eafa07d3",
    "b689b0a8-53d0-40ab-baf2-68738e2966ac",
    "33f36d7e-f396-46d9-90e0-52428a34d9dc",
)


def behaviour_of(config: Config, path: str) -> Config:
    """Return the cache behaviour of a URL path: the first whose pattern matches, else the default one."""
    for behaviour in config.get("CacheBehaviors", {}).get("Items", []):
        if _matches(str(behaviour["PathPattern"]), path):
            found: Config = behaviour
            return found
    default: Config = config["DefaultCacheBehavior"]
    return default


def _matches(pattern: str, path: str) -> bool:
    # AWS: Developer Guide, "Path pattern": * is 0 or more characters, ? is one, a leading / is optional
    text = "".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern.lstrip("/"))
    return re.fullmatch(text, path.lstrip("/"), re.DOTALL) is not None


def name_of(behaviour: Config) -> str:
    """Return what the console calls a behaviour."""
    return f"behaviour {behaviour.get('PathPattern', 'Default (*)')}"


def is_in_cache_key(behaviour: Config, policy: Config | None, parameter: str = "version") -> bool:
    """Tell whether each value of a query parameter is cached apart.

    A cache policy (its CachePolicyConfig) decides where there is one, else the older ForwardedValues (AWS:
    Developer Guide, "Caching content based on query string parameters").
    """
    if policy is None:
        forwarded = behaviour.get("ForwardedValues", {})
        keys = forwarded.get("QueryStringCacheKeys", {}).get("Items", [])
        return bool(forwarded.get("QueryString")) and (not keys or parameter in keys)
    strings = _parameters(policy).get("QueryStringsConfig", {})
    named = strings.get("QueryStrings", {}).get("Items", [])
    return {
        "all": True,
        "whitelist": parameter in named,
        "allExcept": parameter not in named,
    }.get(strings.get("QueryStringBehavior"), False)


def keys_on_other_queries(
    behaviour: Config, policy: Config | None, parameter: str = "version"
) -> bool:
    """Tell whether URLs are cached apart by more of their query than one parameter; see `is_in_cache_key`."""
    if policy is None:
        forwarded = behaviour.get("ForwardedValues", {})
        keys = forwarded.get("QueryStringCacheKeys", {}).get("Items", [])
        return bool(forwarded.get("QueryString")) and set(keys) != {parameter}
    strings = _parameters(policy).get("QueryStringsConfig", {})
    named = set(strings.get("QueryStrings", {}).get("Items", []))
    return {"all": True, "whitelist": not named <= {parameter}, "allExcept": True}.get(
        strings.get("QueryStringBehavior"), False
    )


def function_of(behaviour: Config) -> str | None:
    """Return the ARN of the CloudFront Function that sees viewers' requests first; None: none."""
    for one in behaviour.get("FunctionAssociations", {}).get("Items", []):
        if one["EventType"] == "viewer-request":
            return str(one["FunctionARN"])
    return None


def tag_header(config: Config) -> str | None:
    """Return the header, in lower case, that objects' cache tags are taken from; None: from none."""
    name = config.get("CacheTagConfig", {}).get("HeaderName")
    return str(name).lower() if name else None


def least_seconds(behaviour: Config, policy: Config | None) -> int:
    """Return how long everything is kept at least, whatever the origin says: MinTTL."""
    return int((behaviour if policy is None else policy).get("MinTTL", 0))


def compression(behaviour: Config, policy: Config | None) -> tuple[str, ...]:
    """Return what CloudFront compresses with, or passes on compressed, of gzip and br.

    Without a cache policy it compresses with gzip alone (AWS: "Serving compressed files").
    """
    if policy is None:
        return ("gzip",) if behaviour.get("Compress") else ()
    if not behaviour.get("Compress"):
        return ()
    parameters = _parameters(policy)
    named = (("gzip", "EnableAcceptEncodingGzip"), ("br", "EnableAcceptEncodingBrotli"))
    return tuple(encoding for encoding, key in named if parameters.get(key))


def headers_in_key(behaviour: Config, policy: Config | None) -> set[str]:
    """Return the request headers, in lower case, by which answers are cached apart; "*" stands for all."""
    if policy is None:
        found = behaviour.get("ForwardedValues", {}).get("Headers", {})
    else:
        found = _parameters(policy).get("HeadersConfig", {}).get("Headers", {})
    return {str(name).lower() for name in found.get("Items", [])}


def keeps_dictionaries_apart(behaviour: Config, policy: Config | None) -> bool:
    """Tell whether browsers get deltas, each its own (RFC 9842).

    CloudFront's own compression replaces Accept-Encoding by gzip and br: no origin would see dcz.
    """
    headers = headers_in_key(behaviour, policy)
    is_keyed = "*" in headers or {"accept-encoding", "available-dictionary"} <= headers
    replaced = policy is not None and any(
        _parameters(policy).get(f"EnableAcceptEncoding{one}") for one in ("Gzip", "Brotli")
    )
    return is_keyed and not replaced and not behaviour.get("Compress")


def mixes_dictionaries(behaviour: Config, policy: Config | None) -> bool:
    """Tell whether a delta can be cached for browsers that do not hold what it was made against.

    That is so where the header goes on to the origin, by an origin request policy, and is not part of the key.
    """
    headers = headers_in_key(behaviour, policy)
    return (
        behaviour.get("OriginRequestPolicyId") in ALL_VIEWER
        and not {"*", "available-dictionary"} & headers
    )


def _parameters(policy: Config) -> Config:
    found: Config = policy.get("ParametersInCacheKeyAndForwardedToOrigin", {})
    return found


def long_errors(config: Config) -> Iterator[tuple[int, int]]:
    """Yield errors that are cached for longer than by default: status, seconds."""
    for error in config.get("CustomErrorResponses", {}).get("Items", []):
        seconds = int(error.get("ErrorCachingMinTTL", DEFAULT_ERROR_TTL))
        if int(error["ErrorCode"]) in ERRORS and seconds > DEFAULT_ERROR_TTL:
            yield int(error["ErrorCode"]), seconds


def hidden_errors(config: Config) -> Iterator[tuple[int, str]]:
    """Yield errors that are answered as 200: status, the page that comes instead."""
    for error in config.get("CustomErrorResponses", {}).get("Items", []):
        if str(error.get("ResponseCode", "")) == "200":
            yield int(error["ErrorCode"]), str(error.get("ResponsePagePath", ""))


def failover(config: Config, behaviour: Config) -> set[int] | None:
    """Return the statuses on which a behaviour's origin group asks its second origin; None: no group."""
    for group in config.get("OriginGroups", {}).get("Items", []):
        if group["Id"] == behaviour.get("TargetOriginId"):
            return {int(one) for one in group["FailoverCriteria"]["StatusCodes"].get("Items", [])}
    return None
