"""Hosts that share one folder are refused before anything is written there; clones are told apart (fleet C18)."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from fab_static.errors import ReleaseError, RemoteError
from fab_static.phases.run.sharing import refuse_shared, shared
from fab_static.plan.wire import verbs
from tests.unit.host.agent.rooms import replace
from tests.unit.site import Site


def facts_of(site: Site) -> dict[Any, dict[str, Any]]:
    return {host: host.ask(verbs.FACTS)[0] for host in site.hosts.values()}


def share(site: Site, one: str, other: str) -> None:
    """Have one host's folder be the other's, as a mount does."""
    shutil.rmtree(site.folder / one)
    (site.folder / one).symlink_to(site.folder / other)


def test_hosts_that_share_a_folder_are_named_before_anything_is_written_there(site: Site) -> None:
    """(fleet C18)."""
    share(site, "edge1", "edge2")
    deploy = site.session._deployment()
    with pytest.raises(ReleaseError) as caught:
        refuse_shared(deploy, facts_of(site))
    assert caught.value.what == "edge1 and edge2 share a folder"
    assert "a disk of its own" in caught.value.mend
    assert not list((site.folder / "edge2").glob(".mark-*"))


def test_so_are_those_whose_folder_is_not_there_yet(site: Site) -> None:
    """At the first deploy there is nothing by which they look alike (fleet C18)."""
    share(site, "edge1", "edge2")
    shutil.rmtree(site.folder / "edge2")
    facts = facts_of(site)
    assert facts[site.hosts["edge1"]]["inodes"] is None
    assert shared(site.session._deployment(), facts) == []  # who only looks makes no folder
    (site.folder / "edge1").unlink()
    (site.folder / "nfs").mkdir()
    for name in ("edge1", "edge2"):
        (site.folder / name).symlink_to(site.folder / "nfs")
    with pytest.raises(ReleaseError, match="edge1 and edge2 share a folder"):
        refuse_shared(site.session._deployment(), facts)


def test_hosts_that_share_are_found_whichever_they_are_of_those_that_look_alike(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first that looks like them may be a clone with a disk of its own (fleet C18)."""
    share(site, "edge1", "edge2")
    share(site, "web1", "web2")
    replace(monkeypatch, "inodes", lambda _: [2, 11, 12, 13])
    groups = shared(site.session._deployment(), facts_of(site))
    assert [[host.name for host in hosts] for hosts in groups] == [
        ["edge1", "edge2"],
        ["web1", "web2"],
    ]
    assert not list(site.folder.glob("*/.mark-*"))


def test_at_the_first_deploy_any_two_hosts_that_share_are_found(site: Site) -> None:
    """No folder is there yet, and the build host has a disk of its own (fleet C18)."""
    for name in site.hosts:
        shutil.rmtree(site.folder / name)
    (site.folder / "nfs").mkdir()
    for name in ("web1", "web2"):
        (site.folder / name).symlink_to(site.folder / "nfs")
    facts = {host: {**known, "inodes": None} for host, known in facts_of(site).items()}
    with pytest.raises(ReleaseError, match="web1 and web2 share a folder"):
        refuse_shared(site.session._deployment(), facts)


def test_no_mark_stays_where_a_host_is_lost_while_they_are_looked_for(site: Site) -> None:
    share(site, "edge1", "edge2")
    site.hosts["edge2"].before["is_marked"] = site.hosts["edge2"].cut
    with pytest.raises(RemoteError):
        refuse_shared(site.session._deployment(), facts_of(site))
    assert not list(site.folder.glob("*/.mark-*"))


def test_check_sets_no_mark_where_it_may_not_write(site: Site) -> None:
    """What is wrong there is told as such, and the other findings too."""
    share(site, "edge1", "edge2")
    facts = facts_of(site)
    facts[site.hosts["edge1"]]["writable"] = False
    site.hosts["edge1"].before["mark"] = site.hosts["edge1"].cut
    assert shared(site.session._deployment(), facts) == []


def test_cloned_machines_share_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their files have the same numbers, on disks of their own (fleet C18)."""
    replace(monkeypatch, "inodes", lambda _: [2, 11, 12, 13])
    refuse_shared(site.session._deployment(), facts_of(site))


def test_where_folders_do_not_look_alike_nothing_is_asked(site: Site) -> None:
    facts = facts_of(site)
    for host in site.hosts.values():
        host.before["mark"] = host.before["is_marked"] = host.cut
    refuse_shared(site.session._deployment(), facts)
