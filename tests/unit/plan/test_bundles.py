from hypothesis import given
from hypothesis import strategies as st

from fab_static.plan.bundles import Change, changes, of_blocks, of_requirejs, weighed
from fab_static.plan.diff import url_changes
from fab_static.plan.offline_manifest import PLACEHOLDER
from fab_static.plan.release import Encoded, File
from tests.unit.plan.test_release import a_release

OLD, NEW = "CACHE/css/output.aaaaaaaaaaaa.css", "CACHE/css/output.bbbbbbbbbbbb.css"


def place(inside, line, keys, *, block=0, context=0):
    return {"in": inside, "line": line, "block": block, "context": context, "keys": keys}


def link(path):
    tag = f'<link href="{PLACEHOLDER}{path}">'
    return tag if path.endswith(".css") else f'<script src="{PLACEHOLDER}{path}"></script>'


def a_file(path, size=100, **encodings):
    sizes = {ending: Encoded("e" * 64, count) for ending, count in encodings.items()}
    return File(path.encode().hex().rjust(64, "0")[-64:], size, "aaaaaaa", sizes)


def with_bundles(bundles, files=None, versions=None):
    files = files or {path: a_file(path) for path in bundles}
    return a_release(
        files=files,
        bundles=bundles,
        named=tuple(path for path in files if path.startswith("CACHE/")),
        versions=versions or {},
        offline_manifest=None,
    )


# ---- which there are


def test_a_block_is_told_by_its_template_and_its_number_among_those_of_its_kind():
    """Line numbers move with every edit, and so would the bundle's name."""
    places = [
        place("base.html", 9, {"k2": "base.html"}, block=2),
        place("base.html", 2, {"k1": "base.html"}),
        place("base.html", 5, {"k3": "base.html"}, block=1),
    ]
    manifest = {"k1": link("CACHE/a.css"), "k2": link("CACHE/b.css"), "k3": link("CACHE/c.js")}
    assert of_blocks(places, manifest) == {
        "CACHE/a.css": ("base.html, css 1",),
        "CACHE/b.css": ("base.html, css 2",),
        "CACHE/c.js": ("base.html, js 1",),
    }


def test_a_block_that_each_page_fills_is_told_by_the_page():
    places = [place("base.html", 2, {"k1": "home.html", "k2": "cart.html"})]
    manifest = {"k1": link("CACHE/a.css"), "k2": link("CACHE/b.css")}
    assert of_blocks(places, manifest) == {
        "CACHE/a.css": ("home.html, css 1",),
        "CACHE/b.css": ("cart.html, css 1",),
    }


def test_one_file_of_several_blocks_has_all_their_names():
    places = [
        place("b.html", 1, {"k": "b.html"}),
        place("a.html", None, {"k": "a.html"}, block=3, context=1),
    ]
    assert of_blocks(places, {"k": link("CACHE/a.css")}) == {
        "CACHE/a.css": ("a.html, css 1, context 1", "b.html, css 1")
    }


def test_an_inline_block_and_one_that_was_not_built_are_no_bundle():
    places = [place("a.html", 1, {"inline": "a.html"}), place("a.html", 2, {"lost": "a.html"})]
    assert of_blocks(places, {"inline": "<style>a{}</style>"}) == {}


def test_requirejs_bundles_are_scripts_that_are_new_or_grew_by_what_was_merged_in():
    before = {"js/common.js": 100, "js/a.js": 100, "js/kept.js": 7, "css/a.css": 1}
    after = {**before, "js/common.js": 900, "js/a.js": 40, "js/bundle.js": 50, "css/a.css": 2}
    after["js/bundle.js.map"] = 5
    assert of_requirejs(before, after) == {"js/bundle.js": (), "js/common.js": ()}


# ---- which changed


def test_a_bundle_is_found_again_under_its_new_name_by_its_place():
    old = with_bundles({OLD: ("a.html, css 1", "b.html, css 1")})
    new = with_bundles({NEW: ("b.html, css 1",)})
    assert changes(old, new) == [Change("b.html, css 1", OLD, NEW)]


