"""The client against the strict fake, over HTTP, with a clock that nobody waits for."""

from __future__ import annotations

import pytest

from demo.cloudfront import Bucket, Clock, CloudFront
from demo.cloudfront import Distribution as Known
from fab_static.aws.cloudfront import CREATE_PAUSE
from fab_static.aws.cloudfront_calls import RefusedError
from fab_static.plan.cdn.invalidation import Quota
from tests.unit.aws.clients import Told, ask, client


def test_one_batch_is_one_call_and_is_awaited_until_completed(
    cloudfront: CloudFront, known: Known
) -> None:
    asked = client(cloudfront, known)
    accepted = asked.invalidate([[f"/static/{n}.png" for n in range(40)]], "r", wait_seconds=60)
    assert cloudfront.calls == ["CreateInvalidation"]
    assert asked.wait(accepted.requests, 60) == []
    assert cloudfront.invalidations(known.id) == [[f"/static/{n}.png" for n in range(40)]]
    assert cloudfront.paths_charged == 40


@pytest.mark.parametrize("seconds", [0, 1, 3.3, 7, 24.9, 130])
def test_completed_is_found_within_two_seconds(
    cloudfront: CloudFront, known: Known, seconds: float
) -> None:
    cloudfront.completes_after = seconds
    asked = client(cloudfront, known)
    request = asked.invalidate([["/a"]], "r", wait_seconds=600).requests[0]
    done_at = known.invalidations[0].completed_at
    assert asked.wait([request], 600) == []
    assert cloudfront.clock.now() - done_at < 2.5  # and what the calls themselves take
    assert cloudfront.calls.count("GetInvalidation") <= 3 + seconds / 2


def test_a_long_wait_is_told_about(cloudfront: CloudFront, known: Known) -> None:
    cloudfront.completes_after = 60
    told = Told()
    asked = client(cloudfront, known, told)
    request = asked.invalidate([["/a"]], "r", wait_seconds=600).requests[0]
    asked.wait([request], 600)
    assert 4 <= len(told) <= 6
    assert f"{request.id} in progress for 1" in told[0]
    assert told[0].endswith(" of 600 s")


def test_what_is_not_completed_in_time_is_returned(cloudfront: CloudFront, known: Known) -> None:
    cloudfront.completes_after = 1000
    asked = client(cloudfront, known)
    request = asked.invalidate([["/a"]], "r", wait_seconds=600).requests[0]
    before = cloudfront.clock.now()
    assert asked.wait([request], 100) == [request]
    assert 97 <= cloudfront.clock.now() - before <= 101


def test_the_same_paths_and_reference_are_paid_once(cloudfront: CloudFront, known: Known) -> None:
    for _ in range(3):
        ask(client(cloudfront, known), "/a", "/b")
    assert len(known.invalidations) == 1
    assert cloudfront.paths_charged == 2
    ask(client(cloudfront, known), "/a", "/b", reference="another flip")
    assert cloudfront.paths_charged == 4


def test_a_reply_lost_after_acceptance_makes_one_invalidation_and_one_charge(
    cloudfront: CloudFront, known: Known
) -> None:
    cloudfront.script("CreateInvalidation", "lost", "lost")
    assert ask(client(cloudfront, known), "/a", "/b") == ["/a", "/b"]
    assert cloudfront.calls == ["CreateInvalidation"] * 3
    assert len(known.invalidations) == 1
    assert cloudfront.paths_charged == 2


def test_a_bucket_of_seven_is_survived_by_a_hundred_batches(
    cloudfront: CloudFront, known: Known
) -> None:
    cloudfront.bucket = Bucket(rate=5, burst=7)
    cloudfront.completes_after = 0
    batches = [[f"/{n}.png"] for n in range(100)]
    before = cloudfront.clock.now()
    accepted = client(cloudfront, known).invalidate(batches, "r", wait_seconds=600)
    assert len(accepted.requests) == 100
    assert cloudfront.clock.now() - before >= 99 * CREATE_PAUSE


def test_foreign_wildcards_in_progress_are_waited_for(cloudfront: CloudFront, known: Known) -> None:
    """A hundred runs while somebody else holds 14 of 15 wildcards: the user sees no error."""
    told = Told()
    asked = client(cloudfront, known, told)
    for run in range(100):
        cloudfront.invalidate_elsewhere(known, [f"/f{n}/*" for n in range(14)], 40)
        paths = [f"/r{run}/{n}*" for n in range(2)]
        assert ask(asked, *paths, reference=str(run)) == paths
        known.invalidations.clear()
    assert (
        "1 invalidations are in progress, as many as CloudFront takes; waiting for them" in told[0]
    )


def test_what_others_have_in_progress_is_counted(cloudfront: CloudFront, known: Known) -> None:
    asked = client(cloudfront, known)
    assert asked.quota() == Quota()
    cloudfront.invalidate_elsewhere(known, ["/done/*"], 0)
    cloudfront.invalidate_elsewhere(known, ["/a/*", "/b/*", "/c.png"], 40)
    cloudfront.invalidate_elsewhere(known, ["/d/*"], 40)
    assert asked.quota() == Quota(paths_in_progress=1, wildcards_in_progress=3)
    cloudfront.clock.sleep(40)
    assert asked.quota() == Quota()


