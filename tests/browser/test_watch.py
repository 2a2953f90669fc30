"""A browser watches a deploy, from its start to its report: `fab <env> deploy --web`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_report import AXE, PHONE, browser
from tests.integration.conftest import FAB, Operator, tiny

__all__ = ["browser", "tiny"]  # fixtures
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]+/")


@pytest.fixture
def deploy(tiny: Operator, tmp_path: Path) -> Iterator[tuple[str, Path, subprocess.Popen[str]]]:
    """A deploy that waits for a file in the middle of its build; its address, the file, and the process."""
    go_on = tmp_path / "go_on"
    line = f"while ! test -e {go_on}; do sleep 0.1; done; mkdir -p held; echo > held/a"
    hold = {"name": "hold", "run": line, "writes": ["held"]}
    tiny.write_inventory(build={"phases": ["collectstatic", hold, "compress"]})
    command = [FAB, tiny.name, "deploy", "--web", "--wait", "2m"]
    with subprocess.Popen(
        command,
        cwd=tiny.folder,
        env=tiny.environment(XDG_STATE_HOME=str(tmp_path), PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        found = next(filter(None, map(ADDRESS.search, process.stdout)))
        yield found[0], go_on, process
        go_on.touch()
        process.communicate(timeout=120)


def opened(browser: Browser, address: str, **options: Any) -> tuple[Page, list[str]]:
    """Open the page; what its policy refuses, and what goes wrong in it, is collected."""
    page = browser.new_context(**options).new_page()
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(address)
    return page, wrong


def test_a_deploy_is_watched_from_its_start_to_its_report(
    browser: Browser, deploy: tuple[str, Path, subprocess.Popen[str]]
) -> None:
    address, go_on, process = deploy
    page, wrong = opened(browser, address)
    phone, _ = opened(browser, address, **PHONE, bypass_csp=True)
    expect(page.locator("#phase")).to_have_text("hold", timeout=60_000)
    expect(page).to_have_title(re.compile("^hold · tiny · "))
    expect(page.locator("#clock")).to_have_text(re.compile(r"^\d:\d\d  ·  in all \d:\d\d$"))
    row = page.locator("#hosts tbody tr", has_text="build1")
    expect(row.locator("td").nth(1)).to_have_text(re.compile(r"^▸ \d+\.\d s$"))
    expect(page.locator("#lines")).to_contain_text("collectstatic done")
    bars = "Chart.getChart('timeline-chart').data.datasets.map((one) => one.label)"
    page.wait_for_function(f"{bars}.join() === 'begin,build'")
    phone.add_script_tag(path=str(AXE))
    violations = phone.evaluate("axe.run()")["violations"]
    assert not [(one["id"], [node["html"] for node in one["nodes"]]) for one in violations]
    width = phone.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    go_on.touch()
    for one in (page, phone):  # both turn into the report, though the server ends with the command
        expect(one.locator(".outcome.good")).to_contain_text("is live", timeout=120_000)
        expect(one.locator("#timeline canvas")).to_be_visible()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    for one in (page, phone):  # nobody can load it again: it says where it is
        expect(one.locator("p[role=status]")).to_contain_text(
            re.compile(r"run has ended.*-deploy\.html$")
        )
        width = one.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1]
    page.emulate_media(color_scheme="dark")  # draws anew
    assert page.evaluate(bars)[:2] == ["begin", "build"]
    assert not wrong


def test_a_page_whose_run_was_killed_says_that_it_is_lost(
    browser: Browser, deploy: tuple[str, Path, subprocess.Popen[str]]
) -> None:
    """Its table went on to show what runs, below words like any others."""
    address, _, process = deploy
    page = browser.new_page()
    page.goto(address)
    expect(page.locator("#phase")).to_have_text("hold", timeout=60_000)
    process.kill()
    expect(page.locator("#phase.bad")).to_have_text(re.compile("^lost: the command has ended, or"))
    colour = "(element) => getComputedStyle(element).color"
    cell = page.locator("#hosts .running").first
    assert cell.evaluate(colour) == page.locator("#clock").evaluate(colour)
