"""The site of the docs, built as `make site` builds it, and opened in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "zensical.toml", folder)
    (folder / ".site").mkdir()
    laid_out = [sys.executable, ROOT / "docs" / "site.py", folder / ".site" / "pages"]
    subprocess.run(laid_out, check=True)
    zensical = Path(sys.executable).parent / "zensical"
    subprocess.run([zensical, "build", "--strict"], cwd=folder, check=True, capture_output=True)
    return folder / ".site" / "html"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_no_link_of_any_page_is_dead(site: Path) -> None:
    pages = {page: page.read_text("utf-8") for page in site.glob("*.html")}
    assert len(pages) > 20
    ids = {page: {*re.findall(r'\bid="([^"]+)"', text)} for page, text in pages.items()}
    dead = []
    for page, text in pages.items():
        for link in re.findall(r'<a [^>]*href="([^"]+)"', text):
            path, _, anchor = unquote(link).partition("#")
            target = (site / path.lstrip("/")) if path else page
            if "://" not in link and not (target.exists() and anchor in {"", *ids.get(target, ())}):
                dead.append(f"{page.name}: {link}")
    assert not dead


def test_a_search_leads_to_the_page_that_answers(address: str) -> None:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = running.new_page()
        page.goto(f"{address}/index.html")
        box = page.locator('input[role="combobox"]')
        box.wait_for(state="attached")  # the search has started
        page.locator(".md-search__button").click()
        box.fill("pool named")
        found = page.get_by_role("link", name="What is on a host", exact=False).first
        expect(found).to_be_visible(timeout=60_000)
        running.close()
