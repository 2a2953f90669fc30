"""The report in a real browser, opened from disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from fab_static.plan.pictures import Picture
from fab_static.plan.release import File
from fab_static.report.html import More, report
from fab_static.report.index import index
from fab_static.report.pictures import Pictures
from tests.unit.report.test_downloads import DOWNLOADS, HISTORY
from tests.unit.report.test_html import BUNDLES, SUMMARY
from tests.unit.report.test_index import kept as run

HERE = Path(__file__).parent
LONG = "/srv/production/shop/code/static_root/shop/less/_shop/variables.less"
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield running
        running.close()


def everything(page: Path, count: int) -> Path:
    """Write the report of a deploy with everything in it, and with so many changed scripts."""
    difference = SUMMARY["difference"]
    changed = [f"js/module{at}.js" for at in range(count)]
    assets = [
        {"path": "CACHE/css/a.css", "bytes": 8000, "sent": 2800},
        {"path": "js/b.js", "bytes": 4000, "sent": 1200},
    ]
    weights = {"requests": 2, "bytes": 12000, "sent": 4000}
    summary: dict[str, Any] = {
        **SUMMARY,
        "difference": {
            **difference,
            "changed": changed,
            "bundles": BUNDLES,
            "downloads": DOWNLOADS,
            "sizes": {path: [1000 + at, 1500] for at, path in enumerate(changed)},
        },
        "downloads_history": HISTORY,
        "failed_after_flip": [{"what": "no answer", "where": "https://a", "mend": "probe"}],
        "pages": [
            {
                "page": "https://shop.example.com/",
                **weights,
                "before": {"requests": 1, "bytes": 9000, "sent": 3000},
                "assets": assets,
            }
        ],
        "probe": {"asked": 120, "problems": ["https://shop.example.com/x answered 404"]},
    }
    drawing = b"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='30'><rect/></svg>"
    picture = Picture("img/new.svg", "added", None, File("a" * 64, len(drawing), "1234567"))
    more = More((), Pictures([picture], {"a" * 64: drawing}))
    page.write_text(report(summary, more), "utf-8")
    return page


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a deploy with everything in it."""
    return everything(tmp_path_factory.mktemp("report") / "report.html", 300)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with fewer scripts. Its table still scrolls; axe looks at each cell of it for long."""
    return everything(tmp_path_factory.mktemp("short") / "report.html", 30)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a deploy that failed in the flip, and put back what had flipped."""

    def span(phase: str, host: str | None, started: float, **more: Any) -> dict[str, Any]:
        known = {"phase": phase, "host": host, "started": 1000.0 + started, "seconds": 4.0}
        return {**known, "outcome": "done", **more}

    summary = {
        **SUMMARY,
        "outcome": "failed",
        "error": f"{LONG} failed\n  where: web1\n  mend:  deploy again",
        "difference": None,
        "began": 1000.0,
        "timeline": [
            span("connect", None, 1),
            span("activate", None, 5, outcome="failed"),
            span("activate", "web1", 5, outcome="failed"),
            span("activate", "web1", 9, goes_back=True),
        ],
        "settings": {"COMPRESS_OFFLINE_MANIFEST": "manifest.json", "libraries": {"django": "5.2"}},
        "ending": {"live": "A on every host", "undone": "the flip of web1", "next": "deploy"},
    }
    lines = [f"23:10:02   web1: {LONG}: failed", "23:10:04 activate failed after 9.0 s"] * 15
    page = tmp_path_factory.mktemp("failed") / "report.html"
    page.write_text(report(summary, More(lines)), "utf-8")
    return page


