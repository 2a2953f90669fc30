"""The report's picture of what visitors download."""

from __future__ import annotations

from typing import Any

from fab_static.report.downloads import visitors
from fab_static.report.html import report
from tests.unit.report.test_html import SUMMARY, Page


def cost(deltas: int, br: int, gzip: int) -> dict[str, int]:
    return {"deltas": deltas, "br": br, "gzip": gzip}


DOWNLOADS: dict[str, Any] = {
    "old": "20261121T090000Z-aa01bb02",
    "new": "20261122T170102Z-3f9c1a7b",
    "expected": False,
    "pages": [
        {
            "page": "https://shop.example.com/<cart>",
            "kind": "page",
            "returning": cost(134, 116_026, 140_200),
            "first": cost(380_000, 412_700, 520_100),
            "files": [{"path": "CACHE/js/output.3f9c1a7b2d4e.js", **cost(134, 116_026, 140_200)}],
        },
        {
            "page": "https://shop.example.com/about/",
            "kind": "page",
            "returning": cost(0, 0, 0),
            "first": cost(3000, 4000, 5000),
            "files": [],
        },
    ],
}
HISTORY = [
    {
        "release": "20261122T170102Z-3f9c1a7b",
        "at": f"2026-11-{day:02}T10:00:00Z",
        "returning": cost(100 * day, 1000 * day, 2000 * day),
        "first": cost(1, 2, 3),
    }
    for day in range(1, 26)
]


def summary(**changes: Any) -> dict[str, Any]:
    difference = {**SUMMARY["difference"], "downloads": {**DOWNLOADS, **changes}}
    return {**SUMMARY, "difference": difference, "downloads_history": HISTORY}


def test_the_report_begins_with_it_and_says_in_words_what_the_picture_shows() -> None:
    page = report(summary())
    text = " ".join(Page(page).text)
    assert page.index('id="downloads"') < page.index('id="timeline"')
    assert "134 B" in text
    assert "first visit: 412.7 kB with Brotli" in text
    label = "A returning visitor: 134 B with deltas, 116.0 kB with Brotli, 140.2 kB with gzip"
    assert f'aria-label="{label}"' in page
    assert "<cart>" not in page


def test_bars_are_shares_of_the_dearest_and_what_is_little_can_be_seen() -> None:
    text = visitors(summary())
    assert '<rect class="bar gzip" y="40" width="100.00%"' in text
    assert '<rect class="bar deltas" y="4" width="0.60%"' in text  # 134 of 140,200
    assert '<rect class="bar br" y="22" width="0"' in text


def test_the_line_has_the_last_twenty_deploys() -> None:
    text = visitors(summary())
    assert "for the heaviest page, last 20 deploys" in text
    assert "2026-11-06 to 2026-11-25: at most 25.0 kB with Brotli" in text
    assert text.count('class="dot br"') == 20


def test_what_deltas_took_at_the_seal_is_said() -> None:
    made = {"made": 3, "releases": 2, "bytes": 900, "instead": 90_000}
    deltas = {**made, "seconds": 4.46, "left_out": 1, "at_most": 60.0}
    said = "At the seal: 3 deltas to 2 earlier releases: 900 bytes in place of 90,000, in 4.5 s; 1 not made"
    assert said in visitors({**summary(), "deltas": deltas})
    assert "At the seal" not in visitors({**summary(), "deltas": None})


def test_one_deploy_is_no_line_yet() -> None:
    assert "<svg class" not in visitors({**summary(), "downloads_history": HISTORY[:1]})


def test_before_anything_was_live_only_a_first_visit_is_shown() -> None:
    (first, _) = DOWNLOADS["pages"]
    text = visitors(summary(old=None, pages=[{**first, "returning": None, "files": []}]))
    assert "A first visit: nothing was live before" in text


def test_a_summary_of_an_earlier_version_has_no_such_section() -> None:
    assert visitors(SUMMARY) == ""
