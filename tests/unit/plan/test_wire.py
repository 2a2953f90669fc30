"""A host is believed about nothing but itself: answers have their shape, or say what is wrong with them (fleet D1)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.host.agent.wire import VERBS
from fab_static.plan import wire

STATE = {
    "current": "20261121T170102Z-11111111",
    "previous": None,
    "releases": ["20261121T170102Z-11111111"],
    "provisional": None,
    "unsettled": False,
    "record": [{"event": "activate"}],
    "journal": {"format": 1},
    "journal_is_ours": True,
    "odd": [],
    "now": 1.5,
}
HOLDER = {
    "owner": "anna@desk",
    "since": 1,
    "phase": "deploy",
    "process": None,
    "silent_seconds": 0.5,
    "abandoned": False,
    "dead": False,
}


def test_the_answer_to_every_verb_has_a_shape():
    """A verb without one would be believed whatever it says: name its shape in plan/wire.py."""
    assert set(wire.ANSWERS) == {*VERBS, "open", "hello"}


def test_a_right_answer_has_no_problem_and_may_say_more():
    assert wire.problem("state", {**STATE, "of a later version": 5}) is None
    assert wire.problem("look_at_lock", {"holder": HOLDER, "now": 1}) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"current": 5}, "current is 5, not text"),
        ({"current": []}, "current is a list, not text"),
        ({"releases": "abc"}, "releases is text, not a list"),
        ({"releases": ["a", None]}, "releases[1] is null, not text"),
        ({"record": [5]}, "record[0] is 5, not an object"),
        ({"journal": []}, "journal is a list, not an object"),
        ({"journal_is_ours": 1}, "journal_is_ours is 1, not true or false"),
        ({"provisional": {}}, "provisional.release is missing"),
        ({"now": "soon"}, "now is text, not a number"),
        ({"now": math.nan}, "now is nan, not a number"),
        ({"now": 1e300}, "now is a number of many digits, not a number"),
        ({"now": 10**18}, "now is 1000000000000000000, not a moment of our age"),
    ],
)
def test_a_wrong_answer_is_told_by_its_place(changes, words):
    assert wire.problem("state", {**STATE, **changes}) == words


@pytest.mark.parametrize("answer", [5, [], "x", None, True, 1.5])
@pytest.mark.parametrize("verb", sorted(wire.ANSWERS))
def test_what_is_no_object_answers_nothing(verb, answer):
    assert (wire.problem(verb, answer) or "").endswith(", not an object")


@pytest.mark.parametrize("key", sorted(STATE))
def test_a_key_that_is_missing_is_named(key):
    answer = {name: value for name, value in STATE.items() if name != key}
    assert wire.problem("state", answer) == f"{key} is missing"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(sorted(wire.ANSWERS)), json_values, st.data())
def test_whatever_json_an_answer_is_it_is_judged(verb, value, data):
    """Never an exception: it would stop what is on its way back on other hosts."""
    keys = list(wire.ANSWERS[verb].__annotations__)
    told = wire.problem(
        verb, dict.fromkeys(keys, value) if keys and data.draw(st.booleans()) else value
    )
    assert told is None or isinstance(told, str)


def test_a_body_comes_only_where_a_verb_has_one():
    assert wire.body_limit("state", 1000) == 0
    assert wire.body_limit("missing", 80) == 80
    assert wire.body_limit("read_object", 0) == 256 * 1024 * 1024
