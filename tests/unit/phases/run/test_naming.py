"""Releases as operators name them."""

from __future__ import annotations

import pytest

from fab_static.errors import InventoryError
from fab_static.phases.run.naming import release_named
from tests.unit.site import NEW, OLD, Site, run_task


def test_the_beginning_of_an_id_names_the_release(site: Site) -> None:
    deploy = site.deployment()
    assert release_named(deploy, "20261121", where="--to") == OLD
    assert release_named(deploy, "previous", where="--to") == OLD
    assert release_named(deploy, NEW, where="--to") == NEW


def test_the_beginning_of_several_names_none_and_lists_them(site: Site) -> None:
    with pytest.raises(InventoryError) as caught:
        release_named(site.deployment(), "2026112", where="--to")
    assert str(caught.value) == (
        f"2 releases begin with 2026112: {OLD}, {NEW}\n"
        "  where: --to\n  mend:  write more of its digits"
    )


def test_where_nothing_was_live_before_there_is_no_previous_one(site: Site) -> None:
    site.session.rollback(OLD)
    with pytest.raises(InventoryError, match="no release was live before"):
        release_named(site.deployment(), "previous", where="--to")


def test_a_rollback_goes_to_the_previous_one_by_name_and_forward_by_a_prefix(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_task(site, capsys, "rollback", to="previous")[0] == 0
    assert set(site.live().values()) == {OLD}
    assert run_task(site, capsys, "rollback", to="20261122")[0] == 0
    assert set(site.live().values()) == {NEW}


def test_an_ambiguous_name_is_exit_2_in_every_task_that_takes_one(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    for task, options in (("rollback", {"to": "2026"}), ("diff", {"new": "2026"})):
        code, said = run_task(site, capsys, task, **options)
        assert (code, f"2 releases begin with 2026: {OLD}, {NEW}" in said) == (2, True), said


def test_a_name_that_no_release_begins_with_is_told_with_where_to_look(site: Site) -> None:
    with pytest.raises(InventoryError) as caught:
        site.session.diff("20250101")
    assert str(caught.value) == (
        "no release begins with 20250101\n  where: the release named\n"
        "  mend:  choose one of: fab staging releases"
    )
