"""Which files of the static root the inventory's pages name."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from urllib.parse import urljoin

from fab_static.phases.run.browser import Browser
from fab_static.plan import expectations
from fab_static.plan.release import Release
from fab_static.workers import Workers

AT_ONCE = 16


def named_by(
    pages: Sequence[str], live: Release, timeout_seconds: float
) -> dict[str, frozenset[str]]:
    """Return what each page names now; a page that does not answer, or names nothing, is left out.

    Args:
        pages: their URLs.
        live: the release that they print.
        timeout_seconds: to wait for each answer.
    """
    if not pages:
        return {}
    with Browser(timeout_seconds) as browser, Workers(AT_ONCE, "fab_static pages") as workers:
        found = workers.map(lambda page: _names_in(browser, page, live), pages)
        return {page: paths for page, paths in zip(pages, found, strict=True) if paths}


def _names_in(browser: Browser, page: str, live: Release) -> frozenset[str]:
    answer = browser.get(page, follow=True)
    if answer.status != 200:
        return frozenset()
    try:
        html = answer.body.decode(errors="replace")
    except ValueError:  # not encoded as it says: the probe tells of that
        return frozenset()
    paths = (expectations.static_path(url, live) for url in assets(page, html))
    return frozenset(path for path in paths if path in live.files and path)


def assets(page: str, html: str) -> dict[str, bool]:
    """Return the absolute URL of each script, stylesheet and image that a page names -> whether it is an image."""
    collector = _Assets()
    collector.feed(html)
    found: dict[str, bool] = {}
    for url, is_image in collector.urls:
        absolute = urljoin(page, url)
        found[absolute] = found.get(absolute, True) and is_image
    return found


class _Assets(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.urls: list[tuple[str, bool]] = []  # with whether it is an image, a sound or a film

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        for name in ("src", "data-main"):
            if tag in ("script", "img", "source", "video", "audio") and values.get(name):
                self.urls.append((str(values[name]), tag != "script"))
        if tag == "link" and values.get("href"):
            kinds = (values.get("rel") or "").lower().split()
            if {"stylesheet", "icon", "preload", "modulepreload"} & set(kinds):
                is_code = bool({"stylesheet", "modulepreload"} & set(kinds))
                is_code = is_code or values.get("as") in ("script", "style", "font")
                self.urls.append((str(values["href"]), not is_code))
