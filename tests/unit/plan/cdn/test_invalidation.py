import re
from functools import cache
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fab_static.plan.cdn.cache_tags import tag_of, tags_of
from fab_static.plan.cdn.invalidation import (
    MAX_PATHS,
    MAX_WILDCARDS,
    Invalidation,
    Quota,
    Worth,
    to_invalidate,
)
from fab_static.plan.cdn.invalidation_path import allowed_prefix, is_nameable
from fab_static.plan.cdn.queries import ANY_QUERY, PLAIN

names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=10
).filter(lambda part: part not in {".", ".."})


def asked(*changed, queries=ANY_QUERY, cached=(), static_url="/static/", **options):
    """Return what is asked, when caches hold `cached` besides what changed."""
    held = dict.fromkeys((*cached, *changed), PLAIN)
    return to_invalidate(dict.fromkeys(changed, queries), held, static_url, **options)


def forgets(pattern, url):
    """Tell whether CloudFront forgets a URL for a path: a `*` counts at the end alone."""
    return url.startswith(pattern[:-1]) if pattern.endswith("*") else url == pattern


def test_nothing_changed_asks_for_nothing():
    assert asked(cached=["a.png"]) == Invalidation()
    assert asked(cached=["a.png"], tags=True) == Invalidation()


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
        # a URL is encoded already: browsers ask for /st%C3%A4tic/, and /st%25C3%25A4tic/ is nothing
        ("/st%C3%A4tic/", "/st%C3%A4tic/a.png"),
    ],
)
def test_paths_begin_with_the_path_of_static_url_and_never_its_host(static_url, expected):
    assert asked("a.png", queries=PLAIN, static_url=static_url).paths == (expected,)


# ---- which form


def test_a_file_that_is_cached_without_a_query_alone_is_one_exact_path():
    """Its neighbours that begin alike stay: a.js* would take them along."""
    near = ["a.js.map", "a.json"]
    assert asked("a.js", queries=PLAIN, cached=near) == Invalidation((("/static/a.js",),))


def test_known_query_variants_are_named_exactly():
    queries = frozenset({"", "version=1a2b3c4"})
    near = [f"a.js{n}" for n in range(11)]
    assert asked("a.js", queries=queries, cached=near).paths == (
        "/static/a.js",
        "/static/a.js?version=1a2b3c4",
    )


def test_unknown_query_variants_go_with_one_wildcard():
    assert asked("a.png", cached=["b.png"]) == Invalidation((("/static/a.png*",),))


def test_unknown_query_variants_go_apart_where_many_files_begin_alike():
    """Three evictions are worth one path."""
    near = [f"a.js.{n}.map" for n in range(4)]
    assert asked("a.js", cached=near) == Invalidation((("/static/a.js", "/static/a.js?*"),))
    assert asked("a.js", cached=near[:2]) == Invalidation((("/static/a.js*",),), needless=2)


@pytest.mark.parametrize("query", ["?v=4.7.0", "?version=1a2b3c4", "?3f9c1a7b2d4e", "?"])
@pytest.mark.parametrize("neighbours", [0, 20])
def test_every_query_variant_of_an_unversioned_url_is_forgotten(query, neighbours):
    """DESIGN §8. Font Awesome's CSS says url(fontawesome.woff?v=4.7.0); an exact path leaves it cached."""
    url = "/static/fonts/fontawesome.woff"
    near = [f"fonts/fontawesome.woff{n}" for n in range(neighbours)]
    paths = asked("fonts/fontawesome.woff", cached=near).paths
    assert any(forgets(path, url) for path in paths)
    assert any(forgets(path, url + query) for path in paths)


def test_a_whole_folder_that_changed_is_one_path():
    many = [f"tinymce/skins/{n}.css" for n in range(1132)]
    kept = [f"other/{n}.css" for n in range(1000)]
    assert asked(*many, queries=PLAIN, cached=kept) == Invalidation((("/static/tinymce/skins/*",),))


