"""What a run did, as one dict: hooks, the archive and the report read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.errors import CdnError, ReleaseError
from fab_static.phases.run.revisions import Built
from fab_static.plan.release import Encoded
from fab_static.telling import summary as module
from fab_static.telling.summary import summary
from fab_static.timeline import Timeline
from tests.releases import sealed

OLD, NEW = "20261121T170102Z-c6411c8e", "20261122T170102Z-40b46b94"
BEFORE = sealed({"a.js": "a", "gone.js": "gone"}, OLD)
AFTER = sealed({"a.js": "a2", "b.css": "b" * 100}, NEW, revision="3f9c", settings={"DEBUG": False})
PAGE = "https://shop.example.com/"


class Run:
    """A run whose parts may fail; `lost` says which did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            module,
            "difference_of",
            lambda _, old, new: {
                "old": old,
                "new": new.id,
                "added": ["b.css"],
                "changed": ["a.js"],
                "removed": ["gone.js"],
            },
        )
        self.lost: list[str] = []
        self.releases: dict[str, Any] = {OLD: BEFORE, NEW: AFTER}
        self.deploy = SimpleNamespace(
            environment=SimpleNamespace(app="shop", name="staging"),
            operator="anna@desk",
            release=AFTER,
            withdrawn=None,
            was_live=OLD,
            after_flip=[],
            probed=None,
            deltas=None,
            without=(),
            built=None,
            timeline=Timeline(clock=lambda: 1_763_830_862.0),
            hosts=lambda: [SimpleNamespace(name="edge1", roles=("static",))],
            seals=SimpleNamespace(read=self.release),
        )

    def release(self, name: str) -> Any:
        if isinstance(self.releases[name], Exception):
            raise self.releases[name]
        return self.releases[name]

    @contextmanager
    def anyway(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception:
            self.lost.append(what)

    def told(self, outcome: str = "live", **options: Any) -> dict[str, Any]:
        words = {"task": "deploy", "event": "after_activate", "outcome": outcome, **options}
        found = summary(self.deploy, anyway=self.anyway, **words)  # type: ignore[arg-type]
        return dict(json.loads(json.dumps(found)))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def test_it_says_who_made_what_live_when_on_which_hosts(run: Run) -> None:
    told = run.told()
    said = ("app", "environment", "operator", "release", "revision", "previous", "started_at")
    assert [told[key] for key in said] == [
        *("shop", "staging", "anna@desk", NEW, "3f9c", OLD, "2025-11-22T17:01:02Z")
    ]
    assert told["hosts"] == [{"host": "edge1", "roles": ["static"]}]
    assert (told["settings"], told["probe"], told["pages"]) == ({"DEBUG": False}, None, [])


def test_what_it_changed_has_the_size_of_each_file_before_and_now(run: Run) -> None:
    assert run.told()["difference"]["sizes"] == {
        "b.css": [None, 100],
        "a.js": [1, 2],
        "gone.js": [4, None],
    }


@pytest.mark.parametrize("outcome", ["started", "failed"])
def test_a_run_that_made_nothing_live_changed_nothing(run: Run, outcome: str) -> None:
    assert run.told(outcome)["difference"] is None


def test_the_same_release_again_changed_nothing(run: Run) -> None:
    run.deploy.was_live = NEW
    assert run.told()["difference"] is None


def test_a_release_that_was_pruned_meanwhile_leaves_out_what_changed(run: Run) -> None:
    run.releases[OLD] = ReleaseError("gone", where="x", mend="y")
    told = run.told()
    assert (told["difference"], told["release"], run.lost) == (None, NEW, [])


def test_a_part_that_fails_is_left_out_and_the_rest_is_told(run: Run) -> None:
    run.releases[OLD] = KeyError("a bug")
    run.deploy.probed = {"asked": 1, "problems": [], "pages": {PAGE: None}}
    told = run.told()
    assert (told["difference"], told["pages"], told["release"]) == (None, [], NEW)
    assert run.lost == [
        "what this run changed could not be told",
        "what pages weigh could not be told",
    ]


def test_what_failed_after_the_flip_is_told_with_its_cure(run: Run) -> None:
    run.deploy.after_flip = [CdnError("denied", where="distribution E1", mend="allow it")]
    assert run.told()["failed_after_flip"] == [
        {"what": "denied", "where": "distribution E1", "mend": "allow it"}
    ]


def test_a_run_that_failed_before_there_was_a_release_names_the_revision_it_built(run: Run) -> None:
    run.deploy.release, run.deploy.built = None, Built("d0a90f8")
    assert run.told("failed")["revision"] == "d0a90f8"


def test_a_release_that_was_withdrawn_is_the_one_that_the_run_is_about(run: Run) -> None:
    run.deploy.withdrawn, run.deploy.release = AFTER, BEFORE
    assert run.told("failed")["release"] == NEW


def test_a_page_weighs_what_a_first_visit_downloads_and_is_compared_with_before(run: Run) -> None:
    """`sent` is the smallest that the host has: the file or a compressed copy of it."""
    file = replace(AFTER.files["b.css"], encodings={"br": Encoded("0" * 64, 20)})
    run.deploy.release = replace(AFTER, files={**AFTER.files, "b.css": file})
    paths = ["b.css", "a.js", "of-another-host.js"]
    run.deploy.probed = {"asked": 3, "problems": [], "pages": {PAGE: paths}, "more": 1}
    earlier = {"requests": 1, "bytes": 90, "sent": 9}
    told = run.told(before={"pages": [{"page": PAGE, "assets": [], **earlier}]})
    assert told["probe"] == {"asked": 3, "problems": []}
    assert told["pages"] == [
        {
            "page": PAGE,
            "requests": 2,
            "bytes": 102,
            "sent": 22,
            "before": earlier,
            "assets": [
                {"path": "b.css", "bytes": 100, "sent": 20},
                {"path": "a.js", "bytes": 2, "sent": 2},
            ],
        }
    ]
    assert run.told()["pages"][0]["before"] is None
