"""A strict CloudFront for tests: the real wire format over HTTP, for an unmodified boto3.

It refuses what CloudFront refuses, counts what CloudFront charges, and fails as CloudFront fails: when it
is told to, in the order told. A user's own deploy scripts can be tested with it too:

    with CloudFront() as cloudfront:
        distribution = cloudfront.add_distribution()
        client = boto3.client("cloudfront", endpoint_url=cloudfront.endpoint, …)

Nothing waits: `Clock.sleep` moves the clock, and whatever is in progress is completed by it. Sources are the
CloudFront Developer Guide and API reference, by their pages' names, where a rule is told.
"""

from __future__ import annotations

import email.utils
import re
import secrets
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, quote, unquote_to_bytes, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from demo.server import Handler, Served

XMLNS = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
MAX_FILES = 3000  # in progress: "Quotas on invalidations"
MAX_WILDCARDS = 15
MAX_PATH = 4000  # characters: "Specifying the objects to invalidate"
MAX_SKEW_SECONDS = 300  # between a request's date and ours: "Troubleshoot Signature Version 4"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"  # "Use managed cache policies"
USE_ORIGIN_QUERY_STRINGS = "4cc15a8a-d715-48a4-82b8-cc0b614638fe"
# RFC 1738's safe and reserved characters stay as they are; all else is encoded, and "'", refused raw
PLAIN = "$-_.+!*(),;/:@=&"


