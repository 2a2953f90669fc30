"""What must be links on a web host; tests/unit/phases/run/test_deployment.py has the whole."""

from __future__ import annotations

from fab_static.phases.run.links import links_of
from tests.unit.site import NEW, Site


def test_the_resource_versions_are_a_link_into_what_is_live(site: Site) -> None:
    deploy = site.deployment()
    links = links_of(deploy, site.hosts["web1"], deploy.seals.read(NEW))
    current = str(site.folder / "web1" / "current" / "resource_versions.yml")
    assert list(links.values()) == [current]
