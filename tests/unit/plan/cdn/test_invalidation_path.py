"""CloudFront's own grammar, and what browsers ask for, over every character there is."""

import re
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.plan.cdn.invalidation_path import (
    MAX_LENGTH,
    allowed_prefix,
    is_nameable,
    query,
    spellings,
)

# all of Unicode, and twice as often what RFC 3986 and RFC 1738 speak of
letters = st.one_of(
    st.sampled_from("az09-._~:/?#[]@!$&'()*+,;=%<>\"{}|\\^` "),
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
)
paths = st.text(letters, min_size=1, max_size=20)
# RFC 1738, 2.2 and 5: what may stand in a path as it is; `~` and `'` are CloudFront's own exceptions
ACCEPTED = re.compile(r"/([A-Za-z0-9/$\-_.+!*(),;:@&=]|%[0-9A-F]{2})*(\?.*)?")


@given(paths)
def test_every_spelling_means_the_same_bytes(path):
    for spelled in spellings(path):
        assert spelled.isascii()
        assert unquote_to_bytes(spelled) == path.encode()


@given(paths)
def test_the_urls_that_stylesheets_and_django_print_are_among_the_spellings(path):
    assert quote(path, safe="/$-_.+!*'(),;:@&=~") in spellings(path)
    assert quote(path, safe="/~!*()'") in spellings(path)  # django.utils.encoding.filepath_to_uri


@given(paths)
def test_what_can_be_named_is_in_cloudfronts_grammar(path):
    for spelled in spellings(path):
        assert is_nameable("/" + spelled) == (
            not re.search(r"[~']|\*\Z", path) and bool(ACCEPTED.fullmatch("/" + spelled))
        )


@given(paths, st.integers(0, 60))
def test_a_wildcard_is_in_cloudfronts_grammar_and_cuts_no_character(path, size):
    for spelled in spellings(path):
        text = ("/" + spelled)[:size] or "/"
        prefix = allowed_prefix(text)
        assert text.startswith(prefix)
        assert prefix.startswith("/")
        assert ACCEPTED.fullmatch(prefix + "*")
        assert not prefix.endswith("*")
        unquote_to_bytes(prefix).decode()  # no character is cut
        assert allowed_prefix(prefix) == prefix


@given(paths)
def test_a_wildcard_for_a_name_without_traps_is_all_of_the_name(path):
    if not re.search(r"[~']|\*\Z", path):
        for spelled in spellings(path):
            assert allowed_prefix("/" + spelled) == "/" + spelled


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("/a/~b", "/a/"),
        ("/a/it's", "/a/it"),
        ("/a**", "/a"),
        ("/a*b", "/a*b"),
        ("/%", "/"),
        ("/%2", "/"),
        ("/%20", "/%20"),
        ("/%C3", "/"),
        ("/%C3%", "/"),
        ("/%C3%A4", "/%C3%A4"),
        ("/%E2%82", "/"),
        ("/%F0%9F%98", "/"),
        ("/%F0%9F%98%80", "/%F0%9F%98%80"),
        ("/a*%2", "/a"),
        ("/a?", "/a?"),
        ("/a?version=1", "/a?"),
        ("/a*?v", "/a*?"),
        ("/" + "a" * 5000, "/" + "a" * (MAX_LENGTH - 2)),
    ],
)
def test_a_wildcard_ends_where_cloudfront_would_misread_it(text, prefix):
    assert allowed_prefix(text) == prefix


def test_a_path_is_no_longer_than_cloudfront_takes():
    assert is_nameable("/" + "a" * (MAX_LENGTH - 1))
    assert not is_nameable("/" + "a" * MAX_LENGTH)


def test_a_query_stands_as_it_was_printed():
    assert query("version=1a2b3c4") == "version=1a2b3c4"
    assert query("v=1&w=%20x y") == "v=1&w=%20x%20y"


def test_a_name_that_is_no_unicode_is_spelled_by_its_bytes():
    assert spellings("\udcff.png") == ("%FF.png",)
