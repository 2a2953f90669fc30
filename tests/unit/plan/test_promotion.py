import dataclasses

from fab_static.plan.promotion import obstacles
from fab_static.plan.release import File, Release

LIBRARIES = {"django": "5.2.1", "django-compressor": "4.6.0", "rcssmin": "1.1.2"}
SETTINGS = {
    "STATIC_URL": "/static/",
    "STATIC_CDN": "",
    "COMPRESS_URL": "/static/",
    "libraries": LIBRARIES,
}
SEALED = Release(
    id="20261122T170102Z-3f9c1a7b",
    app="shop",
    environment="staging",
    revision=None,
    created_at="2026-11-22T17:01:02Z",
    created_by="anna@desk",
    settings=SETTINGS,
    phases=(),
    files={"CACHE/manifest.json": File("a" * 64, 2, "aaaaaaa")},
    versions={},
    named=(),
    offline_manifest="CACHE/manifest.json",
    versions_sha256=None,
)


def asked(**changes):
    return {**SETTINGS, "offline_manifest": "CACHE/manifest.json", **changes}


def test_nothing_hinders_where_all_is_alike():
    assert obstacles(SEALED, {"build1": SETTINGS, "web1": asked()}) == []


def test_each_setting_is_named_once_with_both_values_and_its_hosts():
    other = asked(STATIC_URL="/assets/", COMPRESS_URL="/assets/")
    assert obstacles(SEALED, {"build1": SETTINGS, "web1": other, "web2": other}) == [
        "STATIC_URL is '/static/' in the release and '/assets/' on web1, web2",
        "COMPRESS_URL is '/static/' in the release and '/assets/' on web1, web2",
    ]


def test_hosts_that_differ_from_each_other_have_a_line_each():
    one, two = asked(STATIC_CDN="https://a"), asked(STATIC_CDN="https://b")
    assert obstacles(SEALED, {"web1": one, "web2": two}) == [
        "STATIC_CDN is '' in the release and 'https://a' on web1",
        "STATIC_CDN is '' in the release and 'https://b' on web2",
    ]


def test_a_library_that_renders_blocks_must_be_the_same_and_one_that_minifies_need_not():
    other = {"django": "4.2.30", "django-compressor": "4.6.0", "jinja2": "3.1.6"}
    assert obstacles(SEALED, {"web1": asked(libraries=other)}) == [
        "django is '5.2.1' in the release and '4.2.30' on web1",
        "jinja2 is nothing in the release and '3.1.6' on web1",
    ]


def test_pages_must_look_for_the_manifest_where_the_release_has_it():
    elsewhere, nowhere = asked(offline_manifest="assets/m.json"), asked(offline_manifest=None)
    assert obstacles(SEALED, {"web1": elsewhere, "web2": nowhere}) == [
        "the offline manifest that pages read is 'CACHE/manifest.json' in the release and "
        "'assets/m.json' on web1",
        "the offline manifest that pages read is 'CACHE/manifest.json' in the release and "
        "nothing on web2",
    ]
    without = dataclasses.replace(SEALED, offline_manifest=None)
    assert obstacles(without, {"web1": nowhere}) == []


def test_a_build_that_knows_no_cdn_is_promoted_behind_any_one():
    cdn = "https://cdn.example"
    free = dataclasses.replace(SEALED, settings={**SETTINGS, "cdn_independent": True})
    here = asked(STATIC_CDN=cdn, COMPRESS_URL=f"{cdn}/static/", cdn_independent=True)
    assert obstacles(free, {"web1": here}) == []
    other = {**here, "COMPRESS_URL": f"{cdn}/assets/"}
    assert obstacles(free, {"web1": other}) == [
        "COMPRESS_URL is '/static/' in the release and '/assets/' on web1"
    ]
    plain = asked(STATIC_CDN=cdn, COMPRESS_URL=f"{cdn}/static/")
    assert obstacles(free, {"web1": plain}) == [
        "FAB_STATIC_CDN_IN_BLOCKS is False in the release and True on web1",
        "STATIC_CDN is '' in the release and 'https://cdn.example' on web1",
        "COMPRESS_URL is '/static/' in the release and 'https://cdn.example/static/' on web1",
    ]
