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
        ("[]", "the offline manifest is not a JSON object"),
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


@pytest.mark.parametrize(
    ("query", "named"),
    [
        # Amazon S3, signature version 2: RESTAuthentication.html#RESTAuthenticationQueryStringAuth
        ("AWSAccessKeyId=AKIA&Expires=1175139620&Signature=vjbyPxybdZaNmGa%3D", "AWSAccessKeyId"),
        ("Expires=1175139620&Signature=x", "Expires"),
        ("Signature=x", "Signature"),
        # version 4: sigv4-query-string-auth.html
        (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=86400&X-Amz-Signature=a1",
            "X-Amz-Algorithm",
        ),
        ("v=1&x-amz-signature=a1", "x-amz-signature"),
        # CloudFront: canned and custom policies
        ("Expires=1357034400&Signature=n&Key-Pair-Id=K2JCJMDEHXQW5F", "Expires"),
        ("Policy=eyAK&Signature=n&Key-Pair-Id=K2JCJMDEHXQW5F", "Policy"),
        ("Key-Pair-Id=K2JCJMDEHXQW5F", "Key-Pair-Id"),
        # Google Cloud Storage: V4 and V2
        ("X-Goog-Credential=a&X-Goog-Signature=2", "X-Goog-Credential"),
        ("X-Goog-Signature=2", "X-Goog-Signature"),
        ("GoogleAccessId=a@b&Expires=1&Signature=2", "GoogleAccessId"),
        # Azure: a shared access signature
        ("sv=2022-11-02&sr=b&se=2026-11-22T00%3A00%3A00Z&sp=r&sig=x%3D", "sig"),
    ],
)
@pytest.mark.parametrize("escape", [False, True], ids=["plain", "escaped"])
def test_every_form_of_signed_url_is_refused(query, named, escape):
    url = f"https://store.example/CACHE/js/a.js?{query}"
    url = url.replace("&", "&amp;") if escape else url
    (problem,) = offline_manifest.lint({"k": f'<script src="{url}"></script>'})
    assert f"a signed or expiring URL ({named}=)" in problem


@pytest.mark.parametrize(
    "query", ["version=1a2b3c4", "3f9c1a7b2d4e", "design=1", "policy", "sv=1&se=2", "expires_in=x"]
)
def test_a_query_that_only_looks_like_it_is_no_signature(query):
    assert offline_manifest.lint({"k": f'<script src="{P}a.js?{query}"></script>'}) == []


def test_files_that_are_not_of_this_build_are_refused():
    """An old CACHE/ in a static folder would be served for what compress should have written."""
    new, old, gone = (f"CACHE/js/output.{n * 12}.js" for n in "abc")
    collected = "js/plain.js"
    manifest = {path: f'<script src="{P}{path}"></script>' for path in (new, old, gone, collected)}
    before = {old: "1", collected: "2", "CACHE/js/output.dddddddddddd.js": "4"}
    files = {**before, new: "3"}
    assert offline_manifest.problems(manifest, files, before) == [
        f"it names {old}, which was there before compress ran: a leftover of an earlier build among "
        "the files collected; remove it from its static folder",
        f"it names {gone}, which the static root does not hold",
    ]
    assert offline_manifest.problems(manifest, {**files, gone: "5", old: "6"}, before) == []


def test_what_compress_wrote_by_content_is_known_by_its_name_and_by_being_new():
    before = {
        "lib/jquery.0123456789ab.js": "1",
        "js/a.js": "2",
        "CACHE/js/output.aaaaaaaaaaaa.js": "3",
    }
    files = {
        **before,
        "js/a.js": "changed",
        "CACHE/js/output.aaaaaaaaaaaa.js": "written over",
        "CACHE/js/bbbbbbbbbbbb.js": "before django-compressor 2.3",
        "CACHE/css/named.cccccccccccc.css": "a named block",
        "CACHE/manifest.json": "9",
    }
    assert offline_manifest.content_named(files, before) == (
        "CACHE/css/named.cccccccccccc.css",
        "CACHE/js/bbbbbbbbbbbb.js",
        "CACHE/js/output.aaaaaaaaaaaa.js",
    )


def test_compressors_own_manifest_is_read():
    text = json.dumps(
        {"0" * 64: f'<link rel="stylesheet" href="{P}CACHE/css/output.695ce0b07f7b.css">'}, indent=2
    )
    assert offline_manifest.assets(offline_manifest.parse(text)) == {
        "CACHE/css/output.695ce0b07f7b.css"
    }
