import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.plan.cdn.invalidation import to_invalidate
from fab_static.plan.cdn.queries import ANY_QUERY
from fab_static.plan.diff import (
    Diff,
    compare,
    contradictions,
    is_content_named,
    is_versioned,
    narrowed,
    printed_urls,
    to_forget,
    unversioned_changes,
)
from tests.releases import sealed


def test_files_are_added_changed_and_removed():
    old = sealed({"a.js": "1", "b.js": "1", "c.js": "1"})
    new = sealed({"b.js": "2", "c.js": "1", "d.js": "1"})
    assert compare(old, new) == Diff(added=("d.js",), changed=("b.js",), removed=("a.js",))


def test_without_an_old_release_everything_is_added_and_nothing_need_be_forgotten():
    new = sealed({"b.png": "1", "a.png": "1"})
    assert compare(None, new) == Diff(added=("a.png", "b.png"))
    assert unversioned_changes(None, new) == ()


def test_an_image_that_changed_under_its_name_must_be_forgotten():
    old, new = sealed({"logo.png": "1"}), sealed({"logo.png": "2"})
    assert unversioned_changes(old, new) == ("logo.png",)


def test_an_image_with_a_recorded_version_must_be_forgotten_too():
    """CSS names it by url(logo.png), where no version is printed."""
    old = sealed({"logo.png": "1"}, versioned=["logo.png"])
    new = sealed({"logo.png": "2"}, versioned=["logo.png"])
    assert unversioned_changes(old, new) == ("logo.png",)


def test_a_removed_image_must_be_forgotten():
    assert unversioned_changes(sealed({"logo.png": "1"}), sealed({})) == ("logo.png",)


def test_a_new_file_is_in_no_cache():
    assert unversioned_changes(sealed({}), sealed({"logo.png": "1"})) == ()


def test_an_unchanged_file_is_left_alone():
    assert unversioned_changes(sealed({"a.png": "1"}), sealed({"a.png": "1"})) == ()


@pytest.mark.parametrize("ending", [".js", ".mjs", ".css", ".js.map"])
def test_a_versioned_script_or_stylesheet_gets_a_new_query_instead(ending):
    path = "shop/cart" + ending
    old = sealed({path: "1"}, versioned=[path])
    new = sealed({path: "2"}, versioned=[path])
    assert is_versioned(path, old, new)
    assert unversioned_changes(old, new) == ()


def test_a_script_that_only_one_of_the_two_versions_must_be_forgotten():
    """The pages of the other print its URL without a version."""
    plain, versioned = sealed({"a.js": "1"}), sealed({"a.js": "2"}, versioned=["a.js"])
    assert unversioned_changes(plain, versioned) == ("a.js",)
    assert unversioned_changes(versioned, plain) == ("a.js",)


def test_a_versioned_script_that_goes_away_is_left_to_expire():
    assert unversioned_changes(sealed({"a.js": "1"}, versioned=["a.js"]), sealed({})) == ()


def test_a_javascript_catalogue_without_a_version_must_be_forgotten():
    path = "jsi18n/de/djangojs.js"
    assert unversioned_changes(sealed({path: "1"}), sealed({path: "2"})) == (path,)


@pytest.mark.parametrize("path", ["shop/less/cart.less", "shop/a.scss", "CACHE/manifest.json"])
def test_what_no_browser_asks_for_need_not_be_forgotten(path):
    """The offline manifest changes at every build, and a path costs money."""
    old, new = (
        dataclasses.replace(
            sealed({path: text, "CACHE/manifest.json": text}),
            offline_manifest="CACHE/manifest.json",
        )
        for text in "12"
    )
    assert unversioned_changes(old, new) == ()


def test_less_that_browsers_compile_themselves_must_be_forgotten():
    """Without offline compression pages may load LESS as it is."""
    assert unversioned_changes(sealed({"a.less": "1"}), sealed({"a.less": "2"})) == ("a.less",)


def test_content_named_files_are_never_forgotten():
    path = "CACHE/css/output.3f9c1a7b2d4e.css"
    old = sealed({path: "1"}, named=[path])
    assert is_content_named(path, old)
    assert unversioned_changes(old, sealed({})) == ()
    assert unversioned_changes(sealed({}), old) == ()


def test_a_versioned_url_with_other_bytes_and_the_same_version_is_a_contradiction():
    """Caches keep it for a year: nobody could ever mend what visitors hold."""
    old = sealed({"a.js": "1", "b.js": "1"}, versions={"a.js": "1234567", "b.js": "1111111"})
    new = sealed({"a.js": "2", "b.js": "2"}, versions={"a.js": "1234567", "b.js": "2222222"})
    assert contradictions(old, new) == ("a.js",)


