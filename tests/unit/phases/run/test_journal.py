"""The journal of the build host; what strange ones are made of: tests/unit/test_strange_bookkeeping.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fab_static.phases.run.journal import Journal
from fab_static.plan.build_order import BUILD_PHASES
from fab_static.plan.flip import Forgetting
from fab_static.plan.wire import verbs
from tests.unit.site import NEW, Site

CONFIGURED = ("collectstatic", "resource_static", "compress")


@pytest.fixture
def journal(site: Site) -> Journal:
    return Journal(site.hosts["build1"], release=NEW)


def read_again(site: Site, *, is_ours: bool = True) -> tuple[Journal, str | None]:
    data = site.hosts["build1"].ask(verbs.STATE)[0]["journal"]
    return Journal.read(site.hosts["build1"], data, is_ours=is_ours)


def built(journal: Journal, *phases: str) -> None:
    for phase in phases:
        journal.done(phase, seconds=1.0, listing="a" * 64, base=None, release=None)


def test_the_next_command_reads_what_this_one_wrote(site: Site, journal: Journal) -> None:
    built(journal, "collectstatic")
    journal.fills("/srv/static", writes=True)
    journal.note_flip(Forgetting({"logo.svg": None, "a.js": frozenset({"v=2", "v=1"})}, {"b.css": None}, True))  # fmt: skip
    found, why = read_again(site)
    assert why is None
    assert found == journal
    assert found.to_invalidate == {"logo.svg": None, "a.js": frozenset({"v=1", "v=2"})}


def test_of_a_journal_that_others_may_have_written_no_phase_counts_and_what_caches_hold_does(
    site: Site, journal: Journal
) -> None:
    """Phases say where the checkout is; a URL more that caches forget hurts nobody."""
    built(journal, "collectstatic")
    journal.fills("/srv/theirs", writes=True)
    journal.note_flip(Forgetting({"logo.svg": None}, {}, False))
    found, _ = read_again(site, is_ours=False)
    assert (found.phases, found.static_root) == ({}, None)
    assert found.to_invalidate == {"logo.svg": None}


def test_what_lay_beside_the_static_root_is_kept_for_as_long_as_a_phase_left_that_listing(
    site: Site, journal: Journal
) -> None:
    beside = {"/srv/shop/resource_versions.yml": "b" * 64, "/srv/shop/manifest.json": None}
    built(journal, "collectstatic")
    journal.beside = {"a" * 64: dict(beside), "c" * 64: dict(beside)}  # type: ignore[assignment]
    journal.save()
    assert read_again(site)[0].beside == {"a" * 64: beside}
    assert read_again(site, is_ours=False)[0].beside == {}


@pytest.mark.parametrize("beside", [[], {"a" * 64: []}, {"a" * 64: {"/srv/a.yml": 1}}])
def test_a_strange_note_of_what_lay_beside_the_static_root_is_passed_over(
    site: Site, beside: Any
) -> None:
    found, why = Journal.read(site.hosts["build1"], {"beside": beside})
    assert why == "journal.json does not hold what we write; it is passed over"
    assert found.beside == {}


def test_a_strange_one_is_passed_over_and_named(site: Site) -> None:
    """Half written, or of another program: it must stop no rollback (G9)."""
    found, why = Journal.read(site.hosts["build1"], {"release": "../../etc"})
    assert why == "journal.json does not hold what we write; it is passed over"
    assert found == Journal(site.hosts["build1"])


def test_every_run_of_a_phase_is_later_than_all_before(journal: Journal) -> None:
    built(journal, "collectstatic", "resource_static", "collectstatic")
    assert journal.ran == {"resource_static": 2, "collectstatic": 3}


def test_a_rerun_makes_the_phases_after_it_stale_and_the_release_is_not_of_this_build(
    journal: Journal,
) -> None:
    built(journal, *CONFIGURED)
    journal.done("seal", seconds=1.0, release=NEW)
    assert journal.is_sealed(CONFIGURED, BUILD_PHASES)
    built(journal, "resource_static")
    assert journal.stale(CONFIGURED, BUILD_PHASES) == ("compress",)
    assert not journal.is_sealed(CONFIGURED, BUILD_PHASES)


def test_a_phase_works_on_what_the_last_phase_that_counts_has_left(journal: Journal) -> None:
    """Never on its own output: neither r.js nor a LESS fix can be run twice."""
    assert journal.base_of("compress", CONFIGURED, BUILD_PHASES) is None
    built(journal, *CONFIGURED)
    assert journal.base_of("compress", CONFIGURED, BUILD_PHASES) == "resource_static"
    assert journal.base_of("resource_static", CONFIGURED, BUILD_PHASES) == "collectstatic"
    assert journal.base_of("collectstatic", CONFIGURED, BUILD_PHASES) is None
    built(journal, "collectstatic")
    assert journal.base_of("compress", CONFIGURED, BUILD_PHASES) == "collectstatic"


def test_a_release_of_another_environment_is_this_ones_until_something_is_built(
    journal: Journal,
) -> None:
    built(journal, "collectstatic")
    journal.done("seal", seconds=1.0, release=NEW, promoted_from="testing")
    assert journal.promoted_from == "testing"
    assert journal.is_sealed(CONFIGURED, BUILD_PHASES)  # nothing need run here
    built(journal, "collectstatic")
    assert journal.promoted_from is None
    assert not journal.is_sealed(CONFIGURED, BUILD_PHASES)


def test_what_a_dead_operators_flip_had_added_stays_to_be_forgotten(journal: Journal) -> None:
    journal.note_flip(Forgetting({"a.svg": None}, {"b.svg": None}, True))
    journal.invalidation = {"of": "that flip"}
    journal.note_flip(Forgetting({"c.svg": None}, {"d.svg": None}, False))
    assert journal.to_invalidate.keys() == {"a.svg", "b.svg", "c.svg"}
    assert journal.if_undone.keys() == {"d.svg"}
    assert journal.invalidation is None  # that one has forgotten nothing of what comes now
    assert not journal.by_tag  # not all of them were given out with tags


def test_a_static_root_is_noted_once_and_before_it_is_filled(site: Site, journal: Journal) -> None:
    site.asked.clear()
    journal.fills("/srv/static", writes=True)
    journal.fills("/srv/static", writes=True)
    assert site.asked == [("build1", "write_journal")]
    written: Any = json.loads((site.folder / "build1" / "journal.json").read_text())
    assert written["static_root"] == "/srv/static"


def test_a_path_without_any_query_is_nothing_that_caches_must_forget(site: Site) -> None:
    """CloudFront was to be asked for no path at all, and `plan` and `invalidate` ended with an IndexError."""
    data = {"to_invalidate": {"a.js": [], "b.js": [""]}, "if_undone": {"c.js": []}}
    found, why = Journal.read(site.hosts["build1"], data)
    assert why is None
    assert found.to_invalidate == {"b.js": frozenset({""})}
    assert found.if_undone == {}
