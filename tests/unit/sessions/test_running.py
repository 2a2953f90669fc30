"""Phases one after another; what fails once the release is live ends nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.doctor import cdn
from fab_static.errors import (
    BuildError,
    CdnError,
    DeployLockedError,
    FabStaticError,
    ProbeError,
    ReleaseError,
)
from fab_static.looking import difference
from fab_static.phases import AFTER_FLIP, GO_LIVE, PHASES, ROLLBACK
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.seals import Seals
from fab_static.plan.budget import Budget
from fab_static.sessions import running
from fab_static.sessions.running import Run
from fab_static.timeline import Timeline

OLD, NEW = "20261121T170102Z-c6411c8e", "20261122T170102Z-40b46b94"
ALL = ("collectstatic", "seal", *GO_LIVE)


class Host:
    """A host, as far as a run knows one."""

    name = "build1"
    layout = SimpleNamespace(deploy_to="/srv/shop/static")
    hello = {"user": "deploy"}  # noqa: RUF012
    writable = True
    held = None

    def settle(self) -> None:
        pass

    def ask(self, _: object) -> tuple[dict[str, bool], bytes]:
        return {"writable": self.writable}, b""


HOST = Host()
BUILD = SimpleNamespace(own={"vite": "a phase of the project's own"})


class Show:
    """Notes what is said."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.say = self.warn = self.told.append

    def phase(self, name: str) -> Any:
        return Timeline().phase(name)

    def follow(self, *_: object) -> None:
        pass


class Journal:
    """Notes the phases that were done, and for which release."""

    def __init__(self) -> None:
        self.phases: dict[str, Any] = {"seal": {"seconds": 2.0}}
        self.noted: list[tuple[str, str | None]] = []
        self.release = NEW

    def done(self, name: str, **facts: Any) -> None:
        assert facts["by"] == "anna@desk"
        self.noted.append((name, facts["release"]))


def fault(kind: type[FabStaticError], what: str) -> FabStaticError:
    return kind(what, where="here", mend=f"mend {what}")


