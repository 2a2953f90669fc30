"""The report in a real browser, opened from disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from fab_static.report.html import report
from tests.unit.report.test_downloads import DOWNLOADS, HISTORY
from tests.unit.report.test_html import BUNDLES, SUMMARY

HERE = Path(__file__).parent
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


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a deploy with everything in it."""
    difference = SUMMARY["difference"]
    changed = [f"js/module{at}.js" for at in range(300)]
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
    page = tmp_path_factory.mktemp("report") / "report.html"
    page.write_text(report(summary), "utf-8")
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
    browser: Browser, file: Path, options: dict[str, Any]
) -> None:
    page, wrong = opened(browser, file, **options)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run()")
    assert found["passes"]
    assert not [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]
    assert not wrong
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]  # tables scroll by themselves, the page does not


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


def test_the_data_in_it_is_json(file: Path) -> None:
    text = file.read_text("utf-8").split('id="data">')[1].split("</script>")[0]
    assert json.loads(text)["rows"] == ["all", "build1", "web1"]
