"""One deploy at a time without a lasting build host: the lock in a bucket, as its owner and others see it (G6)."""

from __future__ import annotations

import json
import re
import threading

import pytest

from fab_static.aws import s3_requests
from fab_static.errors import CdnError, DeployLockedError, FabStaticError, ManifestError
from fab_static.phases.run import bucket_lock as module
from fab_static.phases.run.bucket_lock import BucketLock
from fab_static.plan.bucket_lock import LOCK
from fab_static.plan.inventory import S3, Environment, Project
from tests.strict_s3 import REGION, Fault, StrictS3

KEY = f"shop/static/{LOCK}"


def lock_of(store: StrictS3, owner: str = "anna@ci1", phase: str = "deploy") -> BucketLock:
    place = S3("shop", "static/", REGION, store.url)
    environment = Environment("production", "shop", "/srv", (), Project("/srv"), origin=place)
    return BucketLock(place, environment, owner, phase)


def taken(store: StrictS3, owner: str = "anna@ci1", phase: str = "deploy") -> BucketLock:
    lock = lock_of(store, owner, phase)
    lock.take()
    return lock


def refused(lock: BucketLock) -> str:
    with pytest.raises(DeployLockedError) as caught:
        lock.take()
    return re.sub(r"process \d+|since \S+ \S+ UTC|\d+ seconds?", "…", str(caught.value))


def test_who_takes_it_stands_there_until_it_is_released(store: StrictS3) -> None:
    lock = taken(store)
    lock.held_at("compress")
    lock.prove()
    found = lock_of(store).holder()
    assert found
    assert (found["owner"], found["phase"], found["dead"]) == (
        "anna@ci1",
        "compress",
        False,
    )
    lock.release()
    assert lock_of(store).holder() is None
    taken(store, "ben@ci2").release()


def test_the_second_is_told_who_is_first_and_does_not_release_it(store: StrictS3) -> None:
    first, second = taken(store, phase="compress"), lock_of(store, "ben@ci2")
    assert refused(second) == (
        "anna@ci1 (…) deploys shop to production …, now at compress, last heard of … ago\n"
        "  where: s3://shop/static/.fab_static/lock.json\n"
        "  mend:  wait for it: --wait 10m. A dead owner's lock expires within a minute. To take it: "
        'fab production unlock --steal --because "…"'
    )
    second.release()
    first.prove()


