"""The report's text; tests/browser opens it in a real browser."""

import json
import re
from html.parser import HTMLParser

import pytest

from fab_static.report.html import MOST_FILES, More, lines, report

SUMMARY = {
    "format": 1, "task": "deploy", "event": "after_activate", "outcome": "live", "app": "shop",
    "environment": "production", "operator": "ada@laptop", "release": "20261122T170102Z-3f9c1a7b",
    "revision": "0123456789abcdef", "previous": "20261121T090000Z-aa01bb02",
    "started_at": "2026-11-22T17:01:02Z", "seconds": 24.81, "error": None, "failed_after_flip": [],
    "hosts": [{"host": "build1", "roles": ["build"]}, {"host": "web1", "roles": ["web", "static"]}],
    "timeline": [
        {"phase": "compress", "host": None, "started": 1000.0, "seconds": 4.0, "outcome": "done"},
        {"phase": "compress", "host": "build1", "started": 1000.0, "seconds": 4.0, "outcome": "done"},
        {"phase": "distribute", "host": "web1", "started": 1004.0, "seconds": 1.5, "outcome": "done",
         "bytes": 4_800_000},
    ],
    "difference": {
        "old": "20261121T090000Z-aa01bb02", "new": "20261122T170102Z-3f9c1a7b",
        "added": ["img/new.png"], "changed": ["js/a.js"], "removed": ["css/old.css"],
        "unversioned": ["css/old.css"],
        "invalidation": {"paths": ["/static/css/old.css*"], "price_usd": 0.005},
        "sizes": {"img/new.png": [None, 3000], "js/a.js": [1000, 1500], "css/old.css": [999, None]},
    },
    "settings": {"STATIC_URL": "/static/", "libraries": {"django": "5.2"}},
    "probe": None, "pages": [], "log": "/home/ada/a.log", "report": "/home/ada/a.html",
}  # fmt: skip


