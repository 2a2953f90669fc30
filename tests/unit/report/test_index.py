"""The page over all runs: what each was, the trend, and links to what is still there."""

from __future__ import annotations

from typing import Any

import pytest

from fab_static.report.archive import Kept
from fab_static.report.index import index
from tests.unit.report.test_downloads import DOWNLOADS
from tests.unit.report.test_html import SUMMARY, Page

DEAREST = next(one["returning"] for one in DOWNLOADS["pages"] if one["returning"])


def kept(day: int, *endings: str, **changes: Any) -> Kept:
    known = {
        **SUMMARY,
        "difference": {**SUMMARY["difference"], "downloads": DOWNLOADS},
        "started_at": f"2026-11-{day:02}T17:01:02Z",
        **changes,
    }
    return Kept(f"202611{day:02}T170102Z-deploy", known, frozenset(endings))


def page(*runs: Kept) -> Page:
    return Page(index("shop", "production", runs))


def words(*runs: Kept) -> str:
    return " ".join(" ".join(page(*runs).text).split())


def test_a_row_says_when_what_how_it_ended_and_what_it_cost() -> None:
    text = words(kept(22), kept(21, task="rollback"))
    assert (
        "2026-11-22 17:01 deploy live 24.8 s 3 134 B 116.0 kB ada@laptop "
        "20261122T170102Z-3f9c1a7b -"
    ) in text
    assert "2026-11-21 17:01 rollback live" in text


def test_links_lead_to_the_files_that_are_still_there() -> None:
    links = [
        given["href"]
        for tag, given in page(kept(22, ".html", ".log"), kept(21, ".log"), kept(20)).tags
        if tag == "a"
    ]
    assert links == [
        "20261122T170102Z-deploy.html", "20261122T170102Z-deploy.log", "20261121T170102Z-deploy.log",
    ]  # fmt: skip


def test_it_says_how_runs_end_and_how_long_a_deploy_takes() -> None:
    failed = kept(21, outcome="failed", difference=None)
    assert "3 runs: 2 went live, 1 failed. Half of the deploys took no more than 0:25." in words(
        kept(22), failed, kept(20)
    )
    assert "No run is kept on this machine yet." in words()
    assert "failed_after_flip" in SUMMARY
    partly = kept(22, failed_after_flip=[{"what": "no answer", "where": "a", "mend": "b"}])
    assert "live, with a failure" in words(partly)


def test_the_trend_is_drawn_once_there_are_two_runs_and_told_in_words() -> None:
    def pictures(*runs: Kept) -> list[str]:
        return [given["aria-label"] for tag, given in page(*runs).tags if tag == "svg"]

    assert pictures(kept(22)) == []
    assert pictures(kept(22, seconds=9.0), kept(20)) == [
        "The heaviest page of the last 2 deploys, 2026-11-20 to 2026-11-22: at most 116.0 kB with Brotli, now "
        "116.0 kB with Brotli and 134 B with deltas",
        "Seconds of each run, 2026-11-20 to 2026-11-22: at most 24.8 s, the last one 9.0 s",
        "Files that each run changed, 2026-11-20 to 2026-11-22: at most 3, the last one 3",
    ]


def test_a_run_has_the_same_place_in_each_picture_and_the_axis_ends_with_the_last_one() -> None:
    """The bars ended left of the date below them, and those of files stood below other runs' seconds."""
    failed = kept(21, outcome="failed", difference=None)
    tags = page(kept(22), failed, kept(20)).tags
    places = [given["x"] for tag, given in tags if tag == "rect"]
    assert places == ["1.5", "11.5", "21.5", "1.5", "21.5"]
    boxes = [given["viewbox"] for tag, given in tags if given.get("class") == "trend"]
    assert boxes == ["0 -2 30 104"] * 2


def test_the_line_of_visitors_has_the_places_and_the_ends_of_the_bars() -> None:
    """It was wider, ended with other days, and its third deploy stood above the fifth run."""
    failed = kept(21, outcome="failed", difference=None)
    made = page(kept(22), failed, kept(20), kept(19, outcome="failed", difference=None))
    dots = [given["d"] for tag, given in made.tags if given.get("class") == "dot br"]
    assert [dot.split()[0] for dot in dots] == [
        "M1.5",
        "M3.5",
    ]  # the middles of the second and last
    assert made.text.count("2026-11-19") == made.text.count("2026-11-22") == 3
    widths = {given.get("style") for tag, given in made.tags if tag == "figure"}
    assert widths == {"max-width: 18rem"}


def test_interrupted_runs_are_no_failures_and_keys_tell_only_of_what_is_drawn() -> None:
    stopped = kept(21, outcome="failed", interrupted=True, difference=None)
    text = words(kept(22), stopped, kept(20))
    assert "3 runs: 2 went live, 0 failed, 1 was interrupted." in text
    assert "failed or interrupted" in text
    assert "live, with a failure" not in text


@pytest.mark.parametrize(
    "summary",
    [
        None,
        {},
        {"outcome": "live"},
        {**SUMMARY, "seconds": "a while"},
        {**SUMMARY, "seconds": None},
        {**SUMMARY, "started_at": "yesterday"},
        {**SUMMARY, "difference": {"added": 3}},
        {**SUMMARY, "difference": [1]},
        {**SUMMARY, "difference": {**SUMMARY["difference"], "downloads": {"pages": [None]}}},
    ],
)
def test_a_run_without_a_whole_summary_has_a_row_of_what_its_name_tells(summary: Any) -> None:
    text = words(Kept("20261119T170102Z-deploy-2", summary, frozenset()), kept(18))
    assert "2026-11-19 17:01 deploy-2 left no summary - - - - - - -" in text
    assert "2026-11-18 17:01 deploy live" in text


def test_a_file_of_somebody_elses_with_a_strange_name_does_no_harm() -> None:
    assert "1970-01-01 00:00 deploy left no summary" in words(
        Kept("99999999T999999Z-deploy", None, frozenset())
    )


@pytest.mark.parametrize("evil", ["</style><script>x()</script>", '"><b>', "&lt;"])
def test_names_from_outside_stay_text(evil: str) -> None:
    made = page(kept(22, operator=evil, task=evil, release=evil, outcome=evil), kept(21))
    tags = [tag for tag, _ in made.tags]
    assert evil in made.text
    assert not {"script", "b"} & {*tags}


def test_it_needs_no_script_and_nothing_of_the_network() -> None:
    made = page(kept(22, ".html"), kept(21))
    assert "script" not in [tag for tag, _ in made.tags]
    for _, given in made.tags:
        assert "//" not in (given.get("href") or "")
        assert "src" not in given
