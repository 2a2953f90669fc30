import json

import pytest

from fab_static.errors import ManifestError
from fab_static.plan import offline_manifest

P = offline_manifest.PLACEHOLDER


def test_the_same_content_gives_the_same_bytes_whatever_its_order():
    one = {"b": "<x>", "a": "é"}
    assert offline_manifest.write(one) == offline_manifest.write(dict(reversed(one.items())))
    assert offline_manifest.write(one) == '{\n  "a": "\\u00e9",\n  "b": "<x>"\n}'
    assert offline_manifest.parse(offline_manifest.write(one)) == one


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "the offline manifest is not JSON: "),
        ("[]", "the offline manifest is no JSON object"),
        ('{"3f9c": null}', "the offline manifest has no HTML for the key 3f9c"),
    ],
)
def test_what_is_no_manifest_is_refused(text, what):
    with pytest.raises(ManifestError) as told:
        offline_manifest.parse(text, where="edge1:/srv/manifest.json")
    assert told.value.what.startswith(what)
    assert told.value.where == "edge1:/srv/manifest.json"


def test_a_union_serves_both_releases_and_the_new_one_wins():
    assert offline_manifest.union({"a": "new", "b": "b"}, {"a": "old", "c": "c"}) == {
        "a": "new",
        "b": "b",
        "c": "c",
    }


def test_assets_are_all_files_that_values_link_to():
    manifest = {
        "several": f'<link href="{P}CACHE/css/a.css" media="print"><link href=\'{P}CACHE/css/b.css?x=1#y\'>',
        "named": f'<script src="{P}js/t%C3%BCr.js" defer></script>',
        "shared": f'<script src="{P}js/t%C3%BCr.js"></script>',
        "elsewhere": '<script src="https://elsewhere.example/x.js"></script>',
        "escaped": f'<script src="{P}js/a&amp;b.js"></script>',
        "empty": "",
    }
    assert offline_manifest.assets(manifest) == {
        "CACHE/css/a.css",
        "CACHE/css/b.css",
        "js/tür.js",
        "js/a&b.js",
    }


def test_inline_styles_and_scripts_name_no_assets():
    """Their images were collected; as a content-named file one would be kept and never invalidated."""
    manifest = {
        "style": f'<style type="text/css">a{{background:url("{P}img/a.png")}} /* <img src="{P}x"> */</style>',
        "script": f"<script>document.write('<img src=\"{P}img/b.png\">')</script>",
    }
    assert offline_manifest.assets(manifest) == frozenset()


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/%2e%2e/b", "a//b", ""])
def test_a_link_out_of_the_static_root_is_refused(path):
    with pytest.raises(ManifestError, match="leads outside the static root"):
        offline_manifest.assets({"k": f'<script src="{P}{path}"></script>'})


def test_signed_urls_are_found_however_they_are_escaped():
    manifest = {
        "b": '<script src="https://b.example/a.js?AWSAccessKeyId=1&amp;Signature=2&amp;Expires=3"></script>',
        "a": '<link href="https://b.example/a.css?X-Amz-Algorithm=AWS4">',
        "fine": f'<link href="{P}CACHE/css/a.css?version=1234567">',
    }
    problems = offline_manifest.lint(manifest)
    assert problems == [
        "key a: a signed or expiring URL (X-Amz-Algorithm=) stands in the page until the next build;"
        " let the storage give plain URLs (AWS_QUERYSTRING_AUTH = False)",
        "key b: a signed or expiring URL (AWSAccessKeyId=) stands in the page until the next build;"
        " let the storage give plain URLs (AWS_QUERYSTRING_AUTH = False)",
    ]
    assert offline_manifest.lint({}) == []


def test_compressors_own_manifest_is_read():
    text = json.dumps(
        {"0" * 64: f'<link rel="stylesheet" href="{P}CACHE/css/output.695ce0b07f7b.css">'}, indent=2
    )
    assert offline_manifest.assets(offline_manifest.parse(text)) == {
        "CACHE/css/output.695ce0b07f7b.css"
    }