@pytest.fixture(scope="module")
def over_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page over all runs, with one that failed."""
    runs = [run(22, ".html", ".log"), run(21, outcome="failed"), run(20, ".html")]
    page = tmp_path_factory.mktemp("index") / "index.html"
    page.write_text(index("shop", "production", runs), "utf-8")
    return page


def opened(browser: Browser, file: Path, **options: Any) -> tuple[Page, list[str]]:
    """Open the report; what goes wrong in it, and whatever it asks of the network, is collected."""
    page = browser.new_context(**options).new_page()
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("file:", "data:")) else wrong.append(request.url)
        ),
    )
    page.goto(file.as_uri())
    return page, wrong


PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.mark.parametrize(
    "options",
    [{}, {"color_scheme": "dark"}, PHONE, {"color_scheme": "dark", "reduced_motion": "reduce"}],
    ids=["light", "dark", "phone", "dark, less motion"],
)
def test_it_opens_from_disk_and_everybody_can_read_it(
    browser: Browser, short: Path, failed: Path, over_all: Path, options: dict[str, Any]
) -> None:
    for one in (short, failed, over_all):
        everybody_can_read(browser, one, options)


def everybody_can_read(browser: Browser, file: Path, options: dict[str, Any]) -> None:
    page, wrong = opened(browser, file, **options)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run()")
    assert found["passes"]
    assert not [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]
    assert not wrong
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]  # tables scroll by themselves, the page does not
    page.context.close()


def is_drawn(page: Page, name: str) -> bool:
    """Tell whether a chart has drawn more than one colour."""
    return bool(
        page.evaluate(
            """(name) => {
                const canvas = document.getElementById(name);
                const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                return new Set(new Uint32Array(data.buffer)).size > 3;
            }""",
            name,
        )
    )


def test_the_charts_are_drawn_in_both_schemes(browser: Browser, file: Path) -> None:
    page, wrong = opened(browser, file)
    assert is_drawn(page, "timeline-chart")
    assert is_drawn(page, "pages-chart")
    page.emulate_media(color_scheme="dark")
    assert is_drawn(page, "timeline-chart")
    page.emulate_media(media="print")
    assert is_drawn(page, "pages-chart")
    assert not wrong


def chart_of(page: Page) -> Any:
    return page.evaluate(
        """() => {
            const chart = Chart.getChart("timeline-chart");
            const colour = (name) =>
                getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
            return {
                bad: colour("bad"),
                first: chart.scales.x.min,
                legend: chart.legend.legendItems.map((one) => [one.text, one.strokeStyle]),
                bars: chart.data.datasets.map((one) => [one.label, one.data.map((bar) => bar.x)]),
            };
        }"""
    )


def test_a_failure_colours_its_own_bar_alone_and_the_way_back_is_drawn(
    browser: Browser, failed: Path
) -> None:
    """(first hour 16): a failed activate turned "go live" red in the legend."""
    chart = chart_of(opened(browser, failed)[0])
    assert chart["first"] == 0
    assert dict(chart["bars"]) == {
        "begin": [[1, 5]],
        "going back": [[9, 13]],
        "failed": [[5, 9], [5, 9]],
    }
    assert [text for text, colour in chart["legend"] if colour == chart["bad"]] == ["failed"]


def test_bars_of_neighbours_are_told_apart_without_colours(
    browser: Browser, tmp_path: Path
) -> None:
    """Who cannot tell red from green saw verify and go live in one brown, and on grey paper all alike."""
    phases = ("compress", "distribute", "verify", "activate")
    timeline = [
        {"phase": name, "host": None, "started": float(at), "seconds": 1.0, "outcome": "done"}
        for at, name in enumerate(phases)
    ]
    file = tmp_path / "report.html"
    file.write_text(report({**SUMMARY, "timeline": timeline}), "utf-8")
    sets = "Chart.getChart('timeline-chart').data.datasets"
    fills = f"{sets}.map((one) => one.backgroundColor === one.borderColor ? 'whole' : 'pale')"
    assert opened(browser, file)[0].evaluate(fills) == ["whole", "pale", "whole", "pale"]


def test_an_images_bytes_stand_in_the_page(browser: Browser, file: Path) -> None:
    page, wrong = opened(browser, file)
    sizes = "(image) => [image.naturalWidth, image.naturalHeight]"
    assert page.locator(".pictures img").evaluate(sizes) == [40, 30]
    assert not wrong


def test_on_a_phone_no_word_is_broken_in_its_middle(browser: Browser, failed: Path) -> None:
    page, _ = opened(browser, failed, **PHONE)
    setting = page.locator("code", has_text="COMPRESS_OFFLINE_MANIFEST")
    lines = setting.evaluate(
        """(element) => {
            const lines = new Map();
            const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
            while (walker.nextNode()) {
                for (let at = 0; at < walker.currentNode.length; at++) {
                    const range = document.createRange();
                    range.setStart(walker.currentNode, at);
                    range.setEnd(walker.currentNode, at + 1);
                    const top = Math.round(range.getBoundingClientRect().top);
                    lines.set(top, (lines.get(top) || "") + range.toString());
                }
            }
            return [...lines.values()];
        }"""
    )
    assert all(line.endswith("_") for line in lines[:-1]), lines
    assert "".join(lines) == "COMPRESS_OFFLINE_MANIFEST"


def test_the_log_of_a_failed_run_is_open_at_its_end(browser: Browser, failed: Path) -> None:
    """It began with its first line, and what went wrong was below the edge."""
    page, _ = opened(browser, failed, **PHONE)
    log = page.locator("pre.log")
    left = "(box) => [box.scrollTop > 0, box.scrollHeight - box.clientHeight - box.scrollTop < 2]"
    assert log.evaluate(left) == [True, True]
    words = f"23:10:02 web1: {LONG}: failed 23:10:04 activate failed after 9.0 s "
    assert " ".join(log.inner_text().split()) == (words * 15).strip()  # the parts of a name, too


def test_long_names_in_an_error_may_break_between_their_parts(
    browser: Browser, failed: Path
) -> None:
    page, _ = opened(browser, failed)
    parts = "(box) => box.innerHTML.split('<wbr>').filter((part) => part.startsWith('code/'))"
    assert page.locator("pre.box").last.evaluate(parts) == ["code/"]
    assert LONG in page.locator("pre.box").last.inner_text()  # as it is copied


def test_a_first_deploy_has_no_bars_of_before(browser: Browser, tmp_path: Path) -> None:
    page_of = {
        "page": "https://a/",
        "requests": 1,
        "bytes": 9,
        "sent": 3,
        "before": None,
        "assets": [],
    }
    file = tmp_path / "report.html"
    file.write_text(report({**SUMMARY, "pages": [page_of]}), "utf-8")
    series = "Chart.getChart('pages-chart').data.datasets.map((one) => one.label)"
    assert opened(browser, file)[0].evaluate(series) == ["now"]


def test_labels_of_the_chart_are_cut_to_their_room_and_keep_their_end(
    browser: Browser, file: Path
) -> None:
    """On a phone a page's URL ran out of the picture on its left."""
    labels = "Chart.getChart('pages-chart').data.labels"
    assert opened(browser, file)[0].evaluate(labels) == ["shop.example.com/"]
    phone, _ = opened(browser, file, viewport={"width": 320, "height": 640})
    (label,) = phone.evaluate(labels)
    assert label.startswith("…")
    assert label.endswith(".com/")


