"""Which releases are kept, and which some hosts lack."""

from __future__ import annotations

from fab_static.phases.run.kept import missed, needless
from tests.unit.site import NEW, OLD, Site


def test_a_release_that_a_host_left_out_may_still_serve_is_kept(site: Site) -> None:
    """Its pages ask all static hosts for their files."""
    site.open("keep_releases: 1\nkeep_for: 0s")
    first, *later = [site.hold(f"202611{day}T170102Z", b"%d" % day).id for day in (23, 24, 25)]
    for name in (first, *later):
        site.session.rollback(name, without=("web2",))
    assert site.live()["web2"] == NEW
    assert needless(site.deployment()) == [OLD, first]


def test_a_release_that_was_never_live_is_missed_by_nobody(site: Site) -> None:
    edge2 = site.hosts.pop("edge2")
    site.hold("20261123T170102Z", b"staged")
    site.hosts["edge2"] = edge2
    assert missed(site.deployment()) == []
