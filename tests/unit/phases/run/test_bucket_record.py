"""The record in a bucket: written only by whoever read it last, and true of a flip whose operator died."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fab_static.errors import DeployLockedError, ManifestError
from fab_static.phases.run.bucket_record import BucketRecord
from fab_static.phases.run.publication import Publication
from fab_static.plan.bucket_record import RECORD
from fab_static.plan.inventory import S3, Environment, Project
from fab_static.plan.wire.answers import State
from fab_static.plan.wire.kept import Beside, beside_of
from tests.releases import sealed
from tests.strict_s3 import REGION, Fault, StrictS3

A, B = "20261122T170102Z-0000000a", "20261123T170102Z-0000000b"
KEY = f"shop/static/{RECORD}"


def read(store: StrictS3, name: str = "production") -> BucketRecord:
    place = S3("shop", "static/", REGION, store.url)
    environment = Environment(name, "shop", "/srv", (), Project("/srv"))
    return BucketRecord(Publication(place, environment)).read()


def state(**more: Any) -> State:
    known: dict[str, Any] = {
        "current": None,
        "previous": None,
        "releases": [],
        "provisional": None,
        "unsettled": False,
        "record": [],
        "journal": None,
        "journal_is_ours": True,
        "odd": [],
        "now": 0.0,
    }
    return State(**(known | more))  # type: ignore[typeddict-item]


def saved(to: BucketRecord, run: str = "one", begun: Any = None, **more: Any) -> None:
    to.save(state(**more), run, begun, {})


def test_what_is_saved_is_what_the_next_runner_goes_by(store: StrictS3) -> None:
    first = read(store)
    release = sealed({"a.css": "a"}, A)
    beside: Beside = {"signature": "one", "statement": "two"}
    first.keeps(release, release.to_json().encode(), beside)
    saved(first, current=A, releases=[A, B], record=[{"event": "steal"}], journal={"release": A})
    assert beside_of(read(store).kept[A]) == beside
    seen = read(store).seen_from(state(), set())
    assert (seen["current"], seen["releases"]) == (A, [A])  # B is not whole in the bucket
    assert seen["record"] == [{"event": "steal"}]
    assert seen["journal"] == {"release": A, "phases": {}, "static_root": None}


def test_who_was_overtaken_can_write_no_more(store: StrictS3) -> None:
    slow = read(store)
    saved(slow, run="slow")
    saved(read(store), run="next")
    with pytest.raises(DeployLockedError, match="another run has written the record since"):
        saved(slow, run="slow", current=A)
    assert json.loads(store.body(KEY))["run"] == "next"


def test_of_two_first_runs_one_writes(store: StrictS3) -> None:
    one, other = read(store), read(store)
    saved(one)
    with pytest.raises(DeployLockedError):
        saved(other, run="other")


def test_a_record_whose_answer_is_lost_is_written(store: StrictS3) -> None:
    record = read(store)
    store.faults.append(Fault("PUT", "record", after=True))
    saved(record)
    saved(record, current=A)


def test_nothing_is_written_where_nothing_is_new(store: StrictS3) -> None:
    record = read(store)
    saved(record)
    writes = store.writes
    saved(record)
    assert store.writes == writes


def test_another_environments_record_is_refused(store: StrictS3) -> None:
    saved(read(store))
    with pytest.raises(ManifestError, match="belongs to shop production, not to shop staging"):
        read(store, "staging")


BEGUN = {"release": B, "at": 1700000000.0, "entry": {"by": "anna", "rolled_back": A}}


@pytest.mark.parametrize(
    ("others", "live"),
    [({B}, B), ({A}, A), ({A, B}, A), ({B, None}, A), (set(), A)],
    ids=["all went on", "none did", "some did", "one is not sure", "nobody to ask"],
)
def test_a_flip_whose_operator_died_is_at_its_end_where_all_others_are(
    store: StrictS3, others: set[str | None], live: str
) -> None:
    record = read(store)
    release = sealed({"a.css": "a"}, B)
    record.keeps(release, b"seal", {})
    saved(record, begun=BEGUN, current=A, releases=[B])
    seen = read(store).seen_from(state(), others)
    assert seen["current"] == live
    if live == B:
        assert seen["previous"] == A
        assert seen["record"] == [
            {"by": "anna", "rolled_back": A, "event": "activate", "release": B, "at": 1700000000.0}
        ]


def test_phases_that_ran_on_another_machine_never_ran_here(store: StrictS3) -> None:
    """What they left are objects on its disk; and which folder it may empty is its own."""
    left = {"listing": "a" * 64, "ran": 1, "seconds": 1.0}
    journal = {"phases": {"collectstatic": left, "verify": {"ran": 2, "seconds": 1.0}}, "static_root": "/a"}  # fmt: skip
    saved(read(store), journal=journal)
    elsewhere = read(store).seen_from(state(), set())["journal"]
    assert elsewhere == {"phases": {"verify": {"ran": 2, "seconds": 1.0}}, "static_root": None}
    assert read(store).seen_from(state(journal=journal), set())["journal"] == journal
