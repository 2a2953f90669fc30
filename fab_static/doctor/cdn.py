"""The doctor for a CDN: what its settings, and its answers, would make of the next deploy.

It asks the CloudFront API, where the credentials allow that (cdn_settings). It asks an edge over HTTP what the API
may not tell, or cannot: with versions and names that nobody has (cdn_answers). It changes nothing, and
invalidates nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from fab_static.doctor.cdn_answers import of_answers
from fab_static.doctor.cdn_settings import mixes_versions, of_settings
from fab_static.doctor.findings import Finding, bad
from fab_static.errors import CdnError, FabStaticError
from fab_static.phases.run.browser import Browser
from fab_static.phases.run.caching import Caching, distribution_of
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.settings import static_url_of
from fab_static.plan import expectations
from fab_static.plan.release import Release

SAMPLES = ("js/app.js", "css/site.css")  # where no release tells: URLs that carry a version


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
        problem = mixes_versions(behaviour, url, deploy.caching.holds_version(url), origin)
        if not problem["ok"]:
            where = f"distribution {cdn.distribution_id}"
            raise CdnError(problem["what"], where=where, mend=str(problem["mend"]))


def _versioned_urls(deploy: Deployment) -> list[str]:
    """Return URL paths whose versions matter, as far as can be known before a build."""
    live = deploy.last_live
    release = deploy.seals.read(live) if live else None
    if (release and release.versions) or "resource_static" in deploy.environment.build.phases:
        return _paths(deploy, release)
    return []


def check(deploy: Deployment) -> Iterator[Finding]:
    """Yield what is found of the CDN, the good too; an environment without a CDN has no findings."""
    cdn = deploy.environment.cdn
    if cdn is None:
        return
    release = _live(deploy)
    origin = deploy.environment.origin
    # a bucket cannot choose: it holds no deltas
    deltas = 0 if origin else deploy.environment.build.deltas
    yield from of_settings(cdn, _paths(deploy, release), origin, deltas=deltas)
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
    """Return the live release; None when the hosts cannot tell."""
    try:
        deploy.look()
        live = deploy.last_live
        return deploy.seals.read(live) if live else None
    except FabStaticError:  # the doctor has named that host already
        return None


def _paths(deploy: Deployment, release: Release | None) -> list[str]:
    """Return the URL paths of a versioned script and stylesheet; likely ones while nothing is live."""
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
