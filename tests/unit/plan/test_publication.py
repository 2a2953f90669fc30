import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.errors import ManifestError, ReleaseError
from fab_static.plan.nginx import IMMUTABLE, UNVERSIONED
from fab_static.plan.publication import (
    Entry,
    Item,
    Manifest,
    astray,
    content_type,
    hidden,
    keys_of,
    object_item,
    object_key,
    read_manifest,
    tickets,
    to_delete,
    visible,
    with_other_bytes,
)
from tests.releases import file_of, sealed

A, B = "20261122T170102Z-0000000a", "20261123T170102Z-0000000b"
CSS = "CACHE/css/output.3f9c1a7b2d4e.css"


SHOP = sealed(
    {CSS: "css", "js/cart.js": "cart", "logo.png": "logo", "copy.png": "logo"},
    versioned=["js/cart.js"],
    named=[CSS],
)
POOL = f"pool/{file_of('cart').version}/js/cart.js"
LOGO = object_key(file_of("logo").sha256)


def written(items, etag="e"):
    return [(item, etag) for item in items]


def test_before_the_flip_only_keys_are_written_that_no_live_page_prints():
    assert [item.key for item in hidden(SHOP)] == [CSS, POOL, LOGO]
    assert all(item.source is None for item in hidden(SHOP))


def test_a_content_named_file_with_a_version_is_there_under_both_urls():
    """Its bundler's tag prints the name, and the `static` tag the version."""
    both = sealed({"dist/a.1b.js": "a"}, versioned=["dist/a.1b.js"], named=["dist/a.1b.js"])
    keys = ["dist/a.1b.js", f"pool/{file_of('a').version}/dist/a.1b.js"]
    assert [item.key for item in hidden(both)] == keys
    assert {item.headers["Cache-Control"] for item in hidden(both)} == {IMMUTABLE}
    assert visible(both) == []


def test_the_flip_copies_what_is_in_the_bucket_and_sends_no_bytes():
    assert {item.key: item.source for item in visible(SHOP)} == {
        "copy.png": LOGO,
        "js/cart.js": POOL,
        "logo.png": LOGO,
    }
    assert {item.source for item in visible(SHOP)} <= {item.key for item in hidden(SHOP)}


def test_only_bytes_that_a_url_names_exactly_may_stay_with_anybody():
    caching = {
        item.key: item.headers.get("Cache-Control") for item in (*hidden(SHOP), *visible(SHOP))
    }
    assert caching == {
        CSS: IMMUTABLE,
        POOL: IMMUTABLE,
        LOGO: None,
        "js/cart.js": UNVERSIONED,
        "logo.png": UNVERSIONED,
        "copy.png": UNVERSIONED,
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/font.woff2", "font/woff2"),
        ("a.MJS", "text/javascript; charset=utf-8"),
        ("a.js.map", "application/json; charset=utf-8"),
        ("site.webmanifest", "application/manifest+json; charset=utf-8"),
        ("logo.svg", "image/svg+xml; charset=utf-8"),
        ("logo.png", "image/png"),
        ("data.json.gz", "application/gzip"),
        ("archive.tar", "application/x-tar"),
        ("LICENSE", "application/octet-stream"),
        ("folder.js/LICENSE", "application/octet-stream"),
        ("what.is-this", "application/octet-stream"),
    ],
)
def test_content_types_are_the_webs_own_on_every_machine(name, expected):
    assert content_type(name) == expected


