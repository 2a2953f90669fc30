"""What the project's settings say, as a release and its hosts need it."""

from __future__ import annotations

from typing import Any

import pytest

from fab_static.errors import BuildError
from fab_static.phases.run.settings import (
    UnsetError,
    baked_settings,
    beside_root,
    manifest_path,
    static_url_of,
    staticfiles_manifest_path,
)

FACTS: dict[str, Any] = {
    "static_root": "/srv/static",
    "static_url": "/static/",
    "static_cdn": "//cdn",
    "compress": {"url": "//cdn/static/", "root": "/srv/static"},
    "libraries": {"django": "5.2"},
    "cdn_independent": False,
    "offline_manifest": "/srv/static/CACHE/manifest.json",
    "staticfiles_manifest": None,
    "versions_files": ["/srv/code/resource_versions.yml"],
}


def test_a_release_says_with_which_settings_it_was_built() -> None:
    baked = {
        "STATIC_URL": "/static/",
        "STATIC_CDN": "//cdn",
        "COMPRESS_URL": "//cdn/static/",
        "libraries": {"django": "5.2"},
    }
    assert baked_settings(FACTS) == baked
    without = {**FACTS, "compress": None, "cdn_independent": True}
    assert baked_settings(without) == {**baked, "COMPRESS_URL": None, "cdn_independent": True}


@pytest.mark.parametrize("unset", [None, ""])
def test_a_project_without_static_url_is_refused(unset: Any) -> None:
    with pytest.raises(UnsetError) as caught:
        static_url_of({**FACTS, "static_url": unset}, "build1")
    assert str(caught.value) == (
        "STATIC_URL is not set\n"
        "  where: build1: the project's settings\n"
        '  mend:  set it, STATIC_URL = "/static/" for one'
    )


def test_manifests_in_the_static_root_have_their_path_and_others_a_name_of_ours() -> None:
    """A storage may keep its manifest anywhere; nothing of it is served."""
    outside = {**FACTS, "staticfiles_manifest": "/srv/code/data/staticfiles.json"}
    assert manifest_path(FACTS) == "CACHE/manifest.json"
    assert staticfiles_manifest_path(FACTS) is None
    kept = staticfiles_manifest_path(outside)
    assert kept is not None
    assert kept.endswith("staticfiles/staticfiles.json")
    assert kept != "data/staticfiles.json"
    # those a build keeps besides the static root
    assert beside_root(FACTS) == ["/srv/code/resource_versions.yml"]
    assert beside_root(outside) == [
        "/srv/code/resource_versions.yml",
        "/srv/code/data/staticfiles.json",
    ]


def test_a_folder_whose_name_only_begins_like_the_static_root_s_is_outside() -> None:
    path = "/srv/static-of-others/staticfiles.json"
    assert beside_root({**FACTS, "staticfiles_manifest": path})[1:] == [path]


def test_what_compress_writes_outside_the_static_root_would_be_in_no_release() -> None:
    elsewhere = {
        **FACTS,
        "offline_manifest": "/srv/compressed/CACHE/manifest.json",
        "compress": {"url": "/static/", "root": "/srv/compressed"},
    }
    with pytest.raises(BuildError) as caught:
        manifest_path(elsewhere)
    assert str(caught.value) == (
        "the offline manifest /srv/compressed/CACHE/manifest.json lies outside STATIC_ROOT\n"
        "  where: COMPRESS_ROOT, with STATIC_ROOT = /srv/static\n"
        "  mend:  set it to STATIC_ROOT, its default"
    )
