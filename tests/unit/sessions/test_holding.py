"""A run from its beginning to its end, on a scripted fleet: who is told what, and while who holds the lock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.errors import BuildError, DeployLockedError, RemoteError
from fab_static.host.agent.lock import abandon_lock
from fab_static.plan.wire import verbs
from fab_static.sessions.holding import told
from tests.unit.site import NEW, OLD, Site, flip_provisionally, taken


class Telling:
    """Who is told of a run; notes who held the lock by then."""

    def __init__(self, site: Site) -> None:
        self.has_begun = False
        self.said: list[tuple[str, Any, bool]] = []
        self._build = site.hosts["build1"]

    def is_held(self) -> bool:
        return self._build.ask(verbs.LOOK_AT_LOCK)[0]["holder"] is not None

    def began(self) -> None:
        self.has_begun = True
        self.said.append(("began", None, self.is_held()))

    def ended(self, error: BaseException | None, ending: Callable[[], Any]) -> None:
        self.said.append(("ended", error, self.is_held()))


class Held:
    """A run that holds the lock of a site."""

    def __init__(self, site: Site) -> None:
        self.telling = Telling(site)
        self.deploy = site.session._deployment(project_path="/srv/other")
        self.warned: list[str] = []
        self.said: list[str] = []
        self.deploy.show = SimpleNamespace(warn=self.warned.append, say=self.said.append)  # type: ignore[assignment]

    def run(self, work: Callable[[], None] = lambda: None) -> None:
        with told(self.telling, self.deploy, "build_requirejs", 0, lambda: None):  # type: ignore[arg-type]
            assert self.telling.is_held()
            work()


@pytest.fixture
def held(site: Site) -> Held:
    return Held(site)


def test_others_are_told_of_the_end_once_the_lock_is_released(held: Held) -> None:
    held.run()
    assert held.telling.said == [("began", None, True), ("ended", None, False)]


def test_the_run_knows_every_host_and_the_words_that_run_it_again(held: Held) -> None:
    held.run(lambda: None)
    assert held.deploy.command == "build-requirejs --project-path /srv/other"
    assert held.deploy.live == NEW
    assert held.deploy.lock is None


def test_a_failure_is_told_and_passed_on_and_its_own_next_command_kept(held: Held) -> None:
    failure = BuildError("lessc failed", where="build1", mend="mend it", instead="prepare")

    def fail() -> None:
        raise failure

    with pytest.raises(BuildError):
        held.run(fail)
    assert held.telling.said[1:] == [("ended", failure, False)]
    assert held.deploy.instead == "prepare"


def test_who_does_not_get_the_lock_has_not_begun_and_nobody_is_told(site: Site, held: Held) -> None:
    taken(site)
    with pytest.raises(DeployLockedError):
        held.run()
    assert (held.telling.said, held.deploy.lock_held) == ([], True)
    assert held.telling.is_held()  # by the other one


def test_a_host_that_does_not_answer_is_found_before_the_lock_is_taken(
    site: Site, held: Held
) -> None:
    site.hosts["web1"].before["ping"] = site.hosts["web1"].cut
    with pytest.raises(RemoteError):
        held.run()
    assert held.telling.said == []
    assert not held.telling.is_held()


def test_what_a_deploy_that_died_left_behind_is_taken_over_and_settled(
    site: Site, held: Held
) -> None:
    other = taken(site)
    abandon_lock(other.agent.host)
    flip_provisionally(site.hosts["edge1"])
    held.run()
    assert held.warned == [
        "the lock of ben@laptop at compress was left behind by a deploy that died; going on"
    ]
    assert held.deploy.went_back
    assert site.live() == dict.fromkeys(site.hosts, NEW)


def current(site: Site, name: str) -> Path:
    return Path(site.hosts[name].agent.host.root) / "current"


def test_a_host_on_which_nothing_is_live_yet_is_no_disagreement(site: Site, held: Held) -> None:
    current(site, "web2").unlink()
    held.run()
    assert held.warned == []
    assert held.said == ["nothing is live yet on web2; this run changes that"]


def test_hosts_that_disagree_are_named_with_what_each_has(site: Site, held: Held) -> None:
    current(site, "edge1").unlink()
    current(site, "edge1").symlink_to(f"releases/{OLD}")
    held.run()
    (line,) = held.warned
    assert line.startswith("hosts disagree about what is live; this run brings them together: ")
    assert f"{OLD} on edge1" in line


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RemoteError("the disk is full", where="build1", mend="free some"), "the disk is full"),
        (KeyError("x"), "KeyError('x')"),
    ],
)
def test_a_lock_that_cannot_be_released_hides_nothing(
    site: Site, held: Held, error: Exception, why: str
) -> None:
    def unlock() -> Any:
        raise error

    build1 = site.hosts["build1"]
    build1.before["unlock"] = unlock
    held.run()
    assert held.telling.said[-1][:2] == ("ended", None)
    (line,) = held.warned
    assert line.startswith(f"build1: the lock could not be released ({why});")
