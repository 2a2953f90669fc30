"""staticfiles.json of Django's ManifestStaticFilesStorage."""

import json

import pytest

from fab_static.errors import ManifestError
from fab_static.plan import staticfiles_manifest

PATHS = {"b.css": "b.55e7cbb9ba48.css", "a.js": "a.1a2b3c4d5e6f.js", "plain.txt": "plain.txt"}


def test_the_names_that_hold_a_hash_are_known():
    _, names = staticfiles_manifest.read(json.dumps({"paths": PATHS, "version": "1.1"}))
    assert names == {"b.55e7cbb9ba48.css", "a.1a2b3c4d5e6f.js"}


def test_the_same_content_gives_the_same_bytes_whatever_its_order():
    """The storage writes names in the order in which it met them, which may differ in every build."""
    one = {"paths": PATHS, "version": "1.1", "hash": "3f9c2ab0d1e2"}
    other = {"hash": "3f9c2ab0d1e2", "version": "1.1", "paths": dict(reversed(PATHS.items()))}
    texts = [staticfiles_manifest.read(json.dumps(each))[0] for each in (one, other)]
    assert texts[0] == texts[1]
    assert json.loads(texts[0]) == one


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"paths": []}', '{"paths": {"a": 1}}', "null"])
def test_what_is_no_such_manifest_is_refused(text):
    with pytest.raises(
        ManifestError, match="not a manifest of Django's ManifestStaticFilesStorage"
    ):
        staticfiles_manifest.read(text)
