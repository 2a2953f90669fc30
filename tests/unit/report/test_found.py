"""What the looking tasks found, in words and tables."""

import pytest

from fab_static.report import found
from fab_static.report.status import show_status
from tests.unit.report.screens import shown
from tests.unit.report.test_status import STATUS


def test_tables_fit_a_hundred_columns_and_ids_stay_whole():
    """A log, and a terminal beside another: an id that is broken cannot be copied into `rollback --to`."""
    live = STATUS["live"]
    host = {**STATUS["hosts"][0], "host": "static-eu-west-1", "roles": ["build", "static", "web"]}
    host |= {"missing": 12345, "changed": 12345, "versions_sha256": "b" * 64}
    release = {
        "id": live, "state": "previous", "revision": "f" * 40, "created_at": "2026-11-22T17:01:02Z",
        "created_by": "ada.lovelace@ci-runner-17.internal.example.com", "files": 123_456, "bytes": 10**10,
    }  # fmt: skip
    long = "a/very/long/path/" * 8
    bundle = {"path": long, "bytes": 10**7, "gzip": 10**6, "brotli": 10**6}
    for show, value in (
        (show_status, {**STATUS, "hosts": [host] * 2}),
        (found.show_releases, [release]),
        (found.show_bundles, [{"bundle": long, "before": bundle, "now": bundle}]),
    ):
        terminal, stream = shown()
        show(terminal, value)
        lines = stream.getvalue().splitlines()
        is_listing = show is found.show_releases  # one line a release, for programs
        assert len(lines) == 3 if is_listing else max(map(len, lines)) <= 100
        assert show is found.show_bundles or any(live in line for line in lines[1:])


def test_only_the_first_few_files_are_shown_and_the_rest_is_counted():
    terminal, stream = shown()
    files = {"added": [f"{n}.js" for n in range(1500)], "changed": [], "removed": ["x.js"]}
    found.show_files(terminal, files)
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["1,500 files added:", "  + 0.js"]
    assert lines[21:] == [
        "  \u2026 and 1,480 more",
        "0 files changed",
        "1 file removed:",
        "  - x.js",
    ]


def test_an_invalidation_says_its_price():
    terminal, stream = shown()
    found.show_invalidation(terminal, {"paths": ["/static/a.png"], "price_usd": 0.005})
    assert stream.getvalue() == "\nCloudFront forgets 1 path, at most $0.005:\n  /static/a.png\n"
    terminal, stream = shown()
    found.show_invalidation(terminal, {"paths": [], "price_usd": 0})
    assert stream.getvalue() == (
        "\nCloudFront keeps all it has: no URL keeps its name with other bytes\n"
    )


BUNDLES = [
    {
        "bundle": "shop/base.html, css 1",
        "before": {"path": "CACHE/a.css", "bytes": 4000, "gzip": 1000, "brotli": None},
        "now": {"path": "CACHE/b.css", "bytes": 5000, "gzip": 900, "brotli": None},
    },
    {
        "bundle": "js/new.js",
        "before": None,
        "now": {"path": "js/new.js", "bytes": 70, "gzip": None, "brotli": None},
    },
    {
        "bundle": "js/old.js",
        "before": {"path": "js/old.js", "bytes": 7, "gzip": None, "brotli": None},
        "now": None,
    },
]


def test_bundles_that_grew_or_shrank_are_shown_with_what_is_sent():
    terminal, stream = shown()
    found.show_bundles(terminal, BUNDLES)
    _, title, _, _, *rows = stream.getvalue().splitlines()
    assert title == "1 bundle changed, 1 new bundle, 1 bundle gone:"
    assert [row.split("  ", 1)[0] for row in rows] == [
        "shop/base.html, css 1",
        "js/new.js",
        "js/old.js",
    ]
    assert [" ".join(row.split()) for row in rows] == [
        "shop/base.html, css 1 5.0 kB (+1.0 kB) 900 B (-100 B) -",
        "js/new.js 70 B (new) - -",
        "js/old.js gone - -",
    ]
    terminal, stream = shown()
    found.show_bundles(terminal, [])
    assert stream.getvalue() == ""


PLAN = {
    "environment": "production",
    "live": "20261122T170102Z-3f9c1a7b",
    "release": None,
    "exact": False,
    "unbuilt": [],
    "phases": [{"name": "compress", "will_run": True, "why": "2 collected files changed"}],
    "files": {"added": [], "changed": ["js/a.js"], "removed": []},
    "urls": [{"before": "/static/js/a.js?version=1a2b3c4", "now": None}],
    "bundles": None,
    "hosts": [{"host": "edge1", "objects": 3, "bytes": 1234}],
    "origins": [],
    "flip": [
        {"do": "flip", "hosts": ["edge1", "edge2"], "reloads": False},
        {"do": "publish", "bucket": "s3://shop/static/"},
        {"do": "invalidate"},
        {"do": "flip", "hosts": ["web1"], "reloads": True, "checks": True},
        {"do": "confirm", "hosts": ["edge1", "edge2", "web1"]},
    ],
    "invalidation": {"paths": [], "price_usd": 0},
}


