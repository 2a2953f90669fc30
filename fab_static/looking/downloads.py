"""What visitors download for a deploy: asks the inventory's pages which files they name, and does the sum."""

from __future__ import annotations

from collections.abc import Mapping

from fab_static.phases.run.bundlers import called_in
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.pages import named_by
from fab_static.plan import downloads
from fab_static.plan.deltas import Words, successors
from fab_static.plan.downloads import Downloads, Visit
from fab_static.plan.release import Release


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
    probe = deploy.environment.probe
    named = named_by(probe.pages, printed, probe.timeout) if printed else {}
    if printed is new and named:
        return downloads.of_pages_now(named), False
    if named:
        return downloads.of_pages_before(named, before), True
    return downloads.of_templates(new), printed is not new
