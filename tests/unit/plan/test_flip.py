"""A flip as one value: its order over a fleet, and what each host is told forth and back."""

import pytest

from fab_static.plan.flip import (
    Confirm,
    Forget,
    HostFlip,
    Move,
    Publish,
    batches,
    printed,
    steps,
)

FLEET = {"build": "b", "static": ["e1", "e2"], "web": ["w1", "w2", "w3"], "batch": "2"}


def test_files_come_before_the_names_that_point_at_them():
    """Else a page names a file that a static host answers 404 for."""
    assert steps(**FLEET, bucket="s3://shop", has_cdn=True) == (
        Move(("e1", "e2")),
        Publish("s3://shop"),
        Forget(),
        Move(("w1", "w2"), reloads=True),
        Move(("w3",), reloads=True),
        Move(("b",)),
        Confirm(("b", "e1", "e2", "w1", "w2", "w3")),
    )


def test_a_fleet_without_bucket_and_cdn_has_no_steps_for_them():
    found = steps(**FLEET, bucket=None, has_cdn=False)
    assert {type(step) for step in found} == {Move, Confirm}


def test_a_host_of_every_role_flips_first_and_is_confirmed_once():
    one = {"build": "all", "static": ["all"], "web": ["all"], "batch": "50%"}
    assert steps(**one, bucket=None, has_cdn=False) == (
        Move(("all",)),
        Move(("all",), reloads=True),
        Move(("all",)),
        Confirm(("all",)),
    )


def test_a_fleet_of_a_bucket_alone_flips_no_static_host():
    found = steps(build="b", static=[], web=[], batch="1", bucket="s3://shop", has_cdn=False)
    assert found == (Publish("s3://shop"), Move(("b",)), Confirm(("b",)))


@pytest.mark.parametrize(
    ("size", "found"),
    [
        ("1", [["a"], ["b"], ["c"]]),
        ("2", [["a", "b"], ["c"]]),
        ("9", [["a", "b", "c"]]),
        ("50%", [["a", "b"], ["c"]]),
        ("1%", [["a"], ["b"], ["c"]]),
        ("100%", [["a", "b", "c"]]),
    ],
)
def test_a_batch_is_a_number_or_a_share_and_at_least_one(size, found):
    assert batches(["a", "b", "c"], size) == found


def test_a_host_goes_back_to_what_it_had_by_the_links_it_went_forth_with():
    flip = HostFlip("new", {"/m": "/c/m"}, "/m", "reload", 30.0, {"by": "me"}, "old", None)
    assert flip.back == {**flip.forth, "current": "old", "previous": None}
    assert flip.forth["links"] == {"/m": "/c/m"}
    assert "current" not in flip.forth


def test_every_step_is_printed_with_what_it_does():
    found = printed(steps(**FLEET, bucket="s3://shop", has_cdn=True), reloads=True, checks=False)
    assert [one["do"] for one in found] == [
        "flip", "publish", "invalidate", "flip", "flip", "flip", "confirm",
    ]  # fmt: skip
    assert found[0] == {"do": "flip", "hosts": ["e1", "e2"], "reloads": False, "checks": False}
    assert found[3] == {"do": "flip", "hosts": ["w1", "w2"], "reloads": True, "checks": False}
