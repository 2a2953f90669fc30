"""The next command ends a flip that a dead operator left in its middle: all hosts go on, or all go back (G5)."""

from __future__ import annotations

import pytest

from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.settling import settle
from fab_static.plan.wire import asks, verbs
from fab_static.remote import Ran
from tests.unit.site import NEW, OLD, Site, flip_provisionally


def settled(site: Site) -> Deployment:
    site.asked.clear()
    deploy = site.deployment()
    settle(deploy)
    return deploy


def died_after(site: Site, *flipped: str, told: tuple[str, ...] = ()) -> None:
    """Leave the fleet as an operator does who has flipped some hosts, and told some of them that all have."""
    for name in flipped:
        flip_provisionally(site.hosts[name])
    for name in told:
        site.hosts[name].ask(verbs.CONFIRM, asks.Confirm(release=OLD))


def test_where_nothing_was_left_nothing_is_asked(site: Site) -> None:
    deploy = settled(site)
    assert {verb for _, verb in site.asked} == {"state"}
    assert not deploy.went_back


def test_hosts_that_nobody_was_told_of_go_back(site: Site) -> None:
    died_after(site, "edge1", "web1")
    deploy = settled(site)
    assert site.live() == dict.fromkeys(site.hosts, NEW)
    assert deploy.went_back
    assert deploy.live == NEW  # it has looked again
    assert not any(state["provisional"] for state in deploy.states.values())


def test_web_processes_of_a_host_that_goes_back_read_the_manifests_anew(site: Site) -> None:
    died_after(site, "web1", "edge1")
    settled(site)
    asked = [one for one in site.asked if one[1] in ("flip_back", "run", "confirm")]
    assert [verb for host, verb in asked if host == "web1"] == ["flip_back", "run", "confirm"]
    assert [verb for host, verb in asked if host == "edge1"] == ["flip_back"]


def test_where_one_host_was_told_that_all_have_flipped_the_others_go_on(site: Site) -> None:
    """The operator died between the first and the last of these words."""
    died_after(site, *site.hosts, told=("edge1",))
    deploy = settled(site)
    assert site.live() == dict.fromkeys(site.hosts, OLD)
    assert not deploy.went_back
    assert deploy.live == OLD


def test_where_the_operator_was_on_the_way_back_all_go_back_though_one_had_been_told(
    site: Site,
) -> None:
    died_after(site, *site.hosts, told=("edge1", "edge2"))
    back = asks.Back(
        release=OLD,
        links={},
        manifest=None,
        reload=None,
        confirm_timeout=30,
        entry={"by": "ben"},
        current=NEW,
        previous=OLD,
    )
    site.hosts["edge2"].ask(verbs.DOUBT, back)
    deploy = settled(site)
    went_back = {name for name, live in site.live().items() if live == NEW}
    assert went_back == {*site.hosts} - {"edge1"}  # and the command that settles flips that one
    assert deploy.went_back
    assert deploy.live is None


def test_a_reload_that_fails_is_told_and_keeps_no_host_from_going_back(site: Site) -> None:
    died_after(site, "web1", "web2")
    site.hosts["web1"].before["run"] = lambda: Ran(1, "no such unit\n")
    deploy = settled(site)
    assert site.live() == dict.fromkeys(site.hosts, NEW)
    assert deploy.show.warned == ["web1: reload-shop failed: no such unit"]  # type: ignore[attr-defined]


def test_a_host_that_cannot_be_asked_is_named_and_the_others_have_settled(site: Site) -> None:
    died_after(site, "edge1", "edge2")
    site.hosts["edge1"].before["flip_back"] = site.hosts["edge1"].cut
    with pytest.raises(Exception, match="the connection was cut") as caught:
        settled(site)
    assert caught.value.where == "edge1"  # type: ignore[attr-defined]
    assert site.live() == {**dict.fromkeys(site.hosts, NEW), "edge1": OLD}
