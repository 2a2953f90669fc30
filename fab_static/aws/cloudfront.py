"""CloudFront: asks it to forget paths, and sees when it has.

Every wait is bounded, and the clock is the caller's: botocore repeats a call by its own clock, and would ask
a server that hangs eight times. So we repeat, as its standard mode does, until a deadline.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fab_static.errors import CdnError
from fab_static.plan.cdn.invalidation import Quota

ATTEMPTS = 8  # of one call, as many as botocore's standard mode may be told to make
LONGEST_PAUSE = 20.0  # seconds between two attempts: standard mode's
PATIENCE = 60.0  # seconds that an endpoint may go without one good answer
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
POLLS = (1.0, 2.0)  # seconds before the first question and between the next ones
TELL_SECONDS = 10.0  # between two lines of progress
BLIND_SECONDS = 25.0  # AWS: completed within 25 s for 95 % (What's New, 2026-04-29)
CREATE_PAUSE = (
    1.0  # AWS names no rate; seven creations at once were refused (aws-sdk-js issue 3983)
)
ROOM_PAUSES = (2.0, 30.0)  # seconds, the shortest and the longest, until quota is asked for again
MOST_LOOKED_AT = 20  # invalidations in progress, one call each: 15 wildcards are in no more
AGAIN = "-again"  # ends a CallerReference that was made anew
MAX_CULPRITS = 20  # single paths refused; where all are, it is not the paths
TRANSIENT = {
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "TooManyRequestsException",
    "RequestThrottledException", "RequestLimitExceeded", "SlowDown", "PriorRequestNotComplete",
    "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable", "InternalError", "InternalFailure",
}  # fmt: skip

NO_PATH = "fab_static asks whether it may"  # begins with no slash, holds spaces

Tell = Callable[[str], None]


class RefusedError(CdnError):
    """CloudFront answered with an error, whose code is `code`."""

    def __init__(self, what: str, *, where: str, mend: str, code: str) -> None:
        super().__init__(what, where=where, mend=mend)
        self.code = code

    @property
    def is_denied(self) -> bool:
        """Tell whether the credentials are good, and lack the right."""
        return self.code in ("AccessDenied", "AccessDeniedException")


@dataclass(frozen=True)
class Request:
    """An invalidation that CloudFront has accepted."""

    id: str
    reference: str
    paths: tuple[str, ...]


@dataclass
class Accepted:
    """What came of batches: the requests accepted, and single paths that CloudFront refused."""

    requests: list[Request] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Distribution:
    """One CloudFront distribution.

    Args:
        distribution_id: its id.
        endpoint_url: another endpoint than AWS's.
        patience_seconds: how long an endpoint may go without one good answer: it throttles, fails, hangs.
        read_seconds: how long one answer may take.
        tell: is given lines of progress.
        clock: seconds since some moment.
        sleep: lets time pass.
        chance: from 0 to 1, for jitter.
    """

    def __init__(
        self,
        distribution_id: str,
        *,
        endpoint_url: str | None = None,
        patience_seconds: float = PATIENCE,
        read_seconds: float = READ_SECONDS,
        tell: Tell = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.id = distribution_id
        self._endpoint_url = endpoint_url
        self._patience = patience_seconds
        self._read_seconds = read_seconds
        self._tell = tell
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._made: Any = None
        self._created_at: float | None = None

    # -- looking ----------------------------------------------------------------------------------

    def check(self) -> dict[str, Any] | None:
        """Return the config; refuse a distribution that is not there, bad credentials, a silent endpoint.

        None where the right to see it lacks: that is no reason not to publish.

        Raises:
            CdnError: with the call, and the cure.
        """
        try:
            return self.config()
        except RefusedError as error:
            if not error.is_denied:
                raise
            self._tell(f"{error.what}: going on without a look at the distribution")
            return None

    def config(self) -> dict[str, Any]:
        """Return the DistributionConfig, in boto3's shape.

        Raises:
            CdnError: CloudFront refused, or does not answer.
        """
        answer = self._call("get_distribution_config", Id=self.id)
        config: dict[str, Any] = answer["DistributionConfig"]
        return config

    def cache_policy(self, policy: str) -> dict[str, Any]:
        """Return a CachePolicyConfig; raises as `config` does."""
        answer = self._call("get_cache_policy", Id=policy)
        config: dict[str, Any] = answer["CachePolicy"]["CachePolicyConfig"]
        return config

    def response_headers_policy(self, policy: str) -> dict[str, Any]:
        """Return a ResponseHeadersPolicyConfig; raises as `config` does."""
        answer = self._call("get_response_headers_policy", Id=policy)
        config: dict[str, Any] = answer["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]
        return config

    def in_progress(self) -> list[str]:
        """Return the ids of the invalidations in progress, anybody's; newest first.

        Raises:
            CdnError: as `config` does.
        """
        answer = self._call("list_invalidations", DistributionId=self.id, MaxItems="100")
        items = answer["InvalidationList"].get("Items", [])
        return [item["Id"] for item in items if not _is_completed(item)]

    def quota(self) -> Quota:
        """Return how much may be asked for now, beside all that is in progress, ours or others'.

        Without the rights to look, all of it: what does not fit is waited for.

        Raises:
            CdnError: CloudFront cannot be asked.
        """
        running: list[str] = []
        try:
            for name in self.in_progress()[:MOST_LOOKED_AT]:
                found = self._call("get_invalidation", DistributionId=self.id, Id=name)
                running += found["Invalidation"]["InvalidationBatch"]["Paths"].get("Items", [])
        except RefusedError as error:
            if not error.is_denied and error.code != "NoSuchInvalidation":
                raise
        starred = sum(path.endswith("*") for path in running)
        return Quota(paths_in_progress=len(running) - starred, wildcards_in_progress=starred)

    def may_invalidate(self) -> None:
        """Refuse credentials that may not invalidate, by a request that can never be accepted.

        AWS looks at the rights first, then at what is asked: here two paths are announced, and one comes
        that is none.

        Raises:
            CdnError: they may not, or it cannot be asked.
        """
        try:
            self._call(
                "create_invalidation",
                DistributionId=self.id,
                InvalidationBatch={
                    "Paths": {"Quantity": 2, "Items": [NO_PATH]},
                    "CallerReference": f"fabstatic-check-{secrets.token_hex(8)}",
                },
            )
        except RefusedError as error:
            if error.code not in _ABOUT_THE_REQUEST:
                raise

    def may_wait(self) -> None:
        """Refuse credentials that may not see how far an invalidation is; raises as `config` does."""
        try:
            self._call("get_invalidation", DistributionId=self.id, Id="I0FABSTATIC")
        except RefusedError as error:
            if error.code != "NoSuchInvalidation":
                raise

    # -- invalidating -----------------------------------------------------------------------------

    def invalidate(
        self,
        batches: Sequence[Sequence[str]],
        reference: str,
        *,
        wait_seconds: float,
        on_accepted: Callable[[Request], None] = lambda _: None,
    ) -> Accepted:
        """Ask for invalidations, batch by batch; the same paths and reference give the same ones.

        Where too many are in progress, it waits for those. A batch that CloudFront refuses is halved until
        the path it does not like is found; all others are sent.

        Args:
            batches: paths, in rounds that CloudFront takes.
            reference: begins each CallerReference; kept by the caller, so that a second try is not paid.
            wait_seconds: how long to wait for room.
            on_accepted: is given each request as it is accepted.

        Raises:
            CdnError: CloudFront refused for another reason, or did not answer in time.
        """
        until = self._clock() + wait_seconds
        accepted = Accepted()
        waiting = [tuple(batch) for batch in batches if batch][::-1]
        while waiting:
            paths = waiting.pop()
            try:
                request = self._create(paths, _reference(reference, paths), until)
            except RefusedError as error:
                if error.code not in _HALVED:
                    raise
                if len(paths) > 1:
                    middle = len(paths) // 2
                    waiting += [paths[middle:], paths[:middle]]
                    continue
                accepted.refused.append(paths[0])
                if error.code != "InvalidArgument" or len(accepted.refused) > MAX_CULPRITS:
                    raise
            else:
                accepted.requests.append(request)
                on_accepted(request)
        return accepted

    def wait(self, requests: Sequence[Request], wait_seconds: float) -> list[Request]:
        """Wait until all are completed; return those that are not when the time is over.

        Raises:
            CdnError: CloudFront cannot be asked.
        """
        started = told = self._clock()
        until = started + wait_seconds
        left = list(requests)
        for pause in itertools.chain(POLLS, itertools.repeat(POLLS[-1])):
            try:
                left = [one for request in left if (one := self._still_open(request, until))]
            except RefusedError as error:
                if not error.is_denied:
                    raise
                self._tell(f"{error.what}: waiting {BLIND_SECONDS:g} s without looking")
                self._sleep(max(0.0, min(BLIND_SECONDS, until - self._clock())))
                return []
            now = self._clock()
            if not left or now + pause > until:
                return left
            if now - told >= TELL_SECONDS:
                told = now
                ids = ", ".join(request.id for request in left)
                self._tell(f"{ids} in progress for {now - started:.0f} of {wait_seconds:g} s")
            self._sleep(pause)
        return left

    def _still_open(self, request: Request, until: float) -> Request | None:
        """Return the request as long as it is in progress."""
        try:
            answer = self._call(
                "get_invalidation", until=until, DistributionId=self.id, Id=request.id
            )
        except RefusedError as error:
            if error.code != "NoSuchInvalidation":
                raise
            # CloudFront has lost it, or it was never there: the same reference is not charged twice
            return self._create(request.paths, request.reference, until)
        return None if _is_completed(answer["Invalidation"]) else request

    def _create(self, paths: tuple[str, ...], reference: str, until: float) -> Request:
        """Create one invalidation, waiting for room where there is none."""
        found_room = False
        while True:
            self._pace()
            try:
                answer = self._call(
                    "create_invalidation",
                    DistributionId=self.id,
                    InvalidationBatch={
                        "Paths": {"Quantity": len(paths), "Items": list(paths)},
                        "CallerReference": reference,
                    },
                )
            except RefusedError as error:
                if error.code == "TooManyInvalidationsInProgress":
                    if found_room and len(paths) > 1:
                        raise _too_large(error) from error
                    found_room = self._wait_for_room(error, until)
                elif _is_about_the_reference(error) and not reference.endswith(AGAIN):
                    # somebody used it for other paths
                    reference += f"-{secrets.token_hex(4)}{AGAIN}"
                else:
                    raise
            else:
                return Request(str(answer["Invalidation"]["Id"]), reference, paths)

    def _pace(self) -> None:
        """Let a second pass between two creations."""
        if self._created_at is not None:
            self._sleep(max(0.0, self._created_at + CREATE_PAUSE - self._clock()))
        self._created_at = self._clock()

    def _wait_for_room(self, refusal: RefusedError, until: float) -> bool:
        """Wait until something that is in progress has ended, ours or others'.

        Returns:
            Whether nothing is in progress: then a batch that is refused again is itself too large.

        Raises:
            RefusedError: the time is over.
        """
        before: set[str] | None = None
        shortest, longest = ROOM_PAUSES
        for looked in itertools.count():
            try:
                running = set(self.in_progress())
            except RefusedError as error:
                if not error.is_denied:
                    raise
                running = {"not to be seen"}  # asked for room again blindly, after a pause
                if before:
                    return False
            if not running:
                return True
            if before is None:
                self._tell(
                    f"{len(running)} invalidations are in progress, as many as CloudFront takes; "
                    "waiting for them"
                )
            elif before - running:
                return False
            before = running
            pause = shortest + self._chance() * min(longest - shortest, 2.0**looked)
            if self._clock() + pause > until:
                raise refusal
            self._sleep(pause)
        raise AssertionError

    # -- asking -----------------------------------------------------------------------------------

    def _call(
        self, operation: str, *, until: float | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """Make a call, again where that may help; never longer than the endpoint has patience for.

        Raises:
            RefusedError: CloudFront refused.
            CdnError: it could not be asked, or gave no good answer in time.
        """
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectionError,
            HTTPClientError,
        )

        started = self._clock()
        give_up_at = min(started + self._patience, until if until is not None else float("inf"))
        for attempt in itertools.count():
            try:
                answer: dict[str, Any] = getattr(self._client(), operation)(**parameters)
            except ClientError as error:
                refusal = self._refusal(operation, error)
                if not _is_transient(error):
                    raise refusal from error
                failure: CdnError = refusal
                cause: Exception = error
            except (HTTPClientError, ConnectionError) as error:
                failure, cause = self._silence(operation, error), error
            except BotoCoreError as error:
                raise CdnError(
                    f"CloudFront could not be asked ({operation}): {error}",
                    where=f"distribution {self.id}",
                    mend="give AWS credentials that are good: AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                    "AWS_SECRET_ACCESS_KEY",
                ) from error
            else:
                return answer
            pause = self._chance() * min(LONGEST_PAUSE, 2.0**attempt)
            if attempt + 1 >= ATTEMPTS or self._clock() + pause > give_up_at:
                raise failure from cause
            self._sleep(pause)
        raise AssertionError

    def _client(self) -> Any:
        if self._made is None:
            # boto3 takes longer to import than a status takes to answer
            import boto3
            from botocore.config import Config

            # a session of its own: boto3's default one keeps what the environment was when it was made
            self._made = boto3.session.Session().client(
                "cloudfront",
                region_name="us-east-1",  # CloudFront is global, its API is there
                endpoint_url=self._endpoint_url,
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": 1},
                    connect_timeout=min(CONNECT_SECONDS, self._read_seconds),
                    read_timeout=self._read_seconds,
                ),
            )
        return self._made

    def _refusal(self, operation: str, error: Any) -> RefusedError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        right = "".join(word.title() for word in operation.split("_"))
        cure = _CURES.get(code, "see the answer above; then run the phase again")
        request = error.response.get("ResponseMetadata", {}).get("RequestId")
        return RefusedError(
            f"CloudFront refused {operation}: {error}"
            + (f" (request {request})" if request else ""),
            where=f"distribution {self.id}",
            mend=cure.format(right=right),
            code=code,
        )

    def _silence(self, operation: str, error: Exception) -> CdnError:
        endpoint = self._client().meta.endpoint_url  # the inventory's, or AWS's configuration's
        return CdnError(
            f"CloudFront gave no answer to {operation}: {error}",
            where=f"distribution {self.id}, at {endpoint}",
            mend="see that the endpoint can be reached from here (proxy, firewall), then run it again",
        )


def _reference(base: str, paths: tuple[str, ...]) -> str:
    """Return the CallerReference of some paths: with other paths CloudFront would refuse it."""
    digest = hashlib.sha256("\n".join(paths).encode()).hexdigest()
    return f"{base}-{digest[:12]}"


def _too_large(refusal: RefusedError) -> RefusedError:
    return RefusedError(refusal.what, where=refusal.where, mend=refusal.mend, code="BatchTooLarge")


def _is_completed(item: Mapping[str, Any]) -> bool:
    # CloudFront says Completed, stand-ins say COMPLETED
    return str(item["Status"]).lower() == "completed"


def _is_transient(error: Any) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error.response.get("Error", {}).get("Code") in TRANSIENT or status in (429, 500, 502, 503, 504)  # fmt: skip


def _is_about_the_reference(error: RefusedError) -> bool:
    # the documentation says the former, the service answers the latter (s3-deploy-website issue 26)
    return error.code == "InvalidationBatchAlreadyExists" or (
        error.code == "InvalidArgument" and "caller reference" in error.what
    )


_ABOUT_THE_REQUEST = (
    "InconsistentQuantities",
    "InvalidArgument",
    "MalformedXML",
    "MalformedInput",
    "BatchTooLarge",
    "TooManyInvalidationsInProgress",
)
_HALVED = ("InvalidArgument", "BatchTooLarge")
_EXPIRED = "renew the AWS credentials (aws sso login, or a new session token), then run it again"
_WRONG = "correct the AWS credentials: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_SKEW = (
    "set this machine's clock (NTP): AWS refuses requests five minutes off; where it is right, correct "
    "the secret key"
)
_CURES = {
    "NoSuchDistribution": "correct cdn.distribution_id in the inventory, or the account: AWS_PROFILE",
    "AccessDenied": "allow cloudfront:{right} on it; docs/aws-policy.md has the whole policy",
    "TooManyInvalidationsInProgress": "wait for those in progress, then run: invalidate",
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "InvalidClientTokenId": _WRONG,
    "UnrecognizedClientException": _WRONG,
    "MissingAuthenticationToken": _WRONG,
    "SignatureDoesNotMatch": _SKEW,
    "RequestTimeTooSkewed": _SKEW,
    "RequestExpired": _SKEW,
    "InvalidArgument": "see which path CloudFront does not take, and rename that file",
}
