"""Under which queries caches may hold a file."""

from fab_static.plan.cdn.queries import ANY_QUERY, united


def test_what_two_flips_left_behind_is_forgotten_under_every_query_of_either():
    one = {"a.js": frozenset({"version=1"}), "b.png": ANY_QUERY}
    two = {"a.js": frozenset({"version=2"}), "b.png": frozenset({""}), "c.png": frozenset({""})}
    assert united(one, two) == {
        "a.js": {"version=1", "version=2"},
        "b.png": ANY_QUERY,
        "c.png": {""},
    }
    assert united() == {}
