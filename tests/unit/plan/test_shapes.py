"""The quick test of a value's shape, and the slow one that has the words: they must agree."""

from typing import Annotated, Any, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.plan.wire import shapes
from fab_static.plan.wire.kept import Listing
from fab_static.plan.wire.shapes import MOST, Moment, misshapen


class Host(TypedDict):
    """A shape with all kinds of keys."""

    name: str
    size: int
    at: Moment
    is_live: bool
    files: dict[str, tuple[str, int, str]]
    places: list[int | None]
    note: NotRequired[Annotated[str, "words"]]


KEYS = st.sampled_from([*Host.__annotations__, *Listing.__annotations__, "a.css"])
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(MOST), st.floats(allow_nan=True), st.text()
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=7)
)
SHAPES = [Host, Listing, str, int, float, bool, list[str], dict[str, int], tuple[str, int], Any]
SHAPES += [tuple[str, list[int]], dict[str, tuple[str, int] | None]]
HOST = {
    "name": "edge1",
    "size": 1,
    "at": 1.5,
    "is_live": True,
    "files": {"a.css": ["ab", 2, "cd"]},
    "places": [1, None],
}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@given(value=VALUES | st.fixed_dictionaries({key: VALUES | st.just(HOST[key]) for key in HOST}))
def test_what_the_quick_test_lets_pass_has_no_problem(shape, value):
    assert misshapen(shape, value) == shapes._problem(shape, value, "")


def test_a_value_of_its_shape_is_looked_at_once(monkeypatch):
    """A listing of 4,000 files took a third of a second, eleven times in a build."""
    monkeypatch.setattr(shapes, "_problem_of_keys", lambda *_: pytest.fail("looked at again"))
    files = {f"{number}.css": ["ab", number, "cd"] for number in range(100)}
    assert misshapen(Listing, {"files": files, "extra": {}}) is None