def test_forty_scattered_changes_cost_forty_paths_and_evict_next_to_nothing():
    tree = [
        f"{a}/{b}/{c}/file{d}.png" for a in "abcdef" for b in "gh" for c in "kl" for d in range(96)
    ]
    plan = asked(*tree[:: len(tree) // 40][:40], queries=PLAIN, cached=tree)
    assert plan.needless <= 3
    assert 30 < len(plan.paths) <= 40


def test_what_must_go_anyway_is_not_counted_as_needless():
    plan = to_invalidate(
        {"a.js": ANY_QUERY}, {"a.js": frozenset({"", "version=1a2b3c4"})}, "/static/"
    )
    assert plan == Invalidation((("/static/a.js*",),), needless=0)


# ---- how names are written


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("img/tea bowl.svg", "/static/img/tea%20bowl.svg"),
        ("img/Küchenkrug.svg", "/static/img/K%C3%BCchenkrug.svg"),
        ("100%.png", "/static/100%25.png"),
        ("a?b#c.png", "/static/a%3Fb%23c.png"),
        ("a*b.png", "/static/a*b.png"),  # not at the end, so literal
        ("it's.png", "/static/it*"),  # "'" is refused raw, and as %27 browsers do not ask for it
        ("a*b~.png", "/static/a*b*"),  # a literal one stays as browsers send it
        ("img/~draft.png", "/static/img/*"),  # no path with ~ ever matches
        ("ends*", "/static/ends*"),
    ],
)
def test_names_are_encoded_as_cloudfront_wants_them(path, expected):
    assert asked(path, queries=PLAIN).paths == (expected,)


def test_a_name_that_css_and_django_print_in_two_ways_goes_in_both():
    """CSS says icon@2x.png, filepath_to_uri icon%402x.png: two URLs to a cache (RFC 3986, 6.2.2)."""
    near = [f"icon{n}.png" for n in range(20)]
    assert asked("icon@2x.png", queries=PLAIN, cached=near).paths == (
        "/static/icon%402x.png",
        "/static/icon@2x.png",
    )


@pytest.mark.parametrize("path", ["\udcff.png", "\udcff~.png", "\udcff*", "a/\udce9~x/b.png"])
def test_a_name_that_is_no_unicode_is_reached_by_its_bytes(path):
    """A file named in Latin-1 on the build host must not end the deploy after the flip."""
    (asked_for,) = asked(path).paths
    url = quote(b"/static/" + path.encode("utf-8", "surrogateescape"), safe="/~*")
    assert forgets(asked_for, url)


@given(
    st.lists(st.lists(names, min_size=1, max_size=3).map("/".join), max_size=8),
    st.sampled_from([ANY_QUERY, PLAIN]),
)
def test_every_changed_url_is_forgotten_by_what_is_asked(changed, queries):
    paths = asked(*changed, queries=queries).paths
    for path in paths:
        assert re.fullmatch(r"/([A-Za-z0-9/$\-_.+!*(),;:@&=]|%[0-9A-F]{2})*(\?\*)?", path)
    for name in changed:
        css, django = quote(name, safe="/$-_.+!*'(),;:@&=~"), quote(name, safe="/~!*()'")
        for url in {f"/static/{css}", f"/static/{django}"}:
            for variant in {"", "?v=4.7.0"} if queries is None else {""}:
                assert any(forgets(path, url + variant) for path in paths), (name, paths)


# ---- quotas


def test_more_wildcards_than_at_once_are_asked_for_in_turn_when_that_evicts_much_less():
    tree = [f"{n}/{m}.png" for n in range(40) for m in range(60)]
    plan = asked(*tree[::60], cached=tree)
    assert [len(batch) for batch in plan.batches] == [15, 15, 10]
    assert plan.needless == 0


def test_who_does_not_wait_gets_them_in_one_batch():
    tree = [f"{n}/{m}.png" for n in range(40) for m in range(60)]
    (batch,) = asked(*tree[::60], cached=tree, most_batches=1).batches
    assert len(batch) <= MAX_WILDCARDS