def test_a_plan_says_what_only_a_build_can_tell():
    terminal, stream = shown()
    found.show_plan(terminal, PLAN)
    text = stream.getvalue()
    assert "what bundles will weigh is known once they are built: fab production prepare\n" in text
    assert "1 URL changes:\n  /static/js/a.js?version=1a2b3c4 -> (known once built)\n" in text


def test_a_plan_promises_nothing_of_what_a_bundler_has_yet_to_make():
    terminal, stream = shown()
    found.show_plan(terminal, {**PLAN, "unbuilt": ["vite", "tailwind"]})
    text = stream.getvalue()
    assert (
        "what vite and tailwind will make is known once built, and is not in what follows: "
        "fab production prepare\n"
    ) in text
    assert "CloudFront keeps all it has" not in text


def test_a_plan_says_in_which_order_hosts_go_live():
    terminal, stream = shown()
    found.show_plan(terminal, PLAN)
    assert (
        "it goes live in this order:\n"
        "  flip edge1 edge2\n"
        "  copy to the live keys of s3://shop/static/\n"
        "  ask CloudFront to forget\n"
        "  flip web1, reload, check\n"
        "  confirm: edge1 edge2 web1\n"
    ) in stream.getvalue()


@pytest.mark.parametrize(
    ("reloads", "checks", "line"),
    [
        (False, False, "  flip web1\n"),
        (True, False, "  flip web1, reload\n"),
        (False, True, "  flip web1, check\n"),
    ],
)
def test_a_plan_speaks_of_a_reload_and_a_check_where_the_inventory_has_them(reloads, checks, line):
    terminal, stream = shown()
    found.show_flip(
        terminal, [{"do": "flip", "hosts": ["web1"], "reloads": reloads, "checks": checks}]
    )
    assert stream.getvalue().endswith(f"in this order:\n{line}")


def test_a_host_that_has_flipped_already_is_not_told_of_again():
    """The build host's own flip comes last; where it renders pages, nothing moves by then."""
    terminal, stream = shown()
    one = {"do": "flip", "hosts": ["all"]}
    found.show_flip(terminal, [one, {**one, "reloads": True}, one])
    assert stream.getvalue().endswith("order:\n  flip all\n  flip all, reload\n")


def test_an_exact_plan_shows_bundles_and_both_urls():
    terminal, stream = shown()
    urls = [{"before": None, "now": f"/static/{at}"} for at in range(22)]
    found.show_plan(terminal, {**PLAN, "exact": True, "bundles": BUNDLES, "urls": urls})
    text = stream.getvalue()
    assert "1 bundle changed, 1 new bundle, 1 bundle gone:" in text
    assert "22 URLs change:\n  (none) -> /static/0\n" in text
    assert "  … and 2 more\n" in text


PATH = {
    "path": "js/a.js",
    "kind": "versioned",
    "asked_version": None,
    "release": "R2",
    "in_release": True,
    "version": "1a2b3c4",
    "sha256": "a" * 64,
    "size": 12345,
    "phases": [
        {"phase": "collectstatic", "sha256": "c" * 64},
        {"phase": "build_requirejs", "sha256": "a" * 64},
    ],
    "source": "/srv/shop/code/shop/static/js/a.js",
    "shadowed": ["/srv/shop/venv/lib/other/static/js/a.js"],
    "releases": ["R1", "R2"],
    "releases_of_version": ["R2"],
    "hosts": [
        {
            "host": "edge1",
            "current": "a" * 64,
            "pool": "a" * 64,
            "named": None,
            "gone": None,
            "as_sealed": True,
        },
        {
            "host": "edge2",
            "current": "b" * 64,
            "pool": None,
            "named": None,
            "gone": None,
            "as_sealed": False,
        },
        {"host": "edge3", "error": "the host cannot be reached"},
    ],
    "verdict": "as the live release has it",
}


def why_lines(known):
    terminal, stream = shown()
    found.show_why(terminal, known)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    return [line for line in lines if line.strip("─")]


def test_why_of_a_url_reads_from_its_origin_to_what_each_host_has():
    assert why_lines(PATH) == [
        "as the live release has it",
        "path: js/a.js",
        "kind: versioned",
        "version: 1a2b3c4, 12,345 bytes",
        f"sha256: {'a' * 64}",
        "made by: collectstatic, sha256 cccccccccccc",
        "changed by: build_requirejs, sha256 aaaaaaaaaaaa",
        "source: /srv/shop/code/shop/static/js/a.js",
        "shadowed: /srv/shop/venv/lib/other/static/js/a.js: collectstatic takes the first of this name",
        "live release: R2",
        "releases that hold it: R1, R2",
        "releases with version 1a2b3c4: R2",
        "host    current                      pool           named   gone   as sealed",
        "edge1   aaaaaaaaaaaa                 aaaaaaaaaaaa   -       -      yes",
        "edge2   bbbbbbbbbbbb                 -              -       -      NO",
        "edge3   the host cannot be reached",
    ]


