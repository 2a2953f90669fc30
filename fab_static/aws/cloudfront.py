"""CloudFront: asks it to forget paths, and sees when it has. Every wait is bounded."""

from __future__ import annotations

import hashlib
import itertools
import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fab_static.aws.cloudfront_calls import PATIENCE, READ_SECONDS, Calls, RefusedError
from fab_static.plan.cdn.invalidation import Quota

POLLS = (1.0, 2.0)  # seconds before the first question and between the next ones
TELL_SECONDS = 10.0  # between two lines of progress
BLIND_SECONDS = 25.0  # AWS: completed within 25 s for 95 % (What's New, 2026-04-29)
CREATE_PAUSE = (
    1.0  # AWS names no rate; seven creations at once were refused (aws-sdk-js issue 3983)
)
ROOM_PAUSES = (2.0, 30.0)  # seconds, the shortest and the longest, until quota is asked for again
MOST_LOOKED_AT = 20  # invalidations in progress, one call each: 15 wildcards are in no more
AGAIN = "-again"  # ends a CallerReference that was made again
MAX_CULPRITS = 20  # single paths refused; where all are, it is not the paths

NO_PATH = "fab_static asks whether it may"  # begins with no slash, holds spaces

Tell = Callable[[str], None]


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
        self._tell = tell
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._calls = Calls(
            distribution_id,
            endpoint_url=endpoint_url,
            patience_seconds=patience_seconds,
            read_seconds=read_seconds,
            clock=clock,
            sleep=sleep,
            chance=chance,
        )
        self._created_at: float | None = None

    # -- looking ----------------------------------------------------------------------------------

    def check(self) -> dict[str, Any] | None:
        """Return the config; refuse a distribution that is not there, bad credentials, a silent endpoint.

        None where the credentials may not see it: a deploy goes on without that.

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
        answer = self._calls.call("get_distribution_config", Id=self.id)
        config: dict[str, Any] = answer["DistributionConfig"]
        return config

    def cache_policy(self, policy: str) -> dict[str, Any]:
        """Return a CachePolicyConfig; raises as `config` does."""
        answer = self._calls.call("get_cache_policy", Id=policy)
        config: dict[str, Any] = answer["CachePolicy"]["CachePolicyConfig"]
        return config

    def response_headers_policy(self, policy: str) -> dict[str, Any]:
        """Return a ResponseHeadersPolicyConfig; raises as `config` does."""
        answer = self._calls.call("get_response_headers_policy", Id=policy)
        config: dict[str, Any] = answer["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]
        return config

    def in_progress(self) -> list[str]:
        """Return the ids of the invalidations in progress, anybody's; newest first.

        Raises:
            CdnError: as `config` does.
        """
        answer = self._calls.call("list_invalidations", DistributionId=self.id, MaxItems="100")
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
                found = self._calls.call("get_invalidation", DistributionId=self.id, Id=name)
                running += found["Invalidation"]["InvalidationBatch"]["Paths"].get("Items", [])
        except RefusedError as error:
            if not error.is_denied and error.code != "NoSuchInvalidation":
                raise
        starred = sum(path.endswith("*") for path in running)
        return Quota(paths_in_progress=len(running) - starred, wildcards_in_progress=starred)

    def may_invalidate(self) -> None:
        """Refuse credentials that may not invalidate, by a request that can never be accepted.

        AWS looks at the rights first, then at what is asked: here two paths are announced, and one comes
        that is not a path.

        Raises:
            CdnError: they may not, or it cannot be asked.
        """
        try:
            self._calls.call(
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
            self._calls.call("get_invalidation", DistributionId=self.id, Id="I0FABSTATIC")
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
            answer = self._calls.call(
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
                answer = self._calls.call(
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


def _reference(base: str, paths: tuple[str, ...]) -> str:
    """Return the CallerReference of some paths: with other paths CloudFront would refuse it."""
    digest = hashlib.sha256("\n".join(paths).encode()).hexdigest()
    return f"{base}-{digest[:12]}"


def _too_large(refusal: RefusedError) -> RefusedError:
    return RefusedError(refusal.what, where=refusal.where, mend=refusal.mend, code="BatchTooLarge")


def _is_completed(item: Mapping[str, Any]) -> bool:
    # CloudFront says Completed, stand-ins say COMPLETED
    return str(item["Status"]).lower() == "completed"


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