def test_a_manifest_reads_back_as_it_was_written():
    manifest = Manifest("shop", "production", release=A).having(written(hidden(SHOP)), A)
    text = manifest.to_json().encode()
    assert read_manifest(text, app="shop", environment="production", where="s3://b/") == manifest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read: JSONDecodeError"),
        ("[]", "cannot be read: TypeError"),
        ('{"format": 2}', "has format 2, and this fab_static knows 1"),
        ('{"format": 1}', "cannot be read: KeyError"),
        (Manifest("shop", "staging").to_json(), "belongs to shop staging, not to shop production"),
        (
            Manifest("shop", "production", release="../x").to_json(),
            "cannot be read: ValueError: ['../x'] are not releases",
        ),
    ],
)
def test_what_is_no_manifest_of_this_environment_is_refused(text, words):
    with pytest.raises(ManifestError) as caught:
        read_manifest(text.encode(), app="shop", environment="production", where="s3://b/m")
    assert words in caught.value.what
    assert caught.value.where == "s3://b/m"


def test_what_the_manifest_holds_is_not_written_again():
    manifest = Manifest("shop", "production").having(written(hidden(SHOP)), A)
    assert manifest.lacks(hidden(SHOP)) == []
    assert len(manifest.lacks(visible(SHOP))) == 3


def test_other_headers_are_a_change():
    item = Item("a.js", "0" * 64, 1, {"Content-Type": "text/javascript"})
    manifest = Manifest("shop", "production").having(written([item]), A)
    other = replace(item, headers={"Content-Type": "application/javascript"})
    assert manifest.lacks([other]) == [other]


def test_a_flip_that_broke_off_leaves_no_key_that_anybody_relies_on():
    """Who dies among the copies leaves keys of either release: all are copied again, to whichever side."""
    manifest = Manifest("shop", "production", release=A).having(
        written((*hidden(SHOP), *visible(SHOP))), A
    )
    new = sealed({"logo.png": "new", "copy.png": "logo"}, B)
    begun = manifest.beginning(B, manifest.lacks(visible(new)))
    assert begun.pending == B
    assert begun.release == A
    assert [item.key for item in begun.lacks(visible(SHOP))] == ["logo.png"]
    assert [item.key for item in begun.lacks(visible(new))] == ["logo.png"]


def test_bytes_promised_under_a_key_are_never_replaced():
    old = Manifest("shop", "production").having(written([Item(POOL, "0" * 64, 1)]), A)
    assert with_other_bytes(old, hidden(SHOP)) == [POOL]
    assert with_other_bytes(old.beginning(B, hidden(SHOP)), hidden(SHOP)) == []


def test_what_a_kept_release_uses_is_not_deleted_and_what_others_wrote_neither():
    new = sealed({"logo.png": "new"}, B)
    items = (*hidden(SHOP), *visible(SHOP), *hidden(new), *visible(new))
    manifest = Manifest("shop", "production").having(written(items), A)
    assert to_delete(manifest, [SHOP, new], []) == []
    assert to_delete(manifest, [new], []) == sorted([CSS, POOL, LOGO, "js/cart.js", "copy.png"])
    assert LOGO not in to_delete(manifest, [new], [file_of("logo").sha256])


def test_a_listing_shows_what_is_missing_or_was_written_by_others():
    manifest = replace(
        Manifest("shop", "production"),
        files={
            "good": Entry("0" * 64, 1, etag="e"),
            "gone": Entry("0" * 64, 1, etag="e"),
            "cut": Entry("0" * 64, 2, etag="e"),
            "other": Entry("0" * 64, 1, etag="e"),
            "doubtful": Entry(None),
        },
    )
    listed = {"good": (1, "e"), "cut": (1, "e"), "other": (1, "f"), "foreign": (9, "x")}
    assert astray(manifest, listed) == {
        "gone": "is missing",
        "cut": "has 1 bytes, not 2",
        "other": "was written by somebody else",
    }


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("\udce9.txt", "is not UTF-8"),
        ("a" * 1000, "has 1000 bytes, and keys have 1024 at most"),
        (".fab_static/manifest.json", "is a name that fab_static uses in the bucket itself"),
        ("pool/1a2b3c4/a.js", "is a name that fab_static uses in the bucket itself"),
    ],
)
def test_a_name_that_a_bucket_cannot_hold_is_refused_before_anything_is_sent(path, words):
    with pytest.raises(ReleaseError) as caught:
        hidden(replace(SHOP, files={path: file_of("x")}, versions={}, named=()))
    assert words in caught.value.what