class Fleet:
    """One run on hosts of which OLD is live; its phases only note that they ran, or raise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: list[str] = []
        self.fails: dict[str, list[BaseException | None]] = {}
        for name in {*ALL, *ROLLBACK}:
            monkeypatch.setitem(PHASES, name, lambda deploy, name=name: self._phase(deploy, name))
        known = {OLD: SimpleNamespace(id=OLD), NEW: SimpleNamespace(id=NEW)}
        monkeypatch.setattr(Deployment, "last_live", OLD)
        monkeypatch.setattr(Seals, "read", lambda _, name: known[name])
        fleet = SimpleNamespace(hosts=(HOST,), build=HOST)
        environment = SimpleNamespace(name="staging", origin=None, build=BUILD)
        self.show = Show()
        self.deploy = Deployment(environment, fleet, self.show, "anna@desk")  # type: ignore[arg-type]
        self.deploy.journal = Journal()  # type: ignore[assignment]
        lock = SimpleNamespace(prove=lambda: None, held_at=lambda phase: {"phase": phase})
        self.deploy.lock = lock  # type: ignore[assignment]

    def _phase(self, deploy: Deployment, name: str) -> None:
        self.ran.append(name)
        assert deploy.lock
        assert deploy.lock.phase == name
        release = deploy.current_release()
        error = self.fails[name].pop(0) if self.fails.get(name) else None
        if error:
            raise error
        if name == "activate":
            self.live, deploy.is_flipped = release.id, True

    def run(self, names: tuple[str, ...] = ALL, **options: Any) -> None:
        Run(self.deploy, **options).all(names)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    return Fleet(monkeypatch)


def test_phases_run_in_order_and_those_after_the_build_are_noted_with_their_release(
    fleet: Fleet,
) -> None:
    """Build phases and seal note themselves, with what they left."""
    fleet.run()
    assert fleet.ran == [*ALL]
    assert fleet.deploy.journal.noted == [(name, NEW) for name in GO_LIVE]  # type: ignore[attr-defined]
    assert fleet.deploy.timeline.expected == {"seal": 2.0}
    spans = fleet.deploy.timeline.spans
    assert [span.phase for span in spans if span.host] == ["collectstatic", "seal"]


def test_a_failure_before_the_flip_ends_the_run(fleet: Fleet) -> None:
    fleet.fails["seal"] = [fault(BuildError, "full")]
    with pytest.raises(BuildError):
        fleet.run()
    assert fleet.ran == ["collectstatic", "seal"]


@pytest.mark.parametrize("name", AFTER_FLIP)
def test_what_fails_after_the_flip_is_collected_and_the_rest_goes_on(
    fleet: Fleet, name: str
) -> None:
    fleet.fails[name] = [fault(CdnError, "denied")]
    fleet.run()
    assert fleet.ran == [*ALL]
    assert [error.what for error in fleet.deploy.after_flip] == ["denied"]
    assert fleet.deploy.failed_after_flip == [name]


@pytest.mark.parametrize("name", AFTER_FLIP)
def test_a_phase_after_the_flip_that_is_run_again_with_others_does_not_end_them_either(
    fleet: Fleet, name: str
) -> None:
    fleet.fails[name] = [fault(CdnError, "denied")]
    fleet.run(AFTER_FLIP)
    assert fleet.ran == [*AFTER_FLIP]


@pytest.mark.parametrize("name", AFTER_FLIP)
def test_a_phase_by_itself_fails_as_a_task_does(fleet: Fleet, name: str) -> None:
    fleet.fails[name] = [fault(CdnError, "denied")]
    with pytest.raises(CdnError):
        fleet.run((name,))


def test_who_lost_the_lock_does_nothing_more_even_after_the_flip(fleet: Fleet) -> None:
    fleet.fails["invalidate"] = [fault(DeployLockedError, "stolen")]
    fleet.run()
    assert fleet.ran[-1] == "invalidate"
    assert [error.what for error in fleet.deploy.after_flip] == ["stolen"]


# ---- what is asked before anything goes live


def confirmed(monkeypatch: pytest.MonkeyPatch, *, answer: bool) -> tuple[Any, list[Any]]:
    asked: list[Any] = []
    monkeypatch.setattr(
        difference, "difference_of", lambda _, old, new: {"old": old, "new": new.id}
    )

    def confirm(difference: Mapping[str, Any]) -> bool:
        asked.append(difference)
        return answer

    return confirm, asked


def test_nothing_goes_live_that_was_not_confirmed(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm, asked = confirmed(monkeypatch, answer=False)
    with pytest.raises(ReleaseError, match=f"not confirmed; {OLD} stays live") as caught:
        fleet.run(confirm=confirm)
    assert asked == [{"old": OLD, "new": NEW}]
    assert "activate" not in fleet.ran
    assert caught.value.mend == "go live later with: fab staging activate"
    assert caught.value.instead == "activate"


def test_a_rollback_that_was_not_confirmed_is_not_for_activate(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`activate` would make live what `prepare` left."""
    confirm, _ = confirmed(monkeypatch, answer=False)
    fleet.deploy.command = f"rollback --to {NEW}"
    with pytest.raises(ReleaseError) as caught:
        fleet.run(ROLLBACK, confirm=confirm)
    assert caught.value.mend == f"go live later with: fab staging rollback --to {NEW}"


