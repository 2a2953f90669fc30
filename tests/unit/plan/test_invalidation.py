import re
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.plan.invalidation import MAX_WILDCARDS, Invalidation, to_invalidate

names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=10
).filter(lambda part: part not in {".", ".."})


def asked(*changed, static_url="/static/"):
    return to_invalidate(changed, static_url).paths


def reached(*changed, static_url="/static/"):
    """Return what is asked without the wildcards at the end: how names are written is one question."""
    return tuple(path.rstrip("*") for path in asked(*changed, static_url=static_url))


def forgets(pattern, url):
    """Tell whether CloudFront forgets a URL for a path: a `*` counts at the end alone."""
    return url.startswith(pattern[:-1]) if pattern.endswith("*") else url == pattern


def test_each_changed_path_is_named_exactly_once_in_order():
    assert reached("img/b.png", "img/a.png", "img/a.png") == (
        "/static/img/a.png",
        "/static/img/b.png",
    )


def test_nothing_changed_asks_for_nothing():
    assert asked() == ()


@pytest.mark.parametrize(
    ("static_url", "expected"),
    [
        ("/static/", "/static/a.png"),
        ("static/", "/static/a.png"),
        ("/", "/a.png"),
        ("https://d111111abcdef8.cloudfront.net/static/", "/static/a.png"),
        ("https://d111111abcdef8.cloudfront.net/", "/a.png"),
        ("https://d111111abcdef8.cloudfront.net", "/a.png"),
        ("//cdn.example.com/a/b/", "/a/b/a.png"),
    ],
)
def test_paths_begin_with_the_path_of_static_url_and_never_its_host(static_url, expected):
    assert reached("a.png", static_url=static_url) == (expected,)


def test_a_static_url_that_is_encoded_already_is_not_encoded_again():
    """STATIC_URL is a URL: browsers ask for /st%C3%A4tic/a.png, and /st%25C3%25A4tic/ is nothing."""
    assert reached("a.png", static_url="/st%C3%A4tic/") == ("/st%C3%A4tic/a.png",)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("img/tea bowl.svg", "/static/img/tea%20bowl.svg"),
        ("img/Küchenkrug.svg", "/static/img/K%C3%BCchenkrug.svg"),
        ("it's.png", "/static/it%27s.png"),
        ("100%.png", "/static/100%25.png"),
        ("a?b#c.png", "/static/a%3Fb%23c.png"),
        ("icon@2x.png", "/static/icon@2x.png"),
        ("a*b.png", "/static/a*b.png"),  # not at the end, so literal
        ("a*b~.png", "/static/a*b"),  # a literal one stays as browsers send it
        ("img/~draft.png", "/static/img/"),  # no path with ~ ever matches
        ("ends*", "/static/ends"),
    ],
)
def test_names_are_encoded_as_cloudfront_wants_them(path, expected):
    assert reached(path) == (expected,)


@pytest.mark.parametrize("path", ["\udcff.png", "\udcff~.png", "\udcff*", "a/\udce9~x/b.png"])
def test_a_name_that_is_no_unicode_is_reached_by_its_bytes(path):
    """A file named in Latin-1 on the build host must not end the deploy after the flip."""
    (asked_for,) = asked(path)
    url = quote(b"/static/" + path.encode("utf-8", "surrogateescape"), safe="/~*")
    assert forgets(asked_for, url)


def test_what_a_wildcard_covers_is_not_paid_again():
    assert reached("a/~x.png", "a/b.png", "c.png", "a/c/~.png") == ("/static/a/", "/static/c.png")


@pytest.mark.parametrize("query", ["?v=4.7.0", "?version=1a2b3c4", "?"])
def test_query_variants_of_an_unversioned_url_are_forgotten_too(query):
    """DESIGN §8. Font Awesome's CSS says url(fontawesome.woff?v=4.7.0); an exact path leaves it cached."""
    url = "/static/fonts/fontawesome.woff"
    paths = asked("fonts/fontawesome.woff")
    assert any(forgets(path, url) for path in paths)
    assert any(forgets(path, url + query) for path in paths)


def test_as_many_wildcards_as_cloudfront_takes_at_once_stay_apart():
    names = [f"img/{n:02}.png" for n in range(MAX_WILDCARDS)]
    assert asked(*names) == tuple(f"/static/{name}*" for name in names)


def test_more_of_them_become_their_folders():
    many = [f"img/{n}.png" for n in range(MAX_WILDCARDS + 1)]
    assert asked(*many, "css/a/b.png") == ("/static/css/*", "/static/img/*")
    scattered = [f"{n}/{n}/{n}.png" for n in range(MAX_WILDCARDS + 1)]
    assert asked(*scattered) == ("/static/*",)
    few = [f"{n % 3}/{n}/{n}.png" for n in range(MAX_WILDCARDS + 1)]
    assert asked(*few) == ("/static/0/*", "/static/1/*", "/static/2/*")


@pytest.mark.parametrize(("count", "price"), [(0, 0), (1, 0.005), (3, 0.015), (3000, 15.0)])
def test_the_price_is_half_a_cent_a_path(count, price):
    assert Invalidation(tuple(f"/{n}" for n in range(count))).price_usd == price


@given(st.lists(st.lists(names, min_size=1, max_size=3).map("/".join), max_size=8))
def test_every_changed_url_is_forgotten_by_what_is_asked(changed):
    paths = asked(*changed)
    assert len(paths) <= len(set(changed)) * 2
    for path in paths:
        assert re.fullmatch(r"/[A-Za-z0-9/\-._!$&()+,;=:@*%?]*", path), "only what CloudFront takes"
        assert "~" not in path
        unquote(path, errors="strict")
    for name in changed:
        url = "/static/" + quote(name, safe="/-._!$&()+,;=:@*~")
        assert any(forgets(path, url) for path in paths), (name, paths)
