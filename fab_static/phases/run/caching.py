"""What a CDN makes of static URLs, as far as its settings may be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fab_static.errors import CdnError
from fab_static.plan.cdn import behaviour as behaviours
from fab_static.plan.cdn.cache_tags import TAG_HEADER
from fab_static.plan.inventory import Cdn

if TYPE_CHECKING:
    from fab_static.aws.cloudfront import Distribution

PATIENCE = 2  # times cdn.timeout, before anything has begun


class Caching:
    """A distribution's settings: one read of its config, and one of each cache policy that matters.

    Where rights lack, the answers are None: whoever asks takes the safe way.

    Args:
        distribution: which.
        tell: is told what could not be seen.

    Raises:
        CdnError: no or bad credentials, no such distribution, no answer.
    """

    def __init__(self, distribution: Distribution, tell: Callable[[str], None]) -> None:
        self._distribution = distribution
        self._tell = tell
        self._policies: dict[str, behaviours.Config | None] = {}
        self.config: dict[str, Any] | None = distribution.check()

    @property
    def reads_tags(self) -> bool:
        """Whether objects that a bucket gives out with cache tags can be forgotten by them."""
        return self.config is not None and behaviours.tag_header(self.config) == TAG_HEADER

    def behaviour(self, url: str) -> behaviours.Config | None:
        """Return the cache behaviour of a URL path."""
        return None if self.config is None else behaviours.behaviour_of(self.config, url)

    def holds_version(self, url: str) -> bool | None:
        """Tell whether each `?version=` of a URL path is cached apart."""
        return self._told_by_policy(url, behaviours.is_in_cache_key)

    def keys_on_other_queries(self, url: str) -> bool | None:
        """Tell whether a URL path may be cached under other queries than its version."""
        return self._told_by_policy(url, behaviours.keys_on_other_queries)

    def _told_by_policy(
        self, url: str, told: Callable[[behaviours.Config, behaviours.Config | None], bool]
    ) -> bool | None:
        behaviour = self.behaviour(url)
        if behaviour is None:
            return None
        name = behaviour.get("CachePolicyId")
        if not name:
            return told(behaviour, None)
        policy = self._policy(str(name))
        return None if policy is None else told(behaviour, policy)

    def _policy(self, name: str) -> behaviours.Config | None:
        if name not in self._policies:
            try:
                self._policies[name] = self._distribution.cache_policy(name)
            except CdnError as error:
                self._tell(f"{error.what}: files are taken to be cached under any query")
                self._policies[name] = None
        return self._policies[name]


def see(distribution: Distribution, warn: Callable[[str], None]) -> Caching | None:
    """Return what can be seen, where nothing depends on it: None where CloudFront cannot be asked."""
    try:
        return Caching(distribution, warn)
    except CdnError as error:
        warn(f"{error.what}: files are taken to be cached under any query")
        return None


def distribution_of(
    cdn: Cdn, tell: Callable[[str], None] = lambda _: None, *, patience: float | None = None
) -> Distribution:
    """Return the inventory's distribution; `patience` is how many times cdn.timeout it may be silent."""
    from fab_static.aws.cloudfront import Distribution  # not above: `status` asks no CDN

    seconds = (patience or PATIENCE) * cdn.timeout
    return Distribution(
        cdn.distribution_id,
        endpoint_url=cdn.endpoint_url,
        patience_seconds=min(cdn.wait or seconds, seconds),
        read_seconds=cdn.timeout,
        tell=tell,
    )