def test_what_is_confirmed_goes_live_and_what_is_live_already_is_not_asked_about(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm, asked = confirmed(monkeypatch, answer=True)
    fleet.run(confirm=confirm)
    assert (fleet.live, len(asked)) == (NEW, 1)
    monkeypatch.setattr(Deployment, "live", NEW)
    fleet.run(confirm=confirm)
    assert len(asked) == 1


# ---- going back from what the probe found

FOUND = "1 answer is wrong"


def test_what_the_probe_found_wrong_goes_back_to_what_was_live(fleet: Fleet) -> None:
    fleet.fails["probe"] = [fault(ProbeError, FOUND), None]
    with pytest.raises(ProbeError) as caught:
        fleet.run(goes_back=True)
    assert fleet.ran == [*ALL[: ALL.index("prune")], *ROLLBACK]
    assert (fleet.live, fleet.deploy.rolled_back) == (OLD, NEW)
    assert caught.value.what == (
        f"{FOUND}\nso {OLD}, which was live before, is live again on every host"
    )
    assert caught.value.mend == (
        f"mend what the probe found, then deploy again; {NEW} is marked bad"
    )
    assert (fleet.deploy.after_flip, fleet.deploy.undone) == ([], {HOST})
    assert fleet.show.told == [f"the probe failed; going back to {OLD}"]


def test_what_fails_on_the_way_back_once_it_is_live_is_told_too(fleet: Fleet) -> None:
    fleet.fails["probe"] = [fault(ProbeError, FOUND), fault(ProbeError, "again")]
    with pytest.raises(ProbeError) as caught:
        fleet.run(goes_back=True)
    assert caught.value.what.endswith("is live again on every host; then this failed: again")
    assert caught.value.mend.endswith("is marked bad; and now: mend again")


def test_where_going_back_fails_the_wrong_release_stays_and_the_rest_goes_on(
    fleet: Fleet,
) -> None:
    fleet.fails["probe"] = [fault(ProbeError, FOUND)]
    fleet.fails["verify"] = [fault(ReleaseError, "gone")]
    fleet.run(goes_back=True)
    assert (fleet.live, fleet.ran[-1]) == (NEW, "prune")
    assert [error.what for error in fleet.deploy.after_flip] == [FOUND, "gone"]
    assert fleet.deploy.command == f"rollback --to {OLD}"
    assert fleet.deploy.stays
    assert fleet.deploy.undone == set()


def test_there_may_be_nothing_to_go_back_to(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Deployment, "last_live", None)
    fleet.fails["probe"] = [fault(ProbeError, FOUND)]
    fleet.run(goes_back=True)
    assert fleet.live == NEW
    assert fleet.show.told == ["there is nothing to go back to: no other release was live before"]


def test_without_being_told_to_a_failed_probe_goes_back_to_nothing(fleet: Fleet) -> None:
    fleet.fails["probe"] = [fault(ProbeError, FOUND)]
    fleet.run()
    assert fleet.live == NEW


# ---- what is found out before anything is built or sent


class Asked:
    """A deployment whose hosts are asked before a run; notes who is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.roles: list[tuple[str, ...]] = []
        self.cdn: list[bool] = []
        self.show = Show()
        self.environment = SimpleNamespace(build=BUILD, cdn=True)
        self.facts = lambda _: None
        self.on = lambda hosts, work: {host: work(host) for host in hosts}
        monkeypatch.setattr(running, "refuse_shared", lambda *_: None)
        monkeypatch.setattr(running, "built", lambda _: None)
        monkeypatch.setattr(cdn, "preflight", lambda _, goes_live: self.cdn.append(goes_live))

    def hosts(self, *roles: str) -> list[Host]:
        self.roles += [roles] if roles else []
        return [HOST]


@pytest.mark.parametrize(
    ("names", "roles", "cdn"),
    [
        (("collectstatic", "activate", "invalidate"), ("build", "web"), [True]),
        (("promote", "distribute"), ("build", "web"), []),
        (("vite", "seal"), ("build", "web"), []),
        (("verify", "activate"), ("web",), []),
        (("invalidate", "probe"), ("web",), [False]),
    ],
)
def test_projects_and_the_cdn_are_asked_where_the_phases_need_them(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], roles: tuple[str, ...], cdn: list[bool]
) -> None:
    asked = Asked(monkeypatch)
    running.check(asked, names)  # type: ignore[arg-type]
    assert (asked.roles, asked.cdn) == ([roles], cdn)
    assert asked.show.told == ["1 host answers"]


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(HOST, "writable", False)
    with pytest.raises(ReleaseError) as caught:
        running.check(Asked(monkeypatch), ("activate",))  # type: ignore[arg-type]
    assert (caught.value.what, caught.value.where) == (
        "the user deploy may not write below /srv/shop/static",
        "build1",
    )
    assert caught.value.mend == "make the folder there: sudo install -d -o deploy /srv/shop/static"


def test_where_nothing_runs_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    running.check(asked, ())  # type: ignore[arg-type]
    assert (asked.roles, asked.show.told) == ([], [])


def dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a page cost a returning visitor 60 kB."""
    cost = {"deltas": 500, "br": 60_000, "gzip": 70_000}
    page = {"page": "/cart", "kind": "page", "returning": cost, "first": cost, "files": []}
    found = {"downloads": {"old": OLD, "new": NEW, "expected": True, "pages": [page]}}
    monkeypatch.setattr(difference, "difference_of", lambda *_: found)


def test_a_release_that_costs_more_than_the_budget_does_not_go_live(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    dear(monkeypatch)
    with pytest.raises(ReleaseError) as refused:
        fleet.run(budget=Budget(returning=50_000))
    assert fleet.ran == ["collectstatic", "seal"]
    assert refused.value.what.splitlines() == [
        "1 page costs visitors more than the budget:",
        "    /cart: a returning visitor downloads 60.0 kB, and budget.returning allows 50.0 kB",
    ]
    assert refused.value.where == "budget in inventories/staging.yml, for browsers with br"
    assert "fab staging activate --over-budget" in refused.value.mend


@pytest.mark.parametrize(
    "budget", [Budget(returning=50_000, warns=True), Budget(1000, browser="deltas"), Budget(), None]
)
def test_a_budget_that_warns_or_is_kept_stops_nothing(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, budget: Budget | None
) -> None:
    dear(monkeypatch)
    fleet.run(budget=budget)
    assert fleet.ran == [*ALL]
    is_warned = any("costs visitors more" in line for line in fleet.show.told)
    assert is_warned == bool(budget and budget.warns)
