"""A text as its difference to another: small where little differs, and exact whatever the two are."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.host.agent.differences import patched
from fab_static.host.agent.differing import difference

MOST = 1 << 20
# words that repeat, as those of two seals do
WORDS = st.lists(st.sampled_from([b'"size":1', b'"sha256":"ab"', b"{", b"", b"1 2\n"]), max_size=40)


@given(WORDS, WORDS)
def test_a_difference_makes_the_text_of_the_base(base, text):
    one, other = b",".join(base), b",".join(text)
    assert patched(one, difference(one, other), MOST) == other


@given(st.binary(), st.binary())
def test_it_does_so_for_any_bytes(base, text):
    assert patched(base, difference(base, text), MOST) == text


def test_one_file_of_many_that_changed_takes_a_few_bytes():
    base = b",".join(b'"js/%d.js":{"sha256":"%064d","size":%d}' % (n, n, n) for n in range(2000))
    text = base.replace(b"%064d" % 700, b"f" * 64).replace(b"%064d" % 1500, b"e" * 64)
    assert len(difference(base, text)) < 200 < len(base) / 100


@pytest.mark.parametrize(
    "told", [b"", b"x", b"3\nabc", b"3\n3\nab", b"9\n1\nx", b"1\n0 5\n", b"1\n-1 1\n"]
)
def test_what_is_no_difference_is_refused(told):
    with pytest.raises(ValueError):  # noqa: PT011 - of several kinds
        patched(b"base", zlib.compress(told), MOST)


def test_it_makes_no_more_than_it_may():
    with pytest.raises(ValueError):  # noqa: PT011 - of several kinds
        patched(b"a" * 100, zlib.compress(b"1000\n" + b"0 100\n" * 10), 500)
