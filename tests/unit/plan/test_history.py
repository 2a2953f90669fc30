"""Which release a rollback goes back to, and which may go."""

from hypothesis import given
from hypothesis import strategies as st

from fab_static.plan.history import Activation, bad, goes_back, previous, to_prune

ID = "20261122T170102Z-3f9c1a7b"
A, B, C, D = (f"2026112{day}T170102Z-0000000{day}" for day in range(1, 5))


def lived(*activations):
    """Return a record: each release live for 100 seconds; (X, Y) is a rollback to X that put Y out."""
    return [
        Activation(one, at * 100.0)
        if isinstance(one, str)
        else Activation(one[0], at * 100.0, one[1])
        for at, one in enumerate(activations)
    ]


def test_previous_is_what_was_live_before():
    assert previous(lived(A, B, C), C, [A, B, C]) == B


def test_previous_passes_over_releases_that_are_gone():
    assert previous(lived(A, B, C), C, [A, C]) == A
    assert previous(lived(A, B, C), C, [C]) is None


def test_previous_passes_over_a_release_that_a_rollback_put_out_of_service():
    record = lived(A, B, (A, B), C)
    assert bad(record) == {B}
    assert previous(record, C, [A, B, C]) == A


def test_a_rollback_of_a_rollback_goes_further_back_never_forth():
    record = lived(A, B, C, (B, C))
    assert previous(record, B, [A, B, C]) == A
    record = [*record, Activation(A, 900.0, B)]
    assert bad(record) == {B, C}
    assert previous(record, A, [A, B, C]) is None


def test_a_release_that_was_made_live_again_is_bad_no_more():
    record = lived(A, B, (A, B), B, C)
    assert bad(record) == set()
    assert previous(record, C, [A, B, C]) == B


def test_previous_of_the_first_release_is_none():
    assert previous(lived(A), A, [A]) is None
    assert previous([], A, [A]) is None


def test_previous_is_never_the_live_one_itself():
    assert previous(lived(A, A, A), A, [A]) is None


ids = st.integers(0, 30).map(lambda n: f"20261122T1701{n:02}Z-{n:08x}")


@st.composite
def records(draw):
    """A record as operators make it: deploys of what is there, and rollbacks from the live release."""
    record, at = [], 0.0
    for name in draw(st.lists(ids, max_size=12)):
        at += draw(st.floats(1, 1e6))
        live = record[-1].release if record else None
        record.append(Activation(name, at, live if live and name < live else None))
    return record


@given(records(), st.sets(ids))
def test_previous_was_live_is_there_is_not_bad_and_not_the_live_one(record, there):
    live = record[-1].release if record else ID
    found = previous(record, live, there)
    if found is not None:
        assert found in there - {live} - bad(record)
        assert found in {activation.release for activation in record}


# ---- what may go


def pruned(there, record, live, *, keep=1, keep_for=0.0, now=10_000.0):
    return to_prune(there, record, live=live, keep=keep, keep_for_seconds=keep_for, now=now)


def test_going_back_is_by_record_even_where_a_promoted_release_is_older_than_what_it_replaced():
    """Else a second rollback would make live again what the first one put out of service."""
    newer, promoted = "20261122T120000Z-00000000", "20261122T110000Z-00000000"
    record = [Activation(newer, 1), Activation(promoted, 2)]
    assert goes_back(record, promoted, newer)
    assert not goes_back(record, promoted, promoted)
    after = [*record, Activation(newer, 3, rolled_back=promoted)]
    assert previous(after, newer, {newer, promoted}) is None
    assert not goes_back(after, newer, promoted)  # forth again, by name


def test_of_a_release_that_was_never_live_the_id_says_whether_it_is_older():
    record = [Activation("20261122T120000Z-00000000", 1)]
    assert goes_back(record, record[0].release, "20261122T110000Z-00000000")
    assert not goes_back(record, record[0].release, "20261122T130000Z-00000000")


def test_prune_keeps_the_live_release_even_when_it_is_the_oldest():
    assert pruned([A, B, C], lived(A, B, C, A), A) == [B]


def test_prune_keeps_a_release_that_a_rollback_marked_bad():
    """Somebody will want to see what was wrong with it."""
    assert pruned([A, B], lived(A, B, (A, B)), A) == []


def test_prune_keeps_the_one_before_the_live_one():
    """Else there is nothing to roll back to."""
    assert pruned([A, B, C, D], lived(A, B, C, D), D) == [A, B]


def test_prune_keeps_the_last_few_that_were_once_live():
    assert pruned([A, B, C, D], lived(A, B, C, D), D, keep=3) == [A]
    assert pruned([A, B, C, D], lived(A, B, C, D), D, keep=4) == []


def test_prune_keeps_what_was_live_within_keep_for():
    """A page that was loaded then still asks for its files."""
    record = lived(A, B, C, D)  # A until 100, B until 200, C until 300
    assert pruned([A, B, C, D], record, D, keep_for=9850.0) == [A]
    assert pruned([A, B, C, D], record, D, keep_for=9950.0) == []


def test_prune_counts_keep_for_from_the_end_of_being_live():
    record = [Activation(A, 0), Activation(B, 9_000), Activation(C, 9_100), Activation(D, 9_200)]
    assert pruned([A, B, C, D], record, D, keep_for=1500.0) == []


def test_prune_removes_what_was_never_live_once_something_newer_is():
    assert pruned([A, B, C], lived(A, C), C) == [B]


def test_prune_keeps_what_is_prepared_and_not_yet_live():
    assert pruned([A, B], lived(A), A) == []
    assert pruned([A, B], [], None) == []


@given(
    st.sets(ids),
    records(),
    st.integers(1, 6),
    st.floats(0, 1e7),
    st.booleans(),
)
def test_prune_never_takes_the_live_the_previous_or_the_recent(
    there, record, keep, keep_for, agreed
):
    live = record[-1].release if record and agreed else None
    now = (record[-1].at if record else 0.0) + 1000.0
    gone = pruned(there, record, live, keep=keep, keep_for=keep_for, now=now)
    assert gone == sorted(gone)
    assert set(gone) <= there
    assert live not in gone
    if live:
        assert previous(record, live, there) not in gone
    for at, activation in enumerate(record):
        end = record[at + 1].at if at + 1 < len(record) else now
        if now - end < keep_for:
            assert activation.release not in gone
    once_live = {activation.release for activation in record}
    assert len((there - set(gone)) & once_live) >= min(keep, len(there & once_live))
    left = there - set(gone)
    assert pruned(left, record, live, keep=keep, keep_for=keep_for, now=now) == [], "repeatable"


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=120), st.integers(1, 5))
def test_however_often_one_goes_forth_and_back_a_bounded_number_of_releases_stays(steps, keep):
    """Bad ones were never pruned: 15 stayed where 3 were to be kept (fleet D8)."""
    names = [f"20261122T12{n // 60:02}{n % 60:02}Z-00000000" for n in range(61)]
    record = []
    for at, (n, is_back) in enumerate(steps):
        before = record[-1].release if record else None
        wrong = before if is_back and before != names[n] else None
        record.append(Activation(names[n], float(at), rolled_back=wrong))
    live = record[-1].release if record else None
    gone = pruned(names, record, live, keep=keep)
    assert live not in gone
    assert len(names) - len(gone) <= 2 + 2 * keep + max(keep, 5)