def test_names_like_those_of_the_pool_are_the_projects_own():
    fine = {"pool/party.png": "1", "pool/named/a.js": "2", ".fab_static_notes": "3"}
    assert set(fine) <= set(keys_of(sealed(fine)))


def test_a_thousand_urls_are_one_template_and_their_signatures():
    def url(sha256, date="20261122T170102Z"):
        key = object_item(sha256, 1).key
        return f"https://b/{key}?X-Amz-Date={date}&X-Amz-Signature={sha256[::-1]}"

    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(20)]
    found = tickets({sha256: url(sha256) for sha256 in hashes})
    assert len(found) == 1
    (template, signatures) = found.popitem()
    for sha256 in hashes:
        made = template.replace("{object}", f"{sha256[:2]}/{sha256}")
        assert made.replace("{signature}", signatures[sha256].hex()) == url(sha256)
    later = {hashes[0]: url(hashes[0]), hashes[1]: url(hashes[1], "20261122T170103Z")}
    assert len(tickets(later)) == 2


def test_a_url_signed_in_another_way_is_no_ticket():
    with pytest.raises(ValueError, match="another way"):
        tickets({"0" * 64: "https://b/?Signature=x"})


@given(
    st.dictionaries(
        st.from_regex(r"[a-c]{1,2}(/[a-c]{1,2})?\.(js|png|css)", fullmatch=True),
        st.sampled_from("12345"),
        max_size=8,
    ),
    st.dictionaries(
        st.from_regex(r"[a-c]{1,2}(/[a-c]{1,2})?\.(js|png|css)", fullmatch=True),
        st.sampled_from("12345"),
        max_size=8,
    ),
    st.integers(0, 8),
)
def test_wherever_a_flip_dies_the_next_one_makes_every_key_its_releases(first, second, died_after):
    """The promise of `pending`: simulated on a dict that stands for the bucket."""

    def is_versioned(path):
        return path.endswith(".js")

    old = sealed(first, A, versioned=filter(is_versioned, first))
    new = sealed(second, B, versioned=filter(is_versioned, second))
    bucket: dict[str, str] = {}

    def put(manifest, items, name):
        for item in items:
            assert bucket.get(item.key) in (None, item.sha256)
            bucket[item.key] = item.sha256
        return manifest.having(written(items), name)

    def flip(manifest, to, most=None):
        items = manifest.lacks(visible(to))
        begun = manifest.beginning(to.id, items)
        for item in items[:most]:
            bucket[item.key] = bucket[item.source]
        if most is not None:
            return begun
        return replace(begun.having(written(items), to.id), release=to.id, pending=None)

    manifest = Manifest("shop", "production")
    manifest = flip(put(manifest, manifest.lacks(hidden(old)), A), old)
    manifest = put(manifest, manifest.lacks(hidden(new)), B)
    died = flip(manifest, new, most=died_after)
    for target in (old, new):
        kept = dict(bucket)
        after = flip(died, target)
        assert after.release == target.id
        assert {path: bucket[path] for path in target.files} == {
            path: file.sha256 for path, file in target.files.items()
        }
        for key, entry in after.files.items():
            assert entry.sha256 is None or entry.sha256 == bucket[key], key
        bucket.clear()
        bucket.update(kept)


def test_the_manifest_is_small_enough_to_be_read_at_every_deploy():
    many = sealed(
        {f"app{n % 40}/js/f{n}.js": str(n) for n in range(500)},
        versioned=[f"app{n % 40}/js/f{n}.js" for n in range(500)],
    )
    manifest = Manifest("shop", "production").having(
        written((*hidden(many), *visible(many)), "0" * 32), A
    )
    text = manifest.to_json()
    assert json.loads(text)["fields"] == ["sha256", "size", "headers", "release", "etag"]
    assert len(text) < 500 * 2 * 200