@pytest.mark.parametrize("is_free", [True, False], ids=["released", "never taken"])
def test_of_two_runners_at_once_one_wins_every_time(store: StrictS3, is_free: bool) -> None:
    """Fifty races; each begins when both have seen that the lock is free."""
    for _ in range(25):
        store.objects.clear()
        if is_free:
            taken(store).release()
        both, won = threading.Barrier(2), []

        def seen(method: str, key: str, both: threading.Barrier = both) -> None:
            if method == "PUT" and both.n_waiting < 2 and not both.broken:
                both.wait(120)
                store.before = lambda method, key: None

        def run(owner: str, won: list[BucketLock] = won) -> None:
            lock = lock_of(store, owner)
            try:
                lock.take()
            except DeployLockedError:
                return
            won.append(lock)

        store.before = seen
        threads = [threading.Thread(target=run, args=(owner,)) for owner in ("anna", "ben")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        (winner,) = won
        winner.prove()
        winner.release()


def test_of_two_thieves_one_wins_and_the_robbed_changes_nothing_more(store: StrictS3) -> None:
    robbed, thief, late = taken(store), lock_of(store, "ben@ci2"), lock_of(store, "carl@ci3")

    def first(method: str, key: str) -> None:
        if method == "PUT":
            store.before = lambda method, key: None
            thief.take(steal=True)

    store.before = first
    with pytest.raises(DeployLockedError, match=r"ben@ci2 .* deploys"):
        late.take(steal=True)
    with pytest.raises(DeployLockedError) as caught:
        robbed.prove()
    assert caught.value.what == "this deploy does not hold the lock any more: ben@ci2 took it"
    robbed.release()
    thief.prove()
    assert thief.took_over
    assert thief.took_over["owner"] == "anna@ci1"


def test_a_dead_owners_lock_is_taken_once_the_stores_clock_says_so(store: StrictS3) -> None:
    taken(store, phase="activate")
    store.ahead_seconds = 50
    assert "last heard of" in refused(lock_of(store, "ben@ci2"))
    store.ahead_seconds = 70
    lock = taken(store, "ben@ci2")
    assert lock.took_over
    assert (lock.took_over["owner"], lock.took_over["phase"]) == (
        "anna@ci1",
        "activate",
    )


def test_a_store_that_does_not_say_when_it_wrote_is_judged_by_the_beats(
    store: StrictS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They carry the store's own time, as its answers gave it."""
    real = module.BucketLock._seen

    def dated(self: BucketLock) -> object:
        seen = real(self)
        return seen and type(seen)(seen.body, seen.etag, store.now(), None)

    monkeypatch.setattr(module.BucketLock, "_seen", dated)
    taken(store)
    refused(lock_of(store, "ben@ci2"))
    store.ahead_seconds = 100
    taken(store, "ben@ci2")


@pytest.mark.parametrize("jump", [3600.0, -3600.0], ids=["ahead", "back"])
def test_an_owner_who_beats_keeps_the_lock_when_the_stores_clock_jumps(
    store: StrictS3, jump: float
) -> None:
    owner = taken(store)
    store.ahead_seconds = jump

    def beat(method: str, key: str) -> None:
        store.before = lambda method, key: None
        owner.prove()

    store.before = beat  # while the other one looks
    refused(lock_of(store, "ben@ci2"))
    owner.prove()


@pytest.mark.parametrize("jump", [86400.0, -86400.0], ids=["ahead", "back"])
def test_our_own_clock_decides_nothing(
    store: StrictS3, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    real = module.time.time
    monkeypatch.setattr(module.time, "time", lambda: real() + jump)
    taken(store)
    refused(lock_of(store, "ben@ci2"))


def test_a_beat_whose_answer_is_lost_loses_no_lock(store: StrictS3) -> None:
    lock = taken(store)
    store.faults.append(Fault("PUT", "lock", after=True))
    lock.prove()
    lock.prove()


def test_taking_it_while_the_answer_is_lost_is_taking_it(store: StrictS3) -> None:
    store.faults.append(Fault("PUT", "lock", after=True))
    taken(store).prove()


def test_a_store_that_is_away_for_a_beat_takes_no_lock_away(store: StrictS3) -> None:
    lock = taken(store)
    store.faults.append(Fault("PUT", "lock", 503, "SlowDown", times=s3_requests.ATTEMPTS))
    with pytest.raises(CdnError, match="SlowDown"):
        lock.prove()
    lock.prove()
    lock.check()


def test_who_has_slept_renews_the_lock_before_anything_else(
    store: StrictS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = taken(store)
    store.objects[KEY].body = json.dumps(
        {**json.loads(store.body(KEY)), "owner": "ben@ci2", "run": "other"}
    ).encode()
    lock.check()  # the last beat was a moment ago
    real = module._clock
    monkeypatch.setattr(module, "_clock", lambda: real() + 3600)
    with pytest.raises(DeployLockedError, match="ben@ci2 took it"):
        lock.check()


def test_a_lock_whose_answer_never_came_is_released(store: StrictS3) -> None:
    """Ctrl-C: nobody knows whether it was taken, and the next one would wait a minute for it."""
    lock = lock_of(store)

    def interrupted(*_: object, **__: object) -> None:
        real(*_, **__)
        raise KeyboardInterrupt

    real, lock._bucket.put = lock._bucket.put, interrupted  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        lock.take()
    assert lock_of(store).holder()
    lock._bucket.put = real  # type: ignore[method-assign]
    lock.release()
    assert lock_of(store).holder() is None


def test_a_store_that_takes_no_notice_of_conditions_is_refused(store: StrictS3) -> None:
    store.knows_conditions = False
    lock = lock_of(store)
    with pytest.raises(CdnError) as caught:
        lock.take()
    assert str(caught.value) == (
        "the store does not know conditional writes and writes anyway; two deploys at once would not see "
        "each other\n"
        "  where: s3://shop/static/\n"
        "  mend:  use a store that knows If-Match and If-None-Match (docs/s3.md); or let the build host keep the "
        "lock and the record, if it lasts: release: {record: host}"
    )
    lock.release()
    assert lock_of(store).holder() is None


def test_a_store_that_refuses_conditions_is_refused_in_its_words(store: StrictS3) -> None:
    store.faults.append(Fault("PUT", "lock", 501, "NotImplemented", message="no If-None-Match"))
    with pytest.raises(CdnError, match="conditional writes: S3 refused PUT: NotImplemented, no If"):
        lock_of(store).take()


def test_who_may_read_alone_can_look_and_hears_which_right_a_deploy_needs(store: StrictS3) -> None:
    taken(store, phase="compress")
    denied = Fault("PUT", "", 403, "AccessDenied", times=99)
    store.faults.append(denied)
    found = lock_of(store).holder()
    assert found
    assert found["phase"] == "compress"
    store.objects.clear()
    with pytest.raises(CdnError) as caught:
        lock_of(store).take()
    assert caught.value.what.startswith("S3 denies PUT (s3:PutObject)")
    assert caught.value.mend.startswith("allow s3:PutObject there")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "the lock in the bucket cannot be read"),
        (b"[]", "the lock in the bucket cannot be read"),
        (b'{"format": 2}', "the lock in the bucket cannot be read"),
        (None, "the bucket's prefix belongs to shop staging, not to shop production"),
    ],
)
def test_what_is_no_lock_of_ours_is_left_alone(
    store: StrictS3, text: bytes | None, what: str
) -> None:
    taken(store).release()
    if text is None:
        text = json.dumps({**json.loads(store.body(KEY)), "environment": "staging"}).encode()
    store.objects[KEY].body = text
    with pytest.raises(ManifestError, match=what):
        lock_of(store).take(steal=True)
    assert store.body(KEY) == text


def test_nothing_of_the_lock_is_left_to_whoever_deletes_it(store: StrictS3) -> None:
    lock = taken(store)
    del store.objects[KEY]
    with pytest.raises(FabStaticError, match="somebody took it"):
        lock.prove()
    lock.release()
    assert KEY not in store.objects
