"""While a build writes a web host's manifests, they are files; afterwards they are links again."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.errors import RemoteError
from fab_static.host.agent.lift import lower_for_owner
from fab_static.host.agent.lock import abandon_lock
from fab_static.host.agent.store import Host
from fab_static.phases.run.writes import manifests_as_files
from fab_static.plan.wire import asks, verbs
from tests.unit.site import Site


@pytest.fixture
def links(site: Site, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The build host renders pages too: one manifest is a link there, one is the project's own still."""
    deploy_to = site.folder / "build1"
    found = {
        str(site.folder / "own.yml"): str(deploy_to / "current" / "resource_versions.yml"),
        str(site.folder / "own.json"): str(deploy_to / "current" / "static" / "manifest.json"),
    }
    (site.folder / "own.yml").symlink_to(found[str(site.folder / "own.yml")])
    (site.folder / "own.json").write_text("the project's own")
    monkeypatch.setattr("fab_static.phases.run.deployment.Deployment.links", lambda *_: found)
    monkeypatch.setattr(type(site.hosts["build1"]), "roles", ("build", "web"), raising=False)
    return found


def as_before(site: Site, links: dict[str, str]) -> bool:
    own = site.folder / "own.yml"
    return (
        own.is_symlink()
        and str(own.readlink()) == links[str(own)]
        and (site.folder / "own.json").read_text() == "the project's own"
        and not (site.folder / "own.json").is_symlink()
    )


def test_a_link_is_a_file_meanwhile_and_a_link_again(site: Site, links: dict[str, str]) -> None:
    with manifests_as_files(site.session._deployment()):
        assert not (site.folder / "own.yml").is_symlink()
    assert as_before(site, links)


def test_where_no_manifest_is_a_link_the_host_is_asked_to_change_nothing(
    site: Site, links: dict[str, str]
) -> None:
    """What was asked ahead was forgotten for it, and asked again."""
    own = site.folder / "own.yml"
    own.unlink()
    own.write_text("the project's own")
    with manifests_as_files(site.session._deployment()):
        assert own.read_text() == "the project's own"
    asked = [verb for host, verb in site.asked if host == "build1"]
    assert "to_lift" in asked
    assert not {"lift", "lower"} & set(asked)


def test_a_link_is_put_back_where_the_answer_to_lifting_it_is_lost(
    site: Site, links: dict[str, str]
) -> None:
    """It stayed a plain file; the next flip kept that copy as the project's own."""
    build = site.hosts["build1"]
    build.after["lift"] = build.cut
    with (
        pytest.raises(RemoteError, match="connection was cut"),
        manifests_as_files(site.session._deployment()),
    ):
        raise AssertionError("nothing is built")
    assert as_before(site, links)


def test_a_link_is_put_back_where_a_build_fails(site: Site, links: dict[str, str]) -> None:
    with pytest.raises(ZeroDivisionError), manifests_as_files(site.session._deployment()):
        _ = 1 / 0
    assert as_before(site, links)


def test_the_agent_puts_links_back_itself_when_its_operator_is_gone(
    site: Site, links: dict[str, str]
) -> None:
    """A machine that is switched off asks nobody to lower anything."""
    build = site.hosts["build1"]
    build.ask(verbs.LOCK, asks.Lock(owner="anna@desk", phase="deploy"))
    assert build.ask(verbs.LIFT, asks.Links(links=links))[0] == {
        "lifted": [str(site.folder / "own.yml")]
    }
    assert not (site.folder / "own.yml").is_symlink()
    abandon_lock(build.agent.host)
    assert as_before(site, links)
    assert Path(build.agent.host.path("lock", "abandoned")).exists()


def lifted_apart(site: Site, links: dict[str, str]) -> tuple[Host, Host]:
    """Return the agent that lifts, and the one that holds the lock: in a deploy they are two."""
    build, heart = site.hosts["build1"], site.hosts["build1"].sibling()
    heart.ask(verbs.LOCK, asks.Lock(owner="anna@desk", phase="deploy"))
    build.ask(verbs.LIFT, asks.Links(links=links))
    return build.agent.host, heart.agent.host


def test_the_agent_that_lifted_puts_links_back_when_the_other_says_that_the_owner_is_gone(
    site: Site, links: dict[str, str]
) -> None:
    """After kill -9 web processes that started anew read what no host had live."""
    building, holding = lifted_apart(site, links)
    abandon_lock(holding)
    assert not (site.folder / "own.yml").is_symlink(), "what builds may be writing still"
    lower_for_owner(building, 0)
    assert as_before(site, links)


@pytest.mark.parametrize("taken_by", [None, "ben@desk"])
def test_it_leaves_them_to_an_owner_who_is_there(
    site: Site, links: dict[str, str], taken_by: str | None
) -> None:
    building, _ = lifted_apart(site, links)
    if taken_by:
        asked = asks.Lock(owner=taken_by, phase="deploy", steal=True)
        site.hosts["build1"].sibling().ask(verbs.LOCK, asked)
    lower_for_owner(building, 0)
    assert not (site.folder / "own.yml").is_symlink()


def test_it_leaves_them_where_another_has_taken_the_lock_over(
    site: Site, links: dict[str, str]
) -> None:
    build, other = site.hosts["build1"], site.hosts["build1"].sibling()
    build.ask(verbs.LOCK, asks.Lock(owner="anna@desk", phase="deploy"))
    build.ask(verbs.LIFT, asks.Links(links=links))
    other.ask(verbs.LOCK, asks.Lock(owner="ben@desk", phase="deploy", steal=True))
    abandon_lock(build.agent.host)
    assert not (site.folder / "own.yml").is_symlink()
