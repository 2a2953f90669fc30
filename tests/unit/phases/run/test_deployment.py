"""What every phase is given: what is live, which release is at hand, who is worked on."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.errors import DeployLockedError, ReleaseError, RemoteError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.lock import Lock
from fab_static.plan.wire import asks, verbs
from tests.unit.site import NEW, OLD, Site, flip_provisionally

ABSENT = "20270101T000000Z-00000000"


# ---- what is live


def test_where_hosts_disagree_nothing_is_live_and_the_record_says_what_was_last(site: Site) -> None:
    """A rollback chooses by the record, never by file times."""
    flip_provisionally(site.hosts["edge1"], OLD)
    deploy = site.deployment()
    assert deploy.live is None
    assert deploy.recorded_live == deploy.last_live == NEW


def test_a_recorded_release_that_no_host_has_any_more_was_not_live_last(site: Site) -> None:
    """Somebody removed it by hand: what cannot come back is no target."""
    entry = {"event": "activate", "release": ABSENT, "by": "ben"}
    site.hosts["build1"].ask(verbs.NOTE, asks.Note(entry=entry))
    assert site.deployment().recorded_live == NEW


def test_where_nothing_was_ever_live_it_says_what_to_do(site: Site) -> None:
    deploy = site.deployment()
    for state in deploy.states.values():
        state.update(current=None, releases=[], record=[])
    with pytest.raises(ReleaseError) as caught:
        deploy.needs_live()
    assert str(caught.value) == (
        "nothing is live yet\n  where: every host of staging\n  mend:  deploy first: fab staging deploy"
    )


# ---- whom it works on


def test_every_host_that_does_not_answer_is_named_and_kept_in_mind(site: Site) -> None:
    for name in ("edge2", "web1"):
        site.hosts[name].before["ping"] = site.hosts[name].cut
    deploy = site.session._deployment()
    with pytest.raises(RemoteError, match="2 hosts failed") as caught:
        deploy.reach()
    assert caught.value.where == "edge2, web1"
    assert {host.name for host in deploy.down} == {"edge2", "web1"}


def test_an_agent_beside_is_started_meanwhile_and_missed_by_nobody_yet(site: Site) -> None:
    deploy = site.session._deployment()
    lock = Lock(deploy.build, "ben@desk", "deploy")
    (agent,) = lock.opened_early
    agent.before = {"ping": agent.cut}  # its own: the host answers
    deploy.reach(lock.opened_early)
    assert site.asked.count(("build1", "ping")) == 2
    assert deploy.down == set()


def test_who_was_robbed_of_the_lock_asks_no_host_anything(site: Site) -> None:
    """Another deploys now: not one word of ours may reach a host (G6)."""

    def robbed() -> None:
        raise DeployLockedError("ben took it", where="", mend="")

    deploy = site.deployment()
    deploy.lock = SimpleNamespace(check=robbed)  # type: ignore[assignment]
    site.asked.clear()
    with pytest.raises(DeployLockedError):
        deploy.on(deploy.hosts(), lambda host: host.ask(verbs.STATE))
    assert site.asked == []


def test_what_is_strange_on_a_host_is_told_once(site: Site) -> None:
    log = site.folder / "edge1" / "log.jsonl"
    log.write_text(log.read_text() + '{"event": "activate"}\n{"event": "undo"}\n')
    deploy = site.deployment()
    deploy.look_again()
    warned: list[str] = deploy.show.warned  # type: ignore[attr-defined]
    assert len(warned) == 1
    assert warned[0].startswith("edge1: ")


# ---- releases


def test_the_release_at_hand_is_the_one_sealed_last_with_the_checkout_it_came_from(
    site: Site,
) -> None:
    deploy = site.deployment()
    deploy.journal.phases["seal"] = {"ran": 1, "project_path": "/srv/dated/code"}
    assert deploy.current_release().id == NEW
    assert deploy.project_path == "/srv/dated/code"


def test_where_none_was_sealed_it_says_what_to_run(site: Site) -> None:
    deploy = site.deployment()
    deploy.journal.release = None
    with pytest.raises(ReleaseError) as caught:
        deploy.current_release()
    assert str(caught.value) == (
        "no release is sealed yet\n"
        f"  where: build1: {site.folder}/build1/journal.json\n"
        "  mend:  build and seal one: fab staging prepare"
    )
    assert caught.value.instead == "prepare"


# ---- links of web hosts


def test_every_manifest_that_web_processes_read_flips_with_current(shop: Site) -> None:
    """All of them are of one release at any instant (G3)."""
    facts = shop.project.settings["web1"]
    root = shop.project.root_on("web1")
    facts["staticfiles_manifest"] = str(root / "staticfiles.json")
    current = shop.folder / "web1" / "current"
    assert shop.deployment().links(shop.hosts["web1"]) == {
        facts["resource_versions"]: f"{current}/resource_versions.yml",
        facts["offline_manifest"]: f"{current}/static/CACHE/manifest.json",
        facts["staticfiles_manifest"]: f"{current}/static/staticfiles.json",
    }


def test_a_versions_file_that_is_not_there_yet_has_the_name_that_the_build_gave_it(
    site: Site,
) -> None:
    """CommCare HQ's own commands write a .yaml."""
    facts = site.project.settings["web1"]
    facts["is_versions_file_known"] = False
    deploy, web1 = site.deployment(), site.hosts["web1"]
    assert deploy.versions_file(web1) == facts["resource_versions"]
    deploy.journal.phases["seal"] = {"ran": 1, "versions_file": "resource_versions.yaml"}
    assert deploy.versions_file(web1) == re.sub(r"yml$", "yaml", facts["resource_versions"])


def test_a_release_without_versions_makes_no_link_to_any(site: Site) -> None:
    site.project.settings["web1"]["is_versions_file_known"] = False
    deploy: Any = site.deployment()
    without = site.hold("20261123T170102Z", versions_sha256=None, versions_size=0)
    assert deploy.links(site.hosts["web1"], without) == {}


def test_web_hosts_set_their_project_up_once_while_the_build_goes_on(shop: Site) -> None:
    def set_up(deploy: Deployment) -> list[str]:
        build1 = shop.hosts["build1"]  # it answers out of the build itself
        build1.host = replace(build1.host, roles=("build", "web"))
        shop.asked.clear()
        with deploy.timeline.phase("compress"):
            deploy.set_up_web_hosts()
            deploy.set_up_web_hosts()
        # in the column `build`, "✓ 0.0 s" said that web hosts had built
        assert [span.host for span in deploy.timeline.spans] == [None]
        return sorted(host for host, verb in shop.asked if verb == "set_up")

    assert set_up(shop.deployment()) == ["web1", "web2"]
    assert set_up(shop.deployment(by_itself=True)) == []
    shop.open("build: {phases: [collectstatic]}")  # no block will be looked up
    assert set_up(shop.deployment()) == []
