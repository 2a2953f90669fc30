"""A host is believed about nothing but itself: answers have their shape, or say what is wrong with them (fleet D1)."""

import ast
import math
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.host import agent
from fab_static.host.agent.wire import VERBS
from fab_static.plan.wire import verbs

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


def test_both_sides_know_the_same_verbs():
    """A verb without a shape would be believed whatever it says: name it in plan/wire/verbs.py."""
    assert set(verbs.VERBS) == set(VERBS)
    assert set(verbs.ANSWERS) == {*VERBS, "open", "hello"}


FUNCTIONS = {
    function.name: function
    for file in Path(agent.__file__).parent.glob("*.py")
    for function in ast.parse(file.read_text()).body
    if isinstance(function, ast.FunctionDef)
}


def keys_read(name: str, argument: str = "head") -> set[str]:
    """Return the keys that a function of the agent reads of a request; also those that it hands it on to."""
    found = set()
    for node in ast.walk(FUNCTIONS[name]):
        match node:
            case ast.Subscript(ast.Name(id), ast.Constant(str(key))) if id == argument:
                found.add(key)
            case ast.Call(ast.Attribute(ast.Name(id), "get"), [ast.Constant(key), *_]) if (
                id == argument
            ):
                found.add(key)
            case ast.Call(ast.Name(callee), given) if callee in FUNCTIONS and callee != name:
                names = [one.arg for one in FUNCTIONS[callee].args.args]
                for handed, as_name in zip(given, names, strict=False):
                    if isinstance(handed, ast.Name) and handed.id == argument:
                        found |= keys_read(callee, as_name)
    return found


@pytest.mark.parametrize("verb", verbs.VERBS.values(), ids=lambda verb: verb.name)
def test_a_host_reads_of_a_request_what_its_type_names(verb):
    """Else the operator's type checker would let a request pass that the host cannot answer."""
    of_frames = {"pack"} if verb is verbs.STORE else set()  # they come after the request
    assert keys_read(verb.name) - of_frames <= set(get_type_hints(verb.request))


def test_what_a_host_reads_is_found_through_the_functions_that_it_hands_a_request_to():
    assert keys_read("guard") == {"root", "keep", "sources", "written"}


def test_a_right_answer_has_no_problem_and_may_say_more():
    assert verbs.problem("state", {**STATE, "of a later version": 5}) is None
    assert verbs.problem("look_at_lock", {"holder": HOLDER, "now": 1}) is None


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
    assert verbs.problem("state", {**STATE, **changes}) == words


@pytest.mark.parametrize("answer", [5, [], "x", None, True, 1.5])
@pytest.mark.parametrize("verb", sorted(verbs.ANSWERS))
def test_what_is_no_object_answers_nothing(verb, answer):
    assert (verbs.problem(verb, answer) or "").endswith(", not an object")


@pytest.mark.parametrize("key", sorted(STATE))
def test_a_key_that_is_missing_is_named(key):
    answer = {name: value for name, value in STATE.items() if name != key}
    assert verbs.problem("state", answer) == f"{key} is missing"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(sorted(verbs.ANSWERS)), json_values, st.data())
def test_whatever_json_an_answer_is_it_is_judged(verb, value, data):
    """Never an exception: it would stop what is on its way back on other hosts."""
    keys = list(verbs.ANSWERS[verb].__annotations__)
    told = verbs.problem(
        verb, dict.fromkeys(keys, value) if keys and data.draw(st.booleans()) else value
    )
    assert told is None or isinstance(told, str)


def test_a_body_comes_only_where_a_verb_has_one():
    assert verbs.body_limit("state", 1000) == 0
    assert verbs.body_limit("missing", 80) == 80
    assert verbs.body_limit("read_object", 0) == 256 * 1024 * 1024