def test_a_content_name_with_other_bytes_is_a_contradiction():
    path = "CACHE/css/output.3f9c1a7b2d4e.css"
    assert contradictions(sealed({path: "1"}, named=[path]), sealed({path: "2"}, named=[path])) == (
        path,
    )


def test_a_content_name_with_other_bytes_is_one_though_the_new_release_calls_it_otherwise():
    """Browsers have it from the old release, and ask nobody."""
    old, new = sealed({"a.1b.js": "1"}, named=["a.1b.js"]), sealed({"a.1b.js": "2"})
    assert contradictions(old, new) == ("a.1b.js",)
    assert contradictions(new, old) == ()


def test_a_recorded_version_without_a_file_is_no_contradiction():
    old = sealed({"a.js": "1"}, versions={"a.js": "1234567", "gone.js": "7654321"})
    assert contradictions(old, sealed({}, versions={"a.js": "1234567", "gone.js": "7654321"})) == ()


PATHS = ["a.js", "b.css", "c.png", "jsi18n/d.js", "CACHE/css/output.3f9c1a7b2d4e.css"]


@st.composite
def any_release(draw):
    content = draw(st.dictionaries(st.sampled_from(PATHS), st.sampled_from("123")))
    held = sorted(content)
    some = st.lists(st.sampled_from(held), unique=True) if held else st.just([])
    named = [path for path in held if path.startswith("CACHE/")]
    return sealed(content, versioned=draw(some), named=named)


@given(any_release(), any_release())
def test_a_diff_tells_every_path_once_and_mirrors(old, new):
    diff = compare(old, new)
    told = [*diff.added, *diff.changed, *diff.removed]
    assert len(told) == len(set(told))
    assert set(told) <= old.files.keys() | new.files.keys()
    back = compare(new, old)
    assert (back.added, back.changed, back.removed) == (diff.removed, diff.changed, diff.added)


@given(any_release(), any_release())
def test_every_url_that_keeps_its_name_is_unchanged_versioned_content_named_or_forgotten(old, new):
    """G7, both ways: what a deploy must forget, its rollback must forget too, but for new files."""
    forgotten = set(unversioned_changes(old, new))
    for path, file in old.files.items():
        after = new.files.get(path)
        if after is None or after.sha256 != file.sha256:
            assert path in forgotten or is_versioned(path, old, new) or is_content_named(path, old)
        else:
            assert path not in forgotten
    assert not {path for path in forgotten if path.startswith("CACHE/")}


@given(any_release())
def test_a_release_against_itself_changes_nothing(release):
    assert compare(release, release) == Diff()
    assert unversioned_changes(release, release) == ()
    assert contradictions(release, release) == ()


# ---- what caches must forget, and what they may hold


def narrow(forgotten, keys_on_other_queries, *, printed=None, **options):
    return narrowed(
        forgotten,
        keys_on_other_queries=lambda _: keys_on_other_queries,
        printed=printed or {},
        **options,
    )


def test_unversioned_files_may_be_cached_under_any_query():
    """A library's CSS says fontawesome.woff?v=4.7.0, django-compressor's adds `?<hash>`."""
    old, new = sealed({"logo.png": "1", "a.js": "1"}), sealed({"logo.png": "2", "a.js": "1"})
    assert to_forget(old, new) == {"logo.png": ANY_QUERY}
    forgotten = to_forget(old, new)
    for unknown in (None, True):
        assert narrow(forgotten, unknown) == forgotten


def test_where_the_cache_tells_versions_alone_apart_the_plain_url_is_all_there_is():
    forgotten = {"logo.png": ANY_QUERY, "a.js": frozenset({"version=1234567"})}
    assert narrow(forgotten, False) == {"logo.png": {""}, "a.js": {"version=1234567"}}
    printed = {"logo.png": frozenset({"", "version=abcdef0"})}
    assert narrow(forgotten, False, printed=printed)["logo.png"] == {""}
    assert narrow(forgotten, False, printed=printed, origin_knows_versions=False)["logo.png"] == {
        "",
        "version=abcdef0",
    }


@pytest.mark.parametrize("tags", [False, True])
def test_a_deploy_of_versioned_and_content_named_changes_costs_no_path(tags):
    one, two = "CACHE/css/output.3f9c1a7b2d4e.css", "CACHE/css/output.aaaaaaaaaaaa.css"
    old = sealed({"a.js": "1", "b.css": "1", one: "1"}, versioned=["a.js", "b.css"], named=[one])
    new = sealed({"a.js": "2", "b.css": "2", two: "2"}, versioned=["a.js", "b.css"], named=[two])
    forgotten = to_forget(old, new, earlier=[old], origin_knows_versions=False)
    plan = to_invalidate(forgotten, printed_urls(old, new), "/static/", tags=tags)
    assert plan.batches == ()
    assert plan.price_usd == 0