def test_a_bundle_that_moved_within_its_template_has_not_changed():
    """Somebody put a block before it; its bytes, and so its name, are what they were."""
    old = with_bundles({OLD: ("a.html, css 1",)})
    new = with_bundles({NEW: ("a.html, css 1",), OLD: ("a.html, css 2",)})
    assert changes(old, new) == [Change("a.html, css 1", None, NEW)]


def test_bundles_that_are_new_or_gone_are_told_and_unchanged_ones_are_not():
    same = "CACHE/js/output.cccccccccccc.js"
    old = with_bundles({OLD: ("old.html, css 1",), same: ("a.html, js 1",)})
    new = with_bundles({NEW: ("new.html, css 1",), same: ("a.html, js 1",)})
    assert changes(old, new) == [
        Change("new.html, css 1", None, NEW),
        Change("old.html, css 1", OLD, None),
    ]
    assert changes(None, new) == [
        Change("a.html, js 1", None, same),
        Change("new.html, css 1", None, NEW),
    ]


def test_one_old_bundle_that_two_new_ones_stand_for_is_compared_with_both_and_is_not_gone():
    old = with_bundles({OLD: ("a.html, css 1", "b.html, css 1")})
    other = "CACHE/css/output.dddddddddddd.css"
    new = with_bundles({NEW: ("a.html, css 1",), other: ("b.html, css 1",)})
    assert changes(old, new) == [
        Change("a.html, css 1", OLD, NEW),
        Change("b.html, css 1", OLD, other),
    ]


some_bundles = st.dictionaries(
    st.sampled_from([OLD, NEW, "js/bundle.js", "CACHE/js/output.cccccccccccc.js"]),
    st.lists(st.sampled_from(["a, css 1", "b, css 1", "a, js 1"]), unique=True).map(tuple),
)


@given(some_bundles, some_bundles)
def test_every_bundle_that_is_in_one_release_alone_is_told(first, second):
    old, new = with_bundles(first), with_bundles(second)
    found = changes(old, new)
    assert {one.new for one in found} - {None} == second.keys() - first.keys()
    assert {one.old for one in found} - {None} >= first.keys() - second.keys()
    assert not changes(new, new)


# ---- what they weigh


def test_bundles_are_weighed_as_they_are_and_as_they_are_sent():
    old = with_bundles({OLD: ("a.html, css 1",)}, {OLD: a_file(OLD, 4000, gz=900)})
    new = with_bundles({NEW: ("a.html, css 1",)}, {NEW: a_file(NEW, 5000, gz=1000, br=800)})
    assert weighed(old, new) == [
        {
            "bundle": "a.html, css 1",
            "before": {"path": OLD, "bytes": 4000, "gzip": 900, "brotli": None},
            "now": {"path": NEW, "bytes": 5000, "gzip": 1000, "brotli": 800},
        }
    ]


def test_a_requirejs_bundle_is_told_by_its_path():
    old = with_bundles({"js/bundle.js": ()}, {"js/bundle.js": File("a" * 64, 9, "aaaaaaa")})
    new = with_bundles({"js/bundle.js": ()}, {"js/bundle.js": File("b" * 64, 7, "bbbbbbb")})
    (one,) = weighed(old, new)
    assert (one["bundle"], one["before"]["bytes"], one["now"]["bytes"]) == ("js/bundle.js", 9, 7)


# ---- the URLs that pages print


def test_urls_change_for_versioned_files_and_bundles_and_for_nothing_else():
    files = {path: a_file(path) for path in (OLD, "js/ü.js", "img/a.png", "js/same.js")}
    old = with_bundles({OLD: ("a.html, css 1",)}, files, {"js/ü.js": "1111111", "js/same.js": "7"})
    changed = {"js/ü.js": File("b" * 64, 1, "2222222"), "img/a.png": File("c" * 64, 1, "3333333")}
    files = {NEW: a_file(NEW), "js/same.js": files["js/same.js"], **changed}
    new = with_bundles({NEW: ("a.html, css 1",)}, files, {"js/ü.js": "2222222", "js/same.js": "7"})
    assert url_changes(old, new) == [
        {"before": f"/static/{OLD}", "now": f"/static/{NEW}"},
        {"before": "/static/js/%C3%BC.js?version=1111111", "now": "/static/js/%C3%BC.js?version=2222222"},
    ]  # fmt: skip
    assert url_changes(None, new) == []