def test_search_finds_files_by_words_and_by_keyboard_alone(browser: Browser, file: Path) -> None:
    page, _ = opened(browser, file)
    rows = page.locator("#files-table tbody tr")
    assert rows.count() == 302
    page.get_by_label("Search the files").press_sequentially("MODULE29 changed")
    visible = page.locator("#files-table tbody tr:visible")
    assert visible.count() == 11  # 29, 290 to 299
    assert page.locator("#files-count").inner_text() == "11 of 302 shown"
    page.get_by_label("Search the files").fill("")
    assert visible.count() == 302


def test_it_prints_whole(browser: Browser, file: Path) -> None:
    page, _ = opened(browser, file)
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    assert page.locator("#files-search").is_hidden()
    box = page.locator("#files .wide").bounding_box()
    assert box is not None
    assert box["height"] > 302 * 15  # nothing is behind a scroll bar
    assert page.pdf().startswith(b"%PDF")


def test_what_is_closed_takes_no_room_on_paper(browser: Browser, file: Path) -> None:
    page, _ = opened(browser, file)
    closed, other = page.locator("#timeline details"), page.locator("#downloads details")
    other.evaluate("(element) => { element.open = true; }")
    page.emulate_media(media="print")
    assert closed.is_hidden()
    assert other.is_visible()


def test_the_page_over_all_runs_fits_paper_and_breaks_no_time(
    browser: Browser, over_all: Path
) -> None:
    """A date stood on three lines, and the unit below its number."""
    page, _ = opened(browser, over_all, viewport={"width": 680, "height": 900})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    heights = "(cells) => cells.map((cell) => cell.getClientRects().length)"
    assert set(page.locator(".index time, .index td .good").evaluate_all(heights)) == {1}
    assert page.locator(".index td", has_text="log").first.is_hidden()


def test_the_log_of_a_failed_run_prints_whole(browser: Browser, failed: Path) -> None:
    page, _ = opened(browser, failed)
    page.emulate_media(media="print")
    log = page.locator("pre.log")
    assert log.evaluate("(box) => box.scrollHeight <= box.clientHeight")
    assert log.evaluate("(box) => getComputedStyle(box).fontFamily").endswith("monospace")


def test_the_data_in_it_is_json(file: Path) -> None:
    text = file.read_text("utf-8").split('id="data">')[1].split("</script>")[0]
    assert json.loads(text)["rows"] == ["all", "build1", "web1"]