class Clock:
    """A clock that nobody waits for: `sleep` moves it; real time passes on it too."""

    def __init__(self) -> None:
        self._slept = 0.0

    def now(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic() + self._slept

    def sleep(self, seconds: float) -> None:
        """Let so many seconds have passed."""
        self._slept += seconds


@dataclass
class Bucket:
    """A token bucket: so many calls at once, then so many a second."""

    rate: float
    burst: float
    tokens: float = field(init=False)
    filled_at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def takes(self, now: float) -> bool:
        """Take a token; tell whether there was one."""
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Invalidation:
    """One that was accepted; times are the clock's."""

    id: str
    reference: str
    paths: tuple[str, ...]
    created_at: float
    completed_at: float

    def status(self, now: float) -> str:
        """Return CloudFront's word for how far it is."""
        return "Completed" if now >= self.completed_at else "InProgress"


@dataclass
class Distribution:
    """One distribution: its config in boto3's shape, and its invalidations, oldest first."""

    id: str
    config: dict[str, Any]
    invalidations: list[Invalidation] = field(default_factory=list)


class RefusedError(Exception):
    """An answer that is an error: HTTP status, CloudFront's code, its words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class CloudFront(Served):
    """The server, while the `with` block runs.

    Args:
        clock: what "in progress", throttling and the edge go by.
        completes_after: seconds that an invalidation is in progress.
        takes_effect: when the edge forgets: at an invalidation's "completion" or at its "creation".
        bucket: throttles calls, where given.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        completes_after: float = 0.0,
        takes_effect: str = "completion",
        bucket: Bucket | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.completes_after = completes_after
        self.takes_effect = takes_effect
        self.bucket = bucket
        self.distributions: dict[str, Distribution] = {}
        self.calls: list[str] = []  # every request's operation, in order
        self.paths_charged = 0
        self.refuses_credentials: str | None = None  # a code: ExpiredToken, InvalidClientTokenId, …
        self.wall_clock_ahead = 0.0  # seconds that this server's clock is ahead of the machine's
        self.denied: set[str] = set()  # operations that AccessDenied answers
        self._policies: dict[str, dict[str, Any]] = dict(_managed_policies())
        self._response_headers: dict[str, dict[str, Any]] = {}
        self._script: dict[str, deque[str]] = {}
        self._lock = threading.RLock()
        self._ended = threading.Event()
        super().__init__(_handler(self))

    def close(self) -> None:
        """End it; what hangs is let go."""
        self._ended.set()
        super().close()

    @property
    def endpoint(self) -> str:
        """Return the URL for endpoint_url."""
        return self.url

    # -- what a test sets up ----------------------------------------------------------------------

    def add_distribution(
        self, *, distribution_id: str | None = None, **config: Any
    ) -> Distribution:
        """Add a distribution; `config` goes over a DistributionConfig whose cache key holds all queries."""
        whole = {
            "CallerReference": secrets.token_hex(4),
            "Comment": "",
            "Enabled": True,
            "Origins": _items([_origin("static", "127.0.0.1")]),
            "DefaultCacheBehavior": behaviour(),
            **config,
        }
        name = distribution_id or "E" + secrets.token_hex(6).upper()
        self.distributions[name] = Distribution(name, whole)
        return self.distributions[name]

    def add_cache_policy(
        self,
        query: str = "all",
        names: Sequence[str] = (),
        *,
        min_ttl: int = 0,
        gzip: bool = True,
        brotli: bool = True,
    ) -> str:
        """Add a cache policy; return its id. `query` is none, all, whitelist or allExcept."""
        name = secrets.token_hex(8)
        self._policies[name] = _policy(
            name, query, names, min_ttl=min_ttl, gzip=gzip, brotli=brotli
        )
        return name

    def add_response_headers_policy(self, allowed_origins: Sequence[str]) -> str:
        """Add a policy that sends CORS headers for these origins; return its id."""
        name = secrets.token_hex(8)
        self._response_headers[name] = {
            "Id": name,
            "LastModifiedTime": datetime.now(UTC),
            "ResponseHeadersPolicyConfig": {
                "Name": name,
                "CorsConfig": {
                    "AccessControlAllowOrigins": _items(allowed_origins),
                    "AccessControlAllowHeaders": _items(["*"]),
                    "AccessControlAllowMethods": _items(["GET"]),
                    "AccessControlAllowCredentials": False,
                    "OriginOverride": True,
                },
            },
        }
        return name

    def script(self, operation: str, *answers: str) -> None:
        """Say how the next calls of an operation go, in order; after them it answers as ever.

        Each is `503`, `500`, `Throttling`, any other error code; `reset` (before it was accepted),
        `lost` (accepted, and the reply is lost), `hang`, or `ok`.
        """
        self._script.setdefault(operation, deque()).extend(answers)

    def mend(self) -> None:
        """Take back all that was denied, refused and scripted."""
        self.denied.clear()
        self._script.clear()
        self.refuses_credentials, self.wall_clock_ahead = None, 0.0

    def invalidate_elsewhere(
        self, distribution: Distribution, paths: Iterable[str], seconds: float
    ) -> Invalidation:
        """Have somebody else's invalidation in progress for so many seconds."""
        now = self.clock.now()
        made = Invalidation(
            _id(), f"foreign-{secrets.token_hex(4)}", tuple(paths), now, now + seconds
        )
        distribution.invalidations.append(made)
        return made

    def forgotten(self, distribution: str) -> list[tuple[float, str]]:
        """Return what an edge must have forgotten by now: (what was stored before then, path)."""
        with self._lock:
            now = self.clock.now()
            found = []
            for one in self.distributions[distribution].invalidations:
                at = one.created_at if self.takes_effect == "creation" else one.completed_at
                found += [(at, path) for path in one.paths if at <= now]
            return found

    def invalidations(self, distribution: str) -> list[list[str]]:
        """Return the paths of every invalidation accepted, oldest first."""
        with self._lock:
            return [list(one.paths) for one in self.distributions[distribution].invalidations]

    # -- answering --------------------------------------------------------------------------------

    def scripted(self, operation: str) -> str:
        """Take the next line of an operation's script."""
        with self._lock:
            self.calls.append(operation)
            script = self._script.get(operation)
            return script.popleft() if script else "ok"

    def hang(self) -> None:
        """Wait until the server ends."""
        self._ended.wait()

    def answer(
        self,
        operation: str,
        name: str,
        item: str,
        query: Mapping[str, list[str]],
        body: bytes,
        headers: Mapping[str, str],
    ) -> tuple[int, str, bytes]:
        """Do an operation; return HTTP status, ETag and XML."""
        with self._lock:
            self._check_credentials(headers)
            now = self.clock.now()
            if self.bucket and not self.bucket.takes(now):
                raise RefusedError(400, "Throttling", "Rate exceeded")
            if operation in self.denied:
                raise RefusedError(
                    403,
                    "AccessDenied",
                    f"User: arn:aws:iam::123456789012:user/deploy is not authorized to perform: "
                    f"cloudfront:{operation}",
                )
            if operation == "GetCachePolicy":
                return 200, "P1", _xml("CachePolicy", _known(self._policies, name, "CachePolicy"))
            if operation == "GetResponseHeadersPolicy":
                found = _known(self._response_headers, name, "ResponseHeadersPolicy")
                return 200, "R1", _xml("ResponseHeadersPolicy", found)
            if name not in self.distributions:
                raise RefusedError(
                    404, "NoSuchDistribution", "The specified distribution does not exist."
                )
            distribution = self.distributions[name]
            if operation == "GetDistributionConfig":
                return 200, "E1", _xml("DistributionConfig", distribution.config)
            if operation == "CreateInvalidation":
                made = self._create(distribution, body, now)
                return 201, "", _xml("Invalidation", _told(made, now))
            if operation == "ListInvalidations":
                return 200, "", _xml("InvalidationList", self._list(distribution, query, now))
            for one in distribution.invalidations:
                if one.id == item:
                    return 200, "", _xml("Invalidation", _told(one, now))
            raise RefusedError(
                404, "NoSuchInvalidation", "The specified invalidation does not exist."
            )

    def _check_credentials(self, headers: Mapping[str, str]) -> None:
        if not headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential="):
            raise RefusedError(403, "MissingAuthenticationToken", "Missing Authentication Token")
        if self.refuses_credentials:
            raise RefusedError(403, self.refuses_credentials, "The security token is not accepted")
        sent = datetime.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        skew = time.time() + self.wall_clock_ahead - sent.timestamp()
        if abs(skew) > MAX_SKEW_SECONDS:
            word = "Signature expired" if skew > 0 else "Signature not yet current"
            raise RefusedError(403, "SignatureDoesNotMatch", f"{word}: {headers['X-Amz-Date']}")

    def _create(self, distribution: Distribution, body: bytes, now: float) -> Invalidation:
        if not body:
            raise RefusedError(400, "MissingBody", "This operation requires a body.")
        batch = ElementTree.fromstring(body)
        space = {"c": XMLNS}
        paths = tuple(one.text or "" for one in batch.findall("c:Paths/c:Items/c:Path", space))
        reference = batch.findtext("c:CallerReference", "", space)
        if int(batch.findtext("c:Paths/c:Quantity", "0", space)) != len(paths) or not paths:
            raise RefusedError(
                400, "InconsistentQuantities", "Quantity and the number of items differ."
            )
        tags = "CacheTagConfig" in distribution.config
        # which one is not said: CloudFront's own words
        if not reference or any(not is_path(path, tags=tags) for path in paths):
            raise RefusedError(
                400,
                "InvalidArgument",
                "Your request contains one or more invalid invalidation paths.",
            )
        for one in distribution.invalidations:
            if one.reference == reference:
                if set(one.paths) == set(paths):
                    return one  # the same request: no second charge
                self._refuse_reference()
        running = [
            path
            for one in distribution.invalidations
            if one.status(now) == "InProgress"
            for path in one.paths
        ]
        files, wildcards = _counted((*running, *paths))
        if files > MAX_FILES or wildcards > MAX_WILDCARDS:
            raise RefusedError(
                400,
                "TooManyInvalidationsInProgress",
                "Your request would exceed the quota of invalidations in progress.",
            )
        made = Invalidation(_id(), reference, paths, now, now + self.completes_after)
        distribution.invalidations.append(made)
        self.paths_charged += len(paths)
        return made

    reference_error = "InvalidArgument"  # what the service really answers; the doc's is the other

    def _refuse_reference(self) -> None:
        if self.reference_error == "InvalidArgument":
            raise RefusedError(
                400,
                "InvalidArgument",
                "Your request contains a caller reference that was used for a previous invalidation "
                "batch for the same distribution.",
            )
        raise RefusedError(
            409, self.reference_error, "The caller reference was used with other paths."
        )

    @staticmethod
    def _list(
        distribution: Distribution, query: Mapping[str, list[str]], now: float
    ) -> dict[str, Any]:
        most = int(query.get("MaxItems", ["100"])[0])
        marker = query.get("Marker", [""])[0]
        newest = distribution.invalidations[::-1]
        ids = [one.id for one in newest]
        start = ids.index(marker) + 1 if marker in ids else 0
        page = newest[start : start + most]
        listed: dict[str, Any] = {
            "Marker": marker,
            "MaxItems": most,
            "IsTruncated": start + most < len(newest),
            "Quantity": len(page),
            "Items": [
                {"Id": one.id, "CreateTime": datetime.now(UTC), "Status": one.status(now)}
                for one in page
            ],
        }
        if listed["IsTruncated"]:
            listed["NextMarker"] = page[-1].id
        return listed


# -- paths -----------------------------------------------------------------------------------------


def is_path(path: str, *, tags: bool = False) -> bool:
    """Tell whether CloudFront takes an invalidation path ("Specifying the objects to invalidate")."""
    if path.startswith("#"):
        return tags and 1 < len(path) <= 257 and "," not in path and path.isascii()
    return (
        path.startswith("/")
        and len(path) <= MAX_PATH
        and re.fullmatch(r"[!-}]+", path) is not None  # ASCII without spaces and "~"
        and not re.search(r"[\"'<>{}|\\^`\[\]#]", path)
        and not re.search(r"%(?![0-9A-Fa-f]{2})", path)
    )


def covers(path: str, url: str) -> bool:
    """Tell whether an invalidation path is of a stored URL: path and the query of its cache key.

    The strict reading of the Guide: an exact path leaves `?version=` variants, and a path that encodes
    what need not be encoded, or holds "~" in any form, is of nothing.
    """
    stored = canonical(url)
    asked = re.sub("%[0-9a-fA-F]{2}", lambda found: found[0].upper(), path)
    if path.endswith("*"):
        return stored.startswith(asked[:-1])
    return stored == asked


@cache
def canonical(url: str) -> str:
    """Return a URL's path and query with exactly those characters encoded that must be."""
    path, mark, query = url.partition("?")
    encoded = quote(unquote_to_bytes(path), safe=PLAIN)
    return encoded.replace("~", "%~") + mark + query  # "%~": no path can say it


def _counted(paths: Iterable[str]) -> tuple[int, int]:
    wildcards = sum(path.endswith("*") and not path.startswith("#") for path in paths)
    return sum(1 for _ in paths) - wildcards, wildcards


# -- the wire --------------------------------------------------------------------------------------

_ROUTES = (
    ("GET", r"/2020-05-31/distribution/([^/]+)/config", "GetDistributionConfig"),
    ("POST", r"/2020-05-31/distribution/([^/]+)/invalidation", "CreateInvalidation"),
    ("GET", r"/2020-05-31/distribution/([^/]+)/invalidation", "ListInvalidations"),
    ("GET", r"/2020-05-31/distribution/([^/]+)/invalidation/([^/]+)", "GetInvalidation"),
    ("GET", r"/2020-05-31/cache-policy/([^/]+)", "GetCachePolicy"),
    ("GET", r"/2020-05-31/response-headers-policy/([^/]+)", "GetResponseHeadersPolicy"),
)


def _route(method: str, path: str) -> tuple[str, tuple[str, str]]:
    """Return the operation of a request, the id of what it is about, and of what therein; "" where none."""
    for its, pattern, operation in _ROUTES:
        found = re.fullmatch(pattern, path)
        if found and its == method:
            return operation, (found[1], found[2] if len(found.groups()) > 1 else "")
    return "", ("", "")


def _handler(cloudfront: CloudFront) -> type[Handler]:
    class Answering(Handler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path)
            operation, names = _route(self.command, parts.path)
            if not operation:
                self._send(*_error(400, "InvalidAction", f"{self.command} {parts.path}"))
                return
            scripted = cloudfront.scripted(operation)
            if scripted == "hang":
                cloudfront.hang()
            if scripted in ("hang", "reset"):
                self._reset()
                return
            if scripted not in ("ok", "lost"):
                self._send(*_scripted_error(scripted))
                return
            try:
                status, etag, xml = cloudfront.answer(
                    operation, *names, parse_qs(parts.query), body, self.headers
                )
            except RefusedError as error:
                self._send(*_error(error.status, error.code, str(error)))
                return
            if scripted == "lost":
                self._reset()
            else:
                self._send(status, xml, etag)

        def _send(self, status: int, body: bytes, etag: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Date", email.utils.formatdate(usegmt=True))
            if etag:
                self.send_header("ETag", etag)
            self.end_headers()
            self.wfile.write(body)

        def _reset(self) -> None:
            """Cut the connection with a reset instead of an answer."""
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True

    return Answering


def _error(status: int, code: str, message: str) -> tuple[int, bytes]:
    kind = "Sender" if status < 500 else "Receiver"
    text = (
        f'<?xml version="1.0"?><ErrorResponse xmlns="{XMLNS}"><Error><Type>{kind}</Type>'
        f"<Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        f"<RequestId>{secrets.token_hex(8)}</RequestId></ErrorResponse>"
    )
    return status, text.encode()


def _scripted_error(word: str) -> tuple[int, bytes]:
    if word == "503":
        return _error(503, "ServiceUnavailable", "CloudFront is unavailable")
    if word == "500":
        return _error(500, "InternalError", "We encountered an internal error")
    return _error(403 if word in ("AccessDenied", "ExpiredToken") else 400, word, "as scripted")


def _known(known: Mapping[str, dict[str, Any]], name: str, kind: str) -> dict[str, Any]:
    if name not in known:
        raise RefusedError(404, f"NoSuch{kind}", f"The {kind} does not exist.")
    return known[name]


def _id() -> str:
    return "I" + secrets.token_hex(7).upper()


def _told(one: Invalidation, now: float) -> dict[str, Any]:
    return {
        "Id": one.id,
        "Status": one.status(now),
        "CreateTime": datetime.now(UTC),
        "InvalidationBatch": {"Paths": _items(one.paths), "CallerReference": one.reference},
    }


@cache
def _model() -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("cloudfront")


def _xml(shape: str, value: Mapping[str, Any]) -> bytes:
    """Return a value in boto3's shape as the XML that it is on the wire."""
    root = ElementTree.Element(shape, xmlns=XMLNS)
    _fill(root, _model().shape_for(shape), value)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _fill(element: ElementTree.Element, shape: Any, value: Any) -> None:
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if name in value:
                child = ElementTree.SubElement(element, member.serialization.get("name", name))
                _fill(child, member, value[name])
    elif shape.type_name == "list":
        for one in value:
            child = ElementTree.SubElement(element, shape.member.serialization["name"])
            _fill(child, shape.member, one)
    elif shape.type_name == "boolean":
        element.text = "true" if value else "false"
    elif shape.type_name == "timestamp":
        element.text = f"{value:%Y-%m-%dT%H:%M:%S.000Z}"
    else:
        element.text = str(value)


# -- configs ---------------------------------------------------------------------------------------


def behaviour(policy: str | None = USE_ORIGIN_QUERY_STRINGS, **more: Any) -> dict[str, Any]:
    """Return a cache behaviour in boto3's shape, with a cache policy or, with None, without one."""
    made: dict[str, Any] = {
        "TargetOriginId": "static",
        "ViewerProtocolPolicy": "allow-all",
        "Compress": True,
    }
    if policy:
        made["CachePolicyId"] = policy
    return {**made, **more}


def _origin(name: str, domain: str) -> dict[str, Any]:
    return {"Id": name, "DomainName": domain}


def _items(items: Iterable[Any]) -> dict[str, Any]:
    listed = list(items)
    return {"Quantity": len(listed), "Items": listed}


def _policy(
    name: str,
    query: str,
    names: Sequence[str] = (),
    *,
    min_ttl: int = 0,
    gzip: bool = True,
    brotli: bool = True,
) -> dict[str, Any]:
    strings: dict[str, Any] = {"QueryStringBehavior": query}
    if names:
        strings["QueryStrings"] = _items(names)
    return {
        "Id": name,
        "LastModifiedTime": datetime.now(UTC),
        "CachePolicyConfig": {
            "Name": name,
            "MinTTL": min_ttl,
            "DefaultTTL": 86400,
            "MaxTTL": 31536000,
            "ParametersInCacheKeyAndForwardedToOrigin": {
                "EnableAcceptEncodingGzip": gzip,
                "EnableAcceptEncodingBrotli": brotli,
                "HeadersConfig": {"HeaderBehavior": "none"},
                "CookiesConfig": {"CookieBehavior": "none"},
                "QueryStringsConfig": strings,
            },
        },
    }


def _managed_policies() -> Iterable[tuple[str, dict[str, Any]]]:
    yield CACHING_OPTIMIZED, _policy(CACHING_OPTIMIZED, "none", min_ttl=1)
    yield USE_ORIGIN_QUERY_STRINGS, _policy(USE_ORIGIN_QUERY_STRINGS, "all")


Forgotten = Callable[[], Sequence[tuple[float, str]]]
