"""Calls to CloudFront's API: each in time, again where that may help, and each refusal with its cure.

Every wait is bounded, and the clock is the caller's. botocore repeats a call by its own clock: it would ask a server
that hangs eight times. So we repeat calls ourselves until a deadline, by the rules of its standard mode.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from fab_static.errors import CdnError

ATTEMPTS = 8  # of one call, as many as botocore's standard mode may be told to make
LONGEST_PAUSE = 20.0  # seconds between two attempts: standard mode's
PATIENCE = 60.0  # seconds that an endpoint may go without one good answer
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
TRANSIENT = {
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "TooManyRequestsException",
    "RequestThrottledException", "RequestLimitExceeded", "SlowDown", "PriorRequestNotComplete",
    "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable", "InternalError", "InternalFailure",
}  # fmt: skip

_EXPIRED = "renew the AWS credentials (aws sso login, or a new session token), then run it again"
_WRONG = "correct the AWS credentials: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_SKEW = (
    "set this machine's clock (NTP): AWS refuses requests five minutes off; where it is right, correct "
    "the secret key"
)
CURES = {
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


class RefusedError(CdnError):
    """CloudFront answered with an error, whose code is `code`."""

    def __init__(self, what: str, *, where: str, mend: str, code: str) -> None:
        super().__init__(what, where=where, mend=mend)
        self.code = code

    @property
    def is_denied(self) -> bool:
        """Tell whether the credentials are good, and lack the right."""
        return self.code in ("AccessDenied", "AccessDeniedException")


class Calls:
    """The calls for one distribution; the client is made for the first one."""

    def __init__(
        self,
        distribution_id: str,
        *,
        endpoint_url: str | None,
        patience_seconds: float,
        read_seconds: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        chance: Callable[[], float],
    ) -> None:
        self._id = distribution_id
        self._endpoint_url = endpoint_url
        self._patience = patience_seconds
        self._read_seconds = read_seconds
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._made: Any = None

    def call(
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
                    where=f"distribution {self._id}",
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
        cure = CURES.get(code, "see the answer above; then run the phase again")
        request = error.response.get("ResponseMetadata", {}).get("RequestId")
        return RefusedError(
            f"CloudFront refused {operation}: {error}"
            + (f" (request {request})" if request else ""),
            where=f"distribution {self._id}",
            mend=cure.format(right=right),
            code=code,
        )

    def _silence(self, operation: str, error: Exception) -> CdnError:
        endpoint = self._client().meta.endpoint_url  # the inventory's, or AWS's configuration's
        return CdnError(
            f"CloudFront gave no answer to {operation}: {error}",
            where=f"distribution {self._id}, at {endpoint}",
            mend="see that the endpoint can be reached from here (proxy, firewall), then run it again",
        )


def _is_transient(error: Any) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error.response.get("Error", {}).get("Code") in TRANSIENT or status in (429, 500, 502, 503, 504)  # fmt: skip
