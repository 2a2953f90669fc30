"""Asks one bucket: each request is signed, sent, and tried again where that may help.

boto3 needs 2 to 3 ms of Python for one PUT, whatever the number of threads. So we sign, with the SHA-256 that is the
object's name, and urllib3 carries, which comes with boto3.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping
from hashlib import sha256 as sha256_of
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from fab_static.aws.address import quoted
from fab_static.aws.refusals import Answer, UnansweredError, refusal
from fab_static.aws.signing import Signer
from fab_static.aws.ways import way_to
from fab_static.errors import CdnError
from fab_static.plan.inventory import S3
from fab_static.plan.publication import Item
from fab_static.plan.putting import SignedPut

AT_ONCE = 64  # requests under way: hides a store's 30 ms; twice as many only busy Python
ATTEMPTS = 8
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
NOTHING = sha256_of(b"").hexdigest()
# Amazon S3 API Reference, "List of error codes": these pass
PASSING = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted"}
PASSING |= {"ConditionalRequestConflict", "Throttling", "ThrottlingException"}


class Here(threading.local):
    """What holds for this thread: once `stop` is set, it begins no request any more."""

    def __init__(self) -> None:
        self.stop = threading.Event()


class Requests:
    """The requests to one bucket, below one prefix: every key here is relative to it."""

    def __init__(self, place: S3) -> None:
        import urllib3  # the operator's machine without S3 starts faster without it

        self.place = place
        self._way = way_to(place)
        self._bucket_url, self.region = self._way.url, self._way.region
        self.sends_sha256 = self._way.sends_sha256
        self._base = f"{self._bucket_url}/{quoted(place.prefix)}"
        common: dict[str, Any] = {
            "maxsize": AT_ONCE,
            "block": True,
            "retries": False,
            "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": self._way.certificates,
        }
        proxy = self._way.proxy
        self._pool: urllib3.HTTPConnectionPool | urllib3.ProxyManager
        if proxy:
            self._pool = urllib3.ProxyManager(proxy, **common)
        else:  # one host: nothing to choose at each request
            self._pool = urllib3.PoolManager(**common).connection_from_url(self._bucket_url)
        self._has_proxy = proxy is not None
        parts = urlsplit(self._bucket_url)
        self._root = f"{parts.scheme}://{parts.netloc}"
        self.requests = 0
        self._counting = threading.Lock()
        self._has_answered = False
        self.here = Here()

    def _ask(
        self,
        method: str,
        key: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        sha256: str = NOTHING,
    ) -> Answer:
        """Ask until it is answered, or for `ATTEMPTS` times; what passes is waited for with jitter.

        Raises:
            UnansweredError: it was sent, and may be done yet.
            CdnError: S3 refused, or cannot be reached; or the work that this belongs to broke off.
        """
        stop = self.here.stop
        if stop.is_set():
            raise CdnError("it was not begun", where=f"{self.place}{key}", mend="run it again")
        operation, method = method, {"COPY": "PUT", "LIST": "GET"}.get(method, method)
        url = self._base + quoted(key)
        wanted = {**(headers or {}), **self._owner}
        if query:
            url = f"{self._bucket_url}/?{urlencode(sorted(query.items()), quote_via=quote)}"
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._send(method, url, body, wanted, sha256)
            except CdnError:
                raise
            except Exception as error:
                failed = self._unreachable(operation, error)
                if failed is None:
                    raise
                # what never answered will not: an operator waits before the screen
                if attempt == ATTEMPTS or (attempt == 2 and not self._has_answered):
                    raise failed from error
                given_up = failed
            else:
                self._has_answered = True
                if answer.status < 300 and not answer.failed_late:
                    return answer
                refused = refusal(self.place, self.region, operation, key, answer)
                passes = refused.code in PASSING or answer.status in (429, 500, 502, 503, 504)
                if not passes or attempt == ATTEMPTS:
                    raise refused
                given_up = refused
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt)
            # AWS calls it full jitter
            if stop.wait(random.uniform(0, pause)):  # noqa: S311
                raise given_up
        raise AssertionError("unreachable")

    def _send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], sha256: str
    ) -> Answer:
        sent = self._signer().signed(method, url, headers, sha256)
        with self._counting:
            self.requests += 1
        whole = body if body or method == "PUT" else None
        at = url if self._has_proxy else url[len(self._root) :]
        raw = self._pool.urlopen(method, at, body=whole, headers=sent)
        found = {name.lower(): value for name, value in raw.headers.items()}
        return Answer(raw.status, found, raw.data)

    def _signer(self) -> Signer:
        credentials = self._way.credentials()
        if not credentials:
            raise CdnError(
                "there are no AWS credentials",
                where=str(self.place),
                mend="give some: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        return Signer.now(credentials, self.region)

    def _unreachable(self, operation: str, error: Exception) -> CdnError | None:
        """Return what to say of an answer that never came; None for a bug."""
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
        from urllib3.exceptions import TimeoutError as NoAnswerError

        if not isinstance(error, HTTPError | OSError):
            return None
        host = urlsplit(self._base).netloc
        # NewConnectionError is a ConnectTimeoutError, also where the connection was refused
        if isinstance(error, NoAnswerError) and not isinstance(error, NewConnectionError):
            what = f"S3 at {host} did not answer {operation} in time"
        else:
            why = str(error).rpartition(": ")[2].strip("')")
            what = f"S3 at {host} cannot be reached ({why})"
        kind = CdnError if isinstance(error, ConnectTimeoutError) else UnansweredError
        return kind(
            what,
            where=str(self.place),
            mend="see whether this machine reaches it (a proxy? a firewall?); correct "
            "endpoint_url (the inventory's, or AWS's configuration's) or the region",
        )

    def presign(self, keys: Iterable[str], *, seconds: int) -> list[str]:
        """Return URLs by which anybody may read these keys for a time: secrets."""
        signer = self._signer()
        return [
            signer.presigned("GET", self._base + quoted(key), {}, seconds=seconds) for key in keys
        ]

    def presign_puts(
        self, wanted: Iterable[tuple[Item, Mapping[str, str]]], *, seconds: int
    ) -> list[SignedPut]:
        """Return URLs by which anybody may write these, with exactly these headers, for a time: secrets."""
        signer = self._signer()
        puts = []
        for item, headers in wanted:
            key, signed = quoted(item.key), {**headers, **self._owner}
            url = signer.presigned("PUT", self._base + key, signed, seconds=seconds)
            puts.append(SignedPut(item, self._base, key, url.partition("?")[2], signed))
        return puts

    @property
    def _owner(self) -> dict[str, str]:
        """The header by which a bucket of another account is refused."""
        return {"x-amz-expected-bucket-owner": self.place.owner} if self.place.owner else {}