def test_a_rollback_forgets_the_unversioned_urls_alone_where_the_origin_knows_versions():
    """The pool answers ?version=old with the old bytes, whenever it is asked."""
    old = sealed({"logo.png": "1", "a.js": "1"}, versioned=["a.js"])
    new = sealed({"logo.png": "2", "a.js": "2"}, versioned=["a.js"])
    assert to_forget(new, old, earlier=[old]) == {"logo.png": ANY_QUERY}


def test_a_rollback_forgets_the_restored_versions_where_the_origin_does_not_know_them():
    """An open page of the old release had the bucket's new bytes cached under ?version=old."""
    old = sealed(
        {"logo.png": "1", "a.js": "1", "b.js": "1"}, versioned=["logo.png", "a.js", "b.js"]
    )
    new = sealed(
        {"logo.png": "2", "a.js": "2", "b.js": "1"}, versioned=["logo.png", "a.js", "b.js"]
    )
    versions = {path: f"version={version}" for path, version in old.versions.items()}
    wide = to_forget(new, old, earlier=[old], origin_knows_versions=False)
    assert wide == {"logo.png": ANY_QUERY, "a.js": {versions["a.js"]}}
    forgotten = narrow(wide, False, printed=printed_urls(old), origin_knows_versions=False)
    assert forgotten == {"logo.png": {"", versions["logo.png"]}, "a.js": {versions["a.js"]}}
    others = dict.fromkeys(["a.png", "b.png", "login.png", "lo.js", "z.js"], frozenset({""}))
    paths = to_invalidate(forgotten, {**printed_urls(old, new), **others}, "/static/").paths
    assert paths == (f"/static/a.js?{versions['a.js']}", "/static/logo.png*")


def test_a_version_that_comes_back_with_a_later_release_is_forgotten_too():
    """A reverted file: its version was printed before, and asked for while other bytes were live."""
    first, second = (sealed({"a.js": text}, versioned=["a.js"]) for text in "12")
    forgotten = to_forget(second, first, earlier=[first, second], origin_knows_versions=False)
    assert forgotten == {"a.js": {f"version={first.versions['a.js']}"}}
    assert to_forget(second, sealed({"a.js": "3"}, versioned=["a.js"]), earlier=[first, second],
                     origin_knows_versions=False) == {}  # fmt: skip


def test_a_file_that_comes_back_is_forgotten_under_its_version():
    """While it was gone the bucket answered with an error, and errors are cached too."""
    whole, less = sealed({"a.js": "1"}, versioned=["a.js"]), sealed({})
    forgotten = to_forget(less, whole, earlier=[whole], origin_knows_versions=False)
    assert forgotten == {"a.js": {f"version={whole.versions['a.js']}"}}


def test_with_nothing_live_nothing_is_forgotten():
    assert to_forget(None, sealed({"a.png": "1"}), origin_knows_versions=False) == {}


def test_printed_urls_are_those_of_all_releases():
    named = "CACHE/css/output.3f9c1a7b2d4e.css"
    old = sealed({"a.js": "1", "gone.png": "1"}, versioned=["a.js"])
    new = sealed(
        {"a.js": "2", "logo.png": "1", named: "1"}, versioned=["a.js", "logo.png"], named=[named]
    )
    assert printed_urls(old, new) == {
        "a.js": {f"version={old.versions['a.js']}", f"version={new.versions['a.js']}"},
        "gone.png": {""},
        "logo.png": {"", f"version={new.versions['logo.png']}"},
        named: {""},
    }


def test_what_no_browser_asks_for_is_no_printed_url():
    files = {"CACHE/manifest.json": "1", "a.less": "1", "a.css": "1", "staticfiles.json": "1"}
    release = dataclasses.replace(
        sealed(files),
        offline_manifest="CACHE/manifest.json",
        staticfiles_manifest="staticfiles.json",
    )
    assert printed_urls(release) == {"a.css": {""}}


@given(any_release(), any_release(), st.booleans())
def test_what_must_be_forgotten_reaches_every_url_that_keeps_its_name(old, new, knows):
    forgotten = to_forget(old, new, earlier=[old, new], origin_knows_versions=knows)
    assert {path for path, queries in forgotten.items() if queries is ANY_QUERY} == set(
        unversioned_changes(old, new)
    )
    if knows:
        assert set(forgotten.values()) <= {ANY_QUERY}
