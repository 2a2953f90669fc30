import json
import subprocess

import pytest

from fab_static.plan.cdn.version_function import source

URIS = {
    # uri, query -> uri, or a status
    ("/static/js/cart.js", "1a2b3c4"): "/static/pool/1a2b3c4/js/cart.js",
    ("/static/js/cart.js", None): "/static/js/cart.js",
    ("/static/js/cart.js", "1a2b3c"): "/static/js/cart.js",
    ("/static/js/cart.js", "1a2b3c4f"): "/static/js/cart.js",
    ("/static/js/cart.js", "1A2B3C4"): "/static/js/cart.js",
    ("/static/js/cart.js", "../../x"): "/static/js/cart.js",
    ("/static/js/cart.js", "1a2b3c4\n"): "/static/js/cart.js",
    ("/static/js/cart.js", ""): "/static/js/cart.js",
    ("/static/sp%20ace/%C3%BC.js", "1a2b3c4"): "/static/pool/1a2b3c4/sp%20ace/%C3%BC.js",
    ("/elsewhere/cart.js", "1a2b3c4"): "/elsewhere/cart.js",
    ("/static", "1a2b3c4"): "/static",
    ("/static/.fab_static/manifest.json", None): 404,
    ("/static/.fab_static/objects/ab/abc", "1a2b3c4"): 404,
    ("/static/%2efab_static%2Fmanifest.json", None): 404,
    ("/static/.fab_static_notes", None): "/static/.fab_static_notes",
}


def event(uri, version):
    """Return CloudFront's event: Developer Guide, "CloudFront Functions event structure"."""
    query = {} if version is None else {"version": {"value": version}}
    return {
        "version": "1.0",
        "context": {"eventType": "viewer-request", "distributionDomainName": "d.cloudfront.net"},
        "viewer": {"ip": "192.0.2.1"},
        "request": {
            "method": "GET",
            "uri": uri,
            "querystring": query,
            "headers": {"host": {"value": "d.cloudfront.net"}},
            "cookies": {},
        },
    }


def run(script, events):
    """Run the function in Node on all events at once."""
    program = f"{script}\nconsole.log(JSON.stringify({json.dumps(events)}.map(handler)));"
    ran = subprocess.run(
        ["node", "-e", program], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(ran.stdout)


def test_the_function_sends_each_version_to_its_own_key_and_nothing_else_anywhere():
    events = [event(uri, version) for uri, version in URIS]
    twice = event("/static/a.js", "1a2b3c4")
    twice["request"]["querystring"]["version"]["multiValue"] = [{"value": "1a2b3c4"}] * 2
    answers = run(source(), [*events, twice])
    for (asked, expected), answer in zip(URIS.items(), answers, strict=False):
        assert answer.get("statusCode", answer.get("uri")) == expected, asked
    assert answers[-1]["uri"] == "/static/a.js"
    hidden = answers[list(URIS.values()).index(404)]
    assert hidden["headers"] == {"cache-control": {"value": "no-store"}}


def test_the_function_knows_another_static_url():
    (answer,) = run(source("/assets/v/"), [event("/assets/v/a.js", "1a2b3c4")])
    assert answer["uri"] == "/assets/v/pool/1a2b3c4/a.js"


def test_what_is_no_path_never_becomes_source():
    for url in ("static/", "/static", '/"+x+"/', "/a//", "https://cdn/static/", "/a\n/"):
        with pytest.raises(ValueError, match="not a path such as"):
            source(url)


def test_the_function_fits_cloudfronts_limit():
    """10 KB: Developer Guide, "Restrictions on CloudFront Functions"."""
    assert len(source("/" + "long/" * 50)) < 10_000