def test_a_few_evictions_are_cheaper_than_another_batch():
    tree = [f"{n:02}/{m}.png" for n in range(16) for m in (1, 2)]
    (batch,) = asked(*tree[::2], cached=tree).batches
    assert len(batch) <= MAX_WILDCARDS


def test_the_first_batch_fits_beside_what_others_have_in_progress():
    tree = [f"{n}/{m}.png" for n in range(40) for m in range(60)]
    quota = Quota(wildcards_in_progress=10, paths_in_progress=2990)
    plan = asked(*tree[::60], cached=tree, quota=quota)
    assert [len(batch) for batch in plan.batches] == [5, 15, 15, 5]
    plan = asked(*tree[::60], queries=PLAIN, cached=tree, quota=quota)
    assert [len(batch) for batch in plan.batches] == [10, 30]


def test_when_others_leave_no_room_wildcards_are_asked_for_when_there_is_some():
    quota = Quota(wildcards_in_progress=15)
    assert asked("a.png", quota=quota) == Invalidation((("/static/a.png*",),))
    assert asked("a.png", quota=quota, most_batches=1).paths == ("/static/a.png*",)


def test_more_exact_paths_than_at_once_are_asked_for_in_turn():
    tree = [f"{n}/{m}.png" for n in range(100) for m in range(100)]
    changed = [path for n, path in enumerate(tree) if n % 2]
    plan = asked(*changed, queries=PLAIN, cached=tree, worth=Worth(needless=1.0, most_paths=9999))
    assert [len(batch) for batch in plan.batches] == [MAX_PATHS, 2000]
    assert plan.needless == 0
    assert set(plan.paths) == {f"/static/{path}" for path in changed}


@pytest.mark.parametrize("tags", [False, True])
def test_no_deploy_costs_more_paths_than_cloudfront_takes_at_once(tags):
    """Half of 10,000 files changed, here and there: $25, or a cache that fills anew."""
    tree = [f"{n}/{m}.png" for n in range(100) for m in range(100)]
    changed = [path for n, path in enumerate(tree) if n % 2]
    plan = asked(*changed, queries=PLAIN, cached=tree, tags=tags)
    assert 0 < len(plan.paths) <= MAX_PATHS


letters = st.text("ab~*%é@/", min_size=1, max_size=4)
some_queries = st.sampled_from([ANY_QUERY, PLAIN, frozenset({"", "version=1"})])