def test_why_of_a_file_that_a_phase_wrote_names_the_phase():
    phases = [{"phase": "compress", "sha256": "a" * 64}]
    lines = why_lines({**PATH, "phases": phases, "source": None, "shadowed": []})
    assert "written by: compress, sha256 aaaaaaaaaaaa" in lines
    gone = [*PATH["phases"], {"phase": "compress", "sha256": None}]
    assert "removed by: compress" in why_lines({**PATH, "phases": gone})


def test_why_of_a_key_shows_who_renders_it_and_what_was_built():
    asked = {
        "host": "web2",
        "template": "page.html",
        "in": "base.html",
        "block": 1,
        "line": 7,
        "context": 0,
        "language": "de",
        "text": "<script>\n  var a;\n</script>",
        "nearest": ["the nearest built block is …", "built: x", "here:  y"],
    }
    known = {
        "key": "k" * 64,
        "release": "R2",
        "in_release": False,
        "releases": {"R1": "<script src=x></script>\n"},
        "asked_by": [asked],
        "unasked": [{"host": "web3", "error": "the host cannot be reached"}],
        "verdict": "the live manifest lacks it",
    }
    assert why_lines(known) == [
        "the live manifest lacks it",
        f"key: {'k' * 64}",
        "live release: R2",
        "in R1: <script src=x></script>",
        "rendered on web2 by page.html, block 1, line 7 of base.html, in language de:",
        "    <script>",
        "      var a;",
        "    </script>",
        "  the nearest built block is …",
        "  built: x",
        "  here:  y",
        "web3 did not answer: the host cannot be reached",
    ]


def test_of_a_bundle_the_block_is_named_with_what_it_takes_in():
    blocks = [
        {
            "template": "shop/base.html",
            "block": 1,
            "line": 12,
            "language": None,
            "sources": ["/static/a.less", "/static/b.css"],
            "imports": ["ink.less"],
        }
    ]
    terminal, stream = shown()
    found.show_why(
        terminal,
        {
            **PATH,
            "verdict": "v",
            "shadowed": [],
            "releases": ["R2"],
            "releases_of_version": [],
            "hosts": [],
            "blocks": blocks,
            "modules": ["js/a", "js/b"],
            "rebuilt": {"since": "R1", "added": [], "changed": ["js/b"], "removed": ["js/c"]},
        },
    )
    assert (
        "takes in 2 modules:\n    js/a\n    js/b\nother bytes than in R1: changed js/b; removed js/c\n"
    ) in stream.getvalue()
    assert (
        "output of: shop/base.html, block 1, line 12, which takes in\n    /static/a.less\n    /static/b.css\n"
        "    imported: ink.less\n"
    ) in stream.getvalue()


@pytest.mark.parametrize("has_cdn", [False, True])
def test_without_a_cdn_nothing_is_said_of_cloudfront(has_cdn):
    steps = [one for one in PLAN["flip"] if one["do"] != "invalidate"]
    terminal, stream = shown()
    found.show_plan(terminal, {**PLAN, "flip": steps, "has_cdn": has_cdn})
    assert ("CloudFront" in stream.getvalue()) is has_cdn


def finding(where, what="is well", *, ok=True, mend=None):
    return {"where": where, "subject": "clock", "what": what, "ok": ok, "mend": mend}


def test_what_check_finds_alike_at_many_places_is_one_line():
    """Of twelve hosts, sixty lines said that all is well, above the two that did not."""
    terminal, stream = shown()
    found.show_findings(
        terminal,
        [
            *[finding(f"edge{at}") for at in range(1, 7)],
            finding("web1", "is 9 s late"),
            finding("web2", "is 70 s late", ok=False, mend="start ntp"),
        ],
    )
    assert stream.getvalue().splitlines() == [
        "ok   edge1, edge2, edge3, edge4 and 2 more: clock: is well",
        "ok   web1: clock: is 9 s late",
        "BAD  web2: clock: is 70 s late",
        "       mend: start ntp",
        "1 of 8 findings need mending",
    ]


def test_every_place_with_a_fault_is_named():
    terminal, stream = shown()
    names = [f"edge{at}" for at in range(9)]
    found.show_findings(terminal, [finding(name, ok=False, mend="start ntp") for name in names])
    assert stream.getvalue().startswith(f"BAD  {', '.join(names)}: clock: ")
