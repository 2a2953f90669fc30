"""The optimum, against a search that tries everything."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from fab_static.plan.cdn.cover import NEVER, Costs, Covers

# few letters and short names share many beginnings; "!" can be in no name and no prefix, as "~" in paths
texts = st.text("ab!", min_size=1, max_size=5)


def is_single(name):
    return "!" not in name


def allowed(text):
    return text.partition("!")[0]


def least_cost(names, spared, worth, most):
    """Try every name and every prefix for the first name that is not reached yet, and so on."""

    @cache
    def least(left, prefixes):
        if not left:
            return 0
        first = min(left)
        found = [NEVER]
        if is_single(first):
            found.append(worth.item + least(left - {first}, prefixes))
        if prefixes:
            for size in range(len(allowed(first)) + 1):
                prefix = first[:size]
                rest = frozenset(name for name in left if not name.startswith(prefix))
                found.append(worth.item + evicted(prefix) + least(rest, prefixes - 1))
        return min(found)

    def evicted(prefix):
        return worth.needless * sum(name.startswith(prefix) for name in spared)

    return least(frozenset(names), len(names) if most is None else most)


def checked(cover, names, spared, worth):
    """Return what a cover costs, after all that it promises was seen to be so."""
    assert all(is_single(name) and name in names for name in cover.names)
    assert all(allowed(prefix) == prefix for prefix in cover.prefixes)
    for name in names:
        assert name in cover.names or name.startswith(cover.prefixes)
    evicted = [name for name in spared if name.startswith(cover.prefixes)]
    assert cover.needless == len(evicted)
    assert not set(cover.names) & set(spared)
    return worth.item * (len(cover.names) + len(cover.prefixes)) + worth.needless * len(evicted)


worths = st.builds(Costs, item=st.integers(1, 12), needless=st.integers(0, 12))


@settings(max_examples=400)
@given(st.sets(texts, min_size=1, max_size=6), st.sets(texts, max_size=10), worths)
def test_the_cover_is_the_cheapest_there_is_for_each_number_of_prefixes(names, spared, worth):
    spared -= names
    covers = Covers(names, spared, worth, len(names) + 1, is_single, allowed)
    for most in range(len(names) + 1):
        least = least_cost(names, spared, worth, most)
        assert covers.costs[min(most, len(covers.costs) - 1)] >= NEVER or least < NEVER
        if least < NEVER:
            cover = covers.cover(most)
            assert len(cover.prefixes) <= most
            assert checked(cover, names, spared, worth) == least


@settings(max_examples=400)
@given(
    st.sets(texts, min_size=1, max_size=6),
    st.sets(texts, max_size=10),
    worths,
    st.integers(1, 6),
)
def test_fewer_prefixes_than_would_be_best_still_give_the_best_of_so_few(
    names, spared, worth, most
):
    spared -= names
    covers = Covers(names, spared, worth, most, is_single, allowed)
    assert len(covers.costs) <= most + 1
    cover = covers.cover(most)
    assert checked(cover, names, spared, worth) == least_cost(names, spared, worth, most)


@settings(max_examples=400)
@given(st.sets(texts, min_size=1, max_size=6), st.sets(texts, max_size=10), worths)
def test_prefixes_that_are_no_scarcer_than_names_are_taken_wherever_they_pay(names, spared, worth):
    spared -= names
    covers = Covers(names, spared, worth, None, is_single, allowed)
    assert checked(covers.cover(0), names, spared, worth) == least_cost(names, spared, worth, None)