@pytest.mark.parametrize("operation", ["ListInvalidations", "GetInvalidation"])
def test_without_the_rights_to_count_all_room_is_taken_to_be_free(
    cloudfront: CloudFront, known: Known, operation: str
) -> None:
    cloudfront.denied.add(operation)
    cloudfront.invalidate_elsewhere(known, ["/a/*"], 40)
    assert client(cloudfront, known).quota() == Quota()


def test_waiting_for_room_ends_at_the_deadline(cloudfront: CloudFront, known: Known) -> None:
    cloudfront.invalidate_elsewhere(known, [f"/f{n}/*" for n in range(15)], 10_000)
    before = cloudfront.clock.now()
    with pytest.raises(RefusedError, match="TooManyInvalidationsInProgress"):
        ask(client(cloudfront, known), "/a*", wait=100)
    assert cloudfront.clock.now() - before <= 100


def test_rounds_beyond_the_quota_follow_each_other(cloudfront: CloudFront, known: Known) -> None:
    rounds = [[f"/{turn}/{n}" for n in range(3000)] for turn in range(3)]
    accepted = client(cloudfront, known).invalidate(rounds, "r", wait_seconds=600)
    assert [len(request.paths) for request in accepted.requests] == [3000] * 3


def test_a_batch_too_large_for_an_empty_quota_is_halved(
    cloudfront: CloudFront, known: Known
) -> None:
    paths = [f"/{n}/*" for n in range(20)]
    cloudfront.completes_after = 3
    assert ask(client(cloudfront, known), *paths) == paths
    assert len(known.invalidations) == 2


def test_room_is_waited_for_without_the_right_to_list(cloudfront: CloudFront, known: Known) -> None:
    cloudfront.denied.add("ListInvalidations")
    cloudfront.invalidate_elsewhere(known, [f"/f{n}/*" for n in range(15)], 40)
    assert ask(client(cloudfront, known), "/a*") == ["/a*"]


def test_a_bad_path_is_found_and_the_others_are_sent(cloudfront: CloudFront, known: Known) -> None:
    paths = [f"/{n}.png" for n in range(500)]
    paths[137], paths[402] = "/a b.png", "/~user/x"
    accepted = client(cloudfront, known).invalidate([paths], "r", wait_seconds=6000)
    assert accepted.refused == ["/a b.png", "/~user/x"]
    sent = [path for request in accepted.requests for path in request.paths]
    assert sorted(sent) == sorted(set(paths) - set(accepted.refused))
    assert len(cloudfront.calls) <= 2 * 2 * 9 + 2


def test_where_every_path_is_refused_it_is_not_the_paths(
    cloudfront: CloudFront, known: Known
) -> None:
    with pytest.raises(RefusedError, match="invalid invalidation paths"):
        ask(client(cloudfront, known), *[f"no slash {n}" for n in range(3000)], wait=60_000)
    assert len(cloudfront.calls) < 100


@pytest.mark.parametrize("code", ["InvalidArgument", "InvalidationBatchAlreadyExists"])
def test_a_reference_used_for_other_paths_is_replaced(
    cloudfront: CloudFront, known: Known, code: str
) -> None:
    cloudfront.reference_error = code
    asked = client(cloudfront, known)
    request = asked.invalidate([["/a"]], "r", wait_seconds=60).requests[0]
    known.invalidations[0].paths = ("/other",)
    again = asked.invalidate([["/a"]], "r", wait_seconds=60).requests[0]
    assert again.id != request.id
    assert known.invalidations[-1].paths == ("/a",)


def test_an_invalidation_that_cloudfront_lost_is_created_again(
    cloudfront: CloudFront, known: Known
) -> None:
    asked = client(cloudfront, known)
    request = asked.invalidate([["/a"]], "r", wait_seconds=60).requests[0]
    known.invalidations.clear()
    left = asked.wait([request], 20)
    assert [one.paths for one in known.invalidations] == [("/a",)]
    assert known.invalidations[0].reference == request.reference
    assert left == []


@pytest.mark.parametrize(
    "operation", ["CreateInvalidation", "GetInvalidation", "GetDistributionConfig"]
)
def test_a_right_that_lacks_is_named_or_done_without(
    cloudfront: CloudFront, known: Known, operation: str
) -> None:
    cloudfront.denied.add(operation)
    told = Told()
    asked = client(cloudfront, known, told)
    asked.check()
    if operation == "CreateInvalidation":
        with pytest.raises(RefusedError) as caught:
            ask(asked, "/a")
        assert "allow cloudfront:CreateInvalidation" in caught.value.mend
        return
    requests = asked.invalidate([["/a"]], "r", wait_seconds=60).requests
    assert asked.wait(requests, 60) == []
    assert known.invalidations[0].completed_at <= cloudfront.clock.now()
    assert "AccessDenied" in told[0]


def test_the_clock_of_the_fake_moves_when_somebody_sleeps() -> None:
    clock = Clock()
    before = clock.now()
    clock.sleep(100)
    assert clock.now() - before >= 100
