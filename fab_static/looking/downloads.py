"""What visitors download for a deploy: asks the inventory's pages which files they name, and does the sum."""

from __future__ import annotations

from collections.abc import Mapping

from fab_static.phases.probe import AT_ONCE, assets
from fab_static.phases.run.browser import Browser
from fab_static.phases.run.bundlers import called_in
from fab_static.phases.run.deployment import Deployment
from fab_static.plan import downloads, expectations
from fab_static.plan.deltas import Words, successors
from fab_static.plan.downloads import Downloads, Visit
from fab_static.plan.release import Release
from fab_static.workers import Workers

Named = Mapping[str, frozenset[str]]  # a page's URL -> the files of the static root that it names


def downloads_of(deploy: Deployment, old: Release | None, new: Release) -> Downloads:
    """Return what going from one release to another costs visitors.

    The pages of `probe.pages` count where they print one of both releases: after the flip as the probe has met
    them, else as they answer now. Where none can be asked, the compress blocks of each template count.
    """
    words = (_words(deploy, old), _words(deploy, new)) if old else ({}, {})
    before = successors(old, new, *words) if old else {}
    visits, expected = _visits(deploy, old, new, before)
    return downloads.downloads(old, new, before, visits, expected=expected)


def _words(deploy: Deployment, release: Release) -> Words:
    return called_in(deploy, release) if release.manifests else {}


def _visits(
    deploy: Deployment, old: Release | None, new: Release, before: Mapping[str, str]
) -> tuple[list[Visit], bool]:
    """Return the pages, and whether they were asked before the new release was live."""
    if deploy.probed and deploy.release is new:
        named = {page: frozenset(paths) for page, paths in deploy.probed["pages"].items() if paths}
        if named:
            return downloads.of_pages_now(named), False
    printed = next((one for one in (new, old) if one and one.id == deploy.live), None)
    named = _named(deploy, printed) if printed else {}
    if printed is new and named:
        return downloads.of_pages_now(named), False
    if named:
        return downloads.of_pages_before(named, before), True
    return downloads.of_templates(new), printed is not new


def _named(deploy: Deployment, live: Release) -> dict[str, frozenset[str]]:
    """Return what each page names now; a page that does not answer, or names nothing, is left out."""
    settings = deploy.environment.probe
    if not settings.pages:
        return {}
    with (
        Browser(settings.timeout) as browser,
        Workers(AT_ONCE, "fab_static pages") as workers,
    ):
        found = workers.map(lambda page: _names_in(browser, page, live), settings.pages)
        return {
            page: paths for page, paths in zip(settings.pages, found, strict=True) if paths
        }


def _names_in(browser: Browser, page: str, live: Release) -> frozenset[str]:
    answer = browser.get(page, follow=True)
    if answer.status != 200:
        return frozenset()
    try:
        html = answer.body.decode(errors="replace")
    except ValueError:  # not encoded as it says: the probe tells of that
        return frozenset()
    paths = (expectations.static_path(url, live) for url in assets(page, html))
    return frozenset(path for path in paths if path in live.files and path)