@settings(max_examples=500)
@given(
    st.dictionaries(letters, some_queries, min_size=1, max_size=4),
    st.dictionaries(letters, st.sampled_from([PLAIN, frozenset({"version=1"})]), max_size=8),
    st.builds(Quota, wildcards=st.integers(1, 3), wildcards_in_progress=st.integers(0, 3)),
    st.builds(Worth, path=st.just(5), needless=st.integers(0, 12), batch=st.integers(0, 20)),
    st.integers(1, 3),
)
def test_no_other_paths_would_cost_less(changed, cached, quota, worth, most_batches):
    """Price, needless evictions and waiting together, against a search that tries everything."""
    plan = to_invalidate(
        changed, cached, "/s/", quota=quota, worth=worth, most_batches=most_batches
    )
    urls = frozenset(
        f"/s/{spelled}{variant}"
        for path, queries in changed.items()
        for spelled in {quote(path, safe="/*~@"), quote(path, safe="/*~")}
        for variant in (("", "?*") if queries is None else (q and f"?{q}" for q in queries))
    )
    spared = {
        f"/s/{spelled}{q and f'?{q}'}"
        for path, queries in cached.items()
        if not (path in changed and changed[path] is None)
        for spelled in {quote(path, safe="/*~@"), quote(path, safe="/*~")}
        for q in queries
    } - urls
    most = max(1, quota.free_wildcards + quota.wildcards * (most_batches - 1))

    def waits(wildcards):
        return -(-max(0, wildcards - quota.free_wildcards) // quota.wildcards)

    @cache
    def least(left, wildcards):
        if not left:
            return worth.batch * waits(wildcards)
        first = min(left)
        found = [10**9]
        text = first.removesuffix("*") if first.endswith("?*") else first
        if is_nameable(text) and text == first:
            found.append(worth.path + least(left - {first}, wildcards))
        if wildcards < most:
            for size in range(len("/s/"), len(text) + 1):
                prefix = text[:size]
                if allowed_prefix(prefix) == prefix:
                    rest = frozenset(url for url in left if not url.startswith(prefix))
                    evicted = sum(url.startswith(prefix) for url in spared)
                    found.append(worth.path + worth.needless * evicted + least(rest, wildcards + 1))
        return min(found)

    starred = [path for path in plan.paths if path.endswith("*")]
    assert plan.needless == len(
        {url for url in spared for path in plan.paths if forgets(path, url)}
    )
    assert all(any(forgets(path, url) for path in plan.paths) for url in urls)
    assert all(sum(it.endswith("*") for it in batch) <= quota.wildcards for batch in plan.batches)
    spent = worth.path * len(plan.paths) + worth.needless * plan.needless
    assert spent + worth.batch * waits(len(starred)) == least(urls, 0)


# ---- tags


def test_with_tags_a_changed_file_is_one_item_however_many_variants_it_has():
    plan = asked("a.js", "b's ~.png", cached=["a.js.map", "c.png", "d.png", "e.png"], tags=True)
    assert plan.needless == 0
    assert set(plan.paths) == {"#" + tag_of("a.js"), "#" + tag_of("b's ~.png")}


def test_with_tags_a_changed_folder_is_one_item():
    changed = [f"img/icons/{n}.png" for n in range(30)]
    plan = asked(*changed, cached=["img/a.png", "img/icons.css"], tags=True)
    assert plan == Invalidation(((f"#{tag_of('img/icons/')}",),))


def test_with_tags_wildcards_are_no_bottleneck():
    tree = [f"{n}/{m}.png" for n in range(40) for m in range(60)]
    changed = [path for path in tree if path.startswith(("1", "2"))]
    plan = asked(*changed, cached=tree, tags=True, quota=Quota(wildcards_in_progress=15))
    assert len(plan.batches) == 1
    assert plan.needless == 0
    assert set(plan.paths) == {f"#{tag_of(f'{n}/')}" for n in range(40) if str(n)[0] in "12"}


@settings(max_examples=400)
@given(
    st.sets(st.text("ab/", max_size=4).map("{}.".format), min_size=1, max_size=5),
    st.sets(st.text("ab/", max_size=4).map("{}.".format), max_size=8),
)
def test_tags_reach_every_changed_file_at_the_least_cost(changed, others):
    worth = Worth(path=3, needless=1)
    plan = asked(*changed, cached=sorted(others), tags=True, worth=worth)
    tags = {tag.removeprefix("#") for tag in plan.paths}
    assert all(tags & set(tags_of(path)) for path in changed)
    assert plan.needless == sum(bool(tags & set(tags_of(path))) for path in others - changed)

    @cache
    def least(left):
        if not left:
            return 0
        found = []
        for tag in tags_of(min(left)):
            rest = frozenset(path for path in left if tag not in tags_of(path))
            found.append(3 + sum(tag in tags_of(path) for path in others - changed) + least(rest))
        return min(found)

    assert 3 * len(plan.paths) + plan.needless == least(frozenset(changed))


# ---- price


@pytest.mark.parametrize(("count", "price"), [(0, 0), (1, 0.005), (3, 0.015), (3000, 15.0)])
def test_the_price_is_half_a_cent_a_path_over_all_batches(count, price):
    paths = tuple(f"/{n}" for n in range(count))
    assert Invalidation((paths[:1], paths[1:])).price_usd == price
