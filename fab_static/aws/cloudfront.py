"""CloudFront: asks it to forget paths, and sees when it has."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from fab_static.errors import CdnError

# seconds between two questions; AWS: completed within 25 s for 95 % (What's New, 2026-04-29)
POLLS = (1, 2, 2, 3, 5)
ATTEMPTS = 8  # to ride out a throttling of half a minute


class Distribution:
    """One CloudFront distribution.

    Args:
        distribution_id: its id.
        endpoint_url: who is asked instead of AWS.
        timeout_seconds: how long one answer is waited for. How often is asked AWS_MAX_ATTEMPTS says, and
            else max_attempts in the AWS configuration, as for all AWS tools; else 8 times.
    """

    def __init__(
        self, distribution_id: str, *, endpoint_url: str | None = None, timeout_seconds: float = 30
    ) -> None:
        # boto3 takes longer to import than a status takes to answer
        import boto3
        import botocore.session
        from botocore.config import Config

        self.id = distribution_id
        attempts = botocore.session.get_session().get_config_variable("max_attempts")
        self._client: Any = boto3.client(
            "cloudfront",
            region_name="us-east-1",  # CloudFront is global, its API is there
            endpoint_url=endpoint_url,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": attempts or ATTEMPTS},
                connect_timeout=min(10, timeout_seconds),
                read_timeout=timeout_seconds,
            ),
        )

    def check(self) -> None:
        """Refuse a distribution that is not there, or credentials that may not see it.

        Raises:
            CdnError: with the call, and the cure.
        """
        self._call("get_distribution_config", Id=self.id)

    def version_in_cache_key(self) -> bool | None:
        """Tell whether the default behaviour caches each `?version=` apart; None where it cannot be seen.

        A cache policy decides where there is one, else the older ForwardedValues (AWS: Developer Guide,
        "Caching content based on query string parameters").

        Raises:
            CdnError: the distribution cannot be read.
        """
        config = self._call("get_distribution_config", Id=self.id)["DistributionConfig"]
        behaviour = config["DefaultCacheBehavior"]
        policy = behaviour.get("CachePolicyId")
        if not policy:
            forwarded = behaviour.get("ForwardedValues", {})
            keys = forwarded.get("QueryStringCacheKeys", {}).get("Items", [])
            return bool(forwarded.get("QueryString")) and (not keys or "version" in keys)
        try:
            answer = self._call("get_cache_policy", Id=policy)
        except CdnError:
            return None
        wanted = answer["CachePolicy"]["CachePolicyConfig"][
            "ParametersInCacheKeyAndForwardedToOrigin"
        ]["QueryStringsConfig"]
        named = wanted.get("QueryStrings", {}).get("Items", [])
        return {
            "all": True,
            "whitelist": "version" in named,
            "allExcept": "version" not in named,
        }.get(wanted["QueryStringBehavior"], False)

    def invalidate(self, paths: Sequence[str], reference: str) -> str:
        """Ask for an invalidation, and return its id; the same reference gives the same one.

        Raises:
            CdnError: CloudFront refused.
        """
        answer = self._call(
            "create_invalidation",
            DistributionId=self.id,
            InvalidationBatch={
                "Paths": {"Quantity": len(paths), "Items": list(paths)},
                "CallerReference": reference,
            },
        )
        return str(answer["Invalidation"]["Id"])

    def wait(self, invalidation: str, timeout_seconds: float) -> bool:
        """Wait until the invalidation is completed; False when the time is over before."""
        deadline = time.monotonic() + timeout_seconds
        polls = list(POLLS)
        while True:
            answer = self._call("get_invalidation", DistributionId=self.id, Id=invalidation)
            # CloudFront says Completed, stand-ins say COMPLETED
            if str(answer["Invalidation"]["Status"]).lower() == "completed":
                return True
            pause = polls.pop(0) if len(polls) > 1 else polls[0]
            if time.monotonic() + pause > deadline:
                return False
            time.sleep(pause)

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectionError,
            HTTPClientError,
        )

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**parameters)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise CdnError(
                f"CloudFront refused {operation}: {error}",
                where=f"distribution {self.id}",
                mend=_CURES.get(code, "see the answer above; then run the phase again"),
            ) from error
        except (ConnectionError, HTTPClientError) as error:
            raise CdnError(
                f"CloudFront did not answer {operation}: {error}",
                where=f"distribution {self.id}",
                mend="see that this machine reaches it, then run the phase again; where it is only slow, "
                "raise cdn.timeout in the inventory",
            ) from error
        except BotoCoreError as error:
            raise CdnError(
                f"CloudFront could not be asked ({operation}): {error}",
                where=f"distribution {self.id}",
                mend="give AWS credentials: AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY",
            ) from error
        return answer


_CURES = {
    "Throttling": "wait a minute, then run the phase again: AWS takes only so many requests at once",
    "NoSuchDistribution": "correct cdn.distribution_id in the inventory",
    "AccessDenied": "allow cloudfront:CreateInvalidation, GetInvalidation and "
    "GetDistributionConfig on it",
    "TooManyInvalidationsInProgress": "wait for those in progress, then run: invalidate",
    "ExpiredToken": "renew the AWS credentials, then run the phase again",
    "InvalidClientTokenId": "correct the AWS credentials, then run the phase again",
}