class Page(HTMLParser):
    """What stands in a page, element by element; complains of tags that do not close."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, html):
        super().__init__()
        self.open, self.text, self.tags = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)


def page(**changes):
    return Page(report({**SUMMARY, **changes}))


def words(**changes):
    return re.sub(r"\s+", " ", " ".join(page(**changes).text))


def test_it_says_what_went_live_and_what_it_changed():
    text = words()
    assert "20261122T170102Z-3f9c1a7b is live" in text
    assert "22 November 2026, 17:01:02 UTC" in text
    assert "1 changed, 1 added, 1 removed." in text
    assert "+500 B (+50.0%)" in text
    assert "1 path, at most $0.005" in text
    assert "4.8 MB" in text


def test_of_very_many_files_the_first_stand_in_the_table_and_all_are_counted():
    names = [f"img/{number}.png" for number in range(MOST_FILES + 1)]
    found = page(difference={**SUMMARY["difference"], "added": names, "sizes": {}})
    text = " ".join(found.text)
    assert "1 changed, 5,001 added, 1 removed." in text
    assert "The first 5,000 stand below" in text
    assert sum(tag == "span" and given.get("class") == "path" for tag, given in found.tags) == 5000


def test_a_page_of_many_files_is_made_row_by_row():
    """A release of 20,000 files is an ordinary day: no page stands in memory as a whole."""
    names = [f"img/{number}.png" for number in range(100)]
    summary = {**SUMMARY, "difference": {**SUMMARY["difference"], "added": names, "sizes": {}}}
    found = [*lines(summary)]
    rows = [line for line in found if "img/" in line]
    assert len(rows) == len(names)
    assert max(map(len, rows)) < 300
    assert "".join(found) == report(summary)


def test_what_failed_and_how_to_mend_it_stands_at_the_top():
    error = "it failed\n  where: web1\n  mend:  mend it"
    text = words(outcome="failed", release=None, error=error, difference=None)
    assert "failed; what was live before is live" in text
    assert text.index("mend: mend it") < text.index("What ran when")
    failed = [{"what": "no answer", "where": "https://a", "mend": "fab production probe"}]
    text = words(failed_after_flip=failed)
    assert "is live, but something failed after the flip" in text
    assert "fab production probe" in text


UNDONE = {"live": "A on every host", "undone": "the flip of web1", "next": "fab production deploy"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exit_code": 5, "ending": UNDONE}, "failed; hosts may serve different releases now"),
        (
            {"interrupted": True, "ending": {**UNDONE, "undone": "nothing: no host had flipped"}},
            "interrupted; what was live before is live",
        ),
        (
            {"interrupted": True, "ending": UNDONE},
            "interrupted during the flip, which was undone; what was live before is live",
        ),
        (
            {"ending": UNDONE},
            "failed during the flip, which was undone; what was live before is live",
        ),
        (
            {"outcome": "live", "interrupted": True},
            "20261122T170102Z-3f9c1a7b is live, but the run was interrupted after the flip",
        ),
    ],
)
def test_the_first_words_are_true_however_the_run_ended(changes, said):
    """(fleet C24)."""
    text = words(**{"outcome": "failed", "error": "it failed", "exit_code": 1, **changes})
    assert f" {said} " in text
    if "ending" in changes:
        assert "live: A on every host" in text
        assert "next: fab production deploy" in text


def test_it_asks_nothing_of_the_network():
    for tag, attrs in page().tags:
        for name in ("src", "href", "action", "data"):
            target = attrs.get(name)
            assert target is None or target.startswith(("#", "data:")), (tag, attrs)
    assert "url(" not in report(SUMMARY).split("<script")[0]


@pytest.mark.parametrize(
    "evil", ["</script><script>x()</script>", "<!--<script>", "\"'><b>", "&lt;"]
)
def test_names_from_outside_stay_text(evil):
    changed = {**SUMMARY["difference"], "changed": [evil], "sizes": {evil: [1, 2]}}
    made = page(difference=changed, operator=evil, error=evil, app=evil)
    assert evil in "".join(made.text)
    assert [tag for tag, _ in made.tags].count("script") == 3
    assert "b" not in [tag for tag, _ in made.tags]
    span = {"phase": evil, "host": evil, "started": 1.0, "seconds": 1.0, "outcome": "done"}
    html = report({**SUMMARY, "timeline": [span]})
    data = re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1]
    assert json.loads(data)["spans"][0]["y"] == evil


def test_every_table_has_a_caption_and_every_field_a_label():
    tags = page().tags
    assert [tag for tag, _ in tags].count("table") == [tag for tag, _ in tags].count("caption")
    inputs = [attrs["id"] for tag, attrs in tags if tag == "input"]
    assert inputs == [attrs["for"] for tag, attrs in tags if tag == "label"]


def weight(count, gzip=None):
    return {"path": "CACHE/a.css", "bytes": count, "gzip": gzip, "brotli": None}


BUNDLES = [
    {"bundle": "shop/base.html, css 1", "before": weight(4000, 1000), "now": weight(5000, 1100)},
    {"bundle": "js/new.js", "before": None, "now": weight(700)},
]


def test_bundles_that_grew_or_shrank_are_told_as_they_are_and_as_they_are_sent():
    text = words(difference={**SUMMARY["difference"], "bundles": BUNDLES})
    assert "shop/base.html, css 1 5.0 kB +1.0 kB (+25.0%) 1.1 kB +100 B (+10.0%)" in text
    assert "js/new.js 700 B new -" in text
    assert "Brotli" not in text  # nobody made such copies
    assert "Bundles that changed" not in words()  # a summary kept by an older version has none


def test_pages_are_weighed_before_and_now():
    assets = [
        {"path": "a.css", "bytes": 900, "sent": 280},
        {"path": "b.js", "bytes": 400, "sent": 120},
    ]
    page = {
        "page": "https://shop.example.com/",
        "requests": 2,
        "bytes": 1300,
        "sent": 400,
        "before": {"requests": 1, "bytes": 1000, "sent": 300},
        "assets": assets,
    }
    text = words(pages=[page])
    assert "https://shop.example.com/ 2 1.3 kB 300 B 400 B +100 B (+33.3%)" in text
    assert "https://shop.example.com/ 2 1.3 kB - 400 B -" in words(pages=[{**page, "before": None}])


def test_what_changed_for_visitors_comes_first_then_files_then_the_timeline():
    nav = [given["href"] for tag, given in page().tags if tag == "a"][1:]
    assert nav == ["#files", "#cdn", "#timeline", "#environment"]


def test_a_failed_run_ends_with_the_last_lines_of_its_log_as_they_stand_there():
    lines = ["23:10:02   web2: <ImportError>", "23:10:06 activate failed after 9.0 s"]
    failed = {**SUMMARY, "outcome": "failed", "error": "it failed", "difference": None}
    found = Page(report(failed, More(lines)))
    text = "".join(found.text)
    assert "\n".join(lines) in text
    assert text.index(lines[0]) < text.rindex("What ran when")
    assert {given.get("class") for tag, given in found.tags if tag == "pre"} == {"box", "log"}


def test_settings_are_told_in_words_and_not_as_json():
    settings = {
        "libraries": {"django": "5.2", "rcssmin": "1.1.2"},
        "COMPRESS_ENABLED": True,
        "STATICFILES_DIRS": ["assets", "more"],
        "STATIC_CDN": None,
    }
    text = words(settings=settings)
    assert "libraries django 5.2 rcssmin 1.1.2" in text
    assert "COMPRESS_ENABLED yes" in text
    assert "STATICFILES_DIRS assets , more" in text
    assert "{" not in text


def test_where_there_is_no_cdn_nothing_is_said_of_one():
    difference = SUMMARY["difference"]
    assert "CloudFront" in words(difference={**difference, "has_cdn": True})
    assert "CloudFront" not in words(difference={**difference, "has_cdn": False})


def test_a_deploy_that_changes_nothing_says_so_and_names_its_release_once() -> None:
    """It said "is live", and had the same release as the one before it."""
    text = " ".join(Page(report({**SUMMARY, "previous": SUMMARY["release"]})).text)
    assert f"{SUMMARY['release']} is live, as before: no file has changed" in text
    assert "Before it" not in text


@pytest.mark.parametrize(
    ("outcome", "code", "name"),
    [
        ("live", 0, "Before it"),
        ("done", 0, "Live"),
        ("failed", 1, "Live"),
        ("failed", 5, "Before it"),
    ],
)
def test_what_was_live_before_is_called_live_where_it_still_is(
    outcome: str, code: int, name: str
) -> None:
    made = Page(report({**SUMMARY, "outcome": outcome, "exit_code": code}))
    assert made.text[made.text.index(SUMMARY["previous"]) - 1] == name
