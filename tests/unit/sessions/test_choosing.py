"""Which phases a run has, and which release a rollback goes back to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.errors import InventoryError, ReleaseError
from fab_static.phases import BUILD, EVERYTHING, GO_LIVE, PREPARE
from fab_static.phases.run.journal import Journal
from fab_static.plan.build_order import CATALOGUES_FIRST
from fab_static.plan.history import Activation
from fab_static.sessions import choosing

R1, R2, R3 = (f"2026112{day}T170102Z-3f9c1a7b" for day in (1, 2, 3))
PHASES = ("compilejsi18n", "collectstatic", "compress")


def deployment(**known: Any) -> Any:
    told: list[str] = []
    shown = SimpleNamespace(warn=told.append)
    given = {"live": R2, "recorded_live": R2, "went_back": False, "record": (), "order": BUILD}
    environment = SimpleNamespace(
        name="staging", build=SimpleNamespace(phases=PHASES, own={"vite": "its own"})
    )
    states = {"build1": {"releases": [R1, R2]}, "edge1": {"releases": [R2, R3]}}
    fixed = {"environment": environment, "states": states, "show": shown, "told": told}
    return SimpleNamespace(build=SimpleNamespace(name="build1"), **fixed, **{**given, **known})


def test_phases_that_the_inventory_leaves_out_are_not_run_and_all_others_are() -> None:
    chosen = choosing.configured(deployment(), EVERYTHING)
    assert chosen == (*PHASES, *PREPARE, *GO_LIVE)


def test_build_phases_go_in_the_projects_own_order_before_the_others() -> None:
    names = ("collectstatic", "compilejsi18n", "seal", "activate")
    chosen = choosing.in_order(deployment(order=CATALOGUES_FIRST), names)
    assert chosen == ("compilejsi18n", "collectstatic", "seal", "activate")


def test_a_phase_of_the_projects_own_stands_where_the_order_has_it() -> None:
    deploy = deployment(order=("vite", *BUILD))
    assert choosing.in_order(deploy, ("compress", "vite", "seal")) == ("vite", "compress", "seal")
    assert choosing.in_order(deploy, ("vite", "seal")) == ("vite", "seal")


def test_the_project_is_not_asked_for_an_order_where_nothing_is_built() -> None:
    deploy = deployment()
    del deploy.order
    assert choosing.in_order(deploy, GO_LIVE) == GO_LIVE


# ---- deploy --resume


def journal(*ran: str, release: str = R2, of: str | None = None) -> Any:
    """Return a journal in which these phases ran, one after the other, for a release."""
    phases = {name: {"ran": at, "release": of or release} for at, name in enumerate(ran, 1)}
    return Journal(None, phases=phases, release=release)  # type: ignore[arg-type]


BUILT = ("collectstatic", "compilejsi18n", "compress")
ENDED = (*BUILT, *PREPARE, *GO_LIVE)


@pytest.mark.parametrize(
    ("ran", "left"),
    [
        (ENDED, ()),
        ((*BUILT, "seal", "distribute"), ("verify", *GO_LIVE)),
        ((*BUILT, *PREPARE, "activate"), ("invalidate", "probe", "prune")),
        # a phase by hand makes what comes after it stale
        ((*ENDED, "distribute"), ("verify", *GO_LIVE)),
        (
            ("collectstatic", "compress", "compilejsi18n", *PREPARE),
            ("compress", *PREPARE, *GO_LIVE),
        ),
        ((), ("collectstatic", "compilejsi18n", "compress", *PREPARE, *GO_LIVE)),
    ],
)
def test_a_deploy_goes_on_where_the_last_one_ended(
    ran: tuple[str, ...], left: tuple[str, ...]
) -> None:
    assert choosing.to_resume(deployment(journal=journal(*ran))) == left


def test_a_host_that_the_last_deploy_left_out_gets_what_it_lacks() -> None:
    """It did not answer then, and does now."""
    states = {"build1": {"releases": [R1, R2]}, "edge1": {"releases": [R1]}}
    record = (Activation(R2, 2.0, without=("edge1",)),)
    left = deployment(journal=journal(*ENDED), live=None, record=record)
    assert choosing.to_resume(left) == ("verify", *GO_LIVE)
    left.states = states
    assert choosing.to_resume(left) == ("distribute", "verify", *GO_LIVE)
    left.record = (Activation(R2, 2.0),)
    assert choosing.to_resume(left) == ()


def test_what_was_done_for_another_release_is_done_again() -> None:
    known = journal(*ENDED, of=R1)
    assert choosing.to_resume(deployment(journal=known)) == (*PREPARE, *GO_LIVE)


# ---- rollback


def target(to: str | None = None, **known: Any) -> tuple[str, list[str]]:
    deploy = deployment(**known)
    return choosing.rollback_target(deploy, to), deploy.told


LIVE = (Activation(R1, 1.0), Activation(R2, 2.0))


def test_a_rollback_goes_to_what_was_live_before_by_record() -> None:
    assert target(record=LIVE) == (R1, [])


def test_a_rollback_goes_to_the_release_named_if_any_host_holds_it() -> None:
    assert target(R3)[0] == R3
    with pytest.raises(InventoryError, match="there is no release gone") as caught:
        target("gone")
    assert caught.value.mend == "choose one of: fab staging releases"


def test_a_flip_that_was_put_back_is_the_rollback() -> None:
    assert target(went_back=True, record=LIVE) == (
        R2,
        [f"an unfinished flip was put back; {R2} is live everywhere again"],
    )


def test_hosts_that_disagree_go_back_to_what_was_live_everywhere() -> None:
    assert target(live=None, record=LIVE) == (
        R2,
        ["hosts disagree; they go back to the release that was live everywhere"],
    )


@pytest.mark.parametrize(
    ("live", "what"),
    [
        (R1, f"there is no release older than {R1} to roll back to"),
        (None, "nothing is live yet, so there is nothing to roll back"),
    ],
)
def test_where_nothing_was_live_before_a_deploy_is_the_cure(live: str | None, what: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        target(live=live, recorded_live=live, record=LIVE[:1])
    assert caught.value.what == what
    assert (caught.value.where, caught.value.instead) == ("the record on build1", "deploy")
