"""Phase probe."""

from __future__ import annotations

import hashlib
import http.client
import random
import re
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from urllib.parse import parse_qs, quote, unquote, urljoin, urlsplit

from fab_static.errors import ReleaseError
from fab_static.phases.deployment import Deployment
from fab_static.plan.inventory import expand
from fab_static.plan.release import Release

SAMPLE = 50  # files asked of each origin beside those that pages name
AT_ONCE = 16


def probe(deploy: Deployment) -> None:
    """Ask over HTTP what visitors get.

    The inventory's pages, every asset they name, and a sample of other files.

    Needs: the release is live.
    Leaves: nothing; it only asks.
    If it fails: the release stays live (exit 4); every URL that did not answer with its recorded bytes
    is named.
    """
    release = deploy.current_release()
    settings = deploy.environment.probe
    if not settings.pages and not settings.origin:
        deploy.show.say("no probe.pages and no probe.origin in the inventory; nothing asked")
        return
    wanted: dict[str, str | None] = {}
    problems: list[str] = []
    for page in settings.pages:
        status, body, _ = fetch(page, settings.timeout)
        if status != 200:
            problems.append(f"{page} answered {status}")
            continue
        for url in assets(page, body.decode(errors="replace")):
            path = static_path(url, release)
            if path is not None:
                wanted[url] = path
    for url, path in _of_origins(deploy, release):
        wanted[url] = path
    with ThreadPoolExecutor(AT_ONCE) as workers:
        for problem in workers.map(
            lambda item: _compared(item[0], item[1], release, settings.timeout), wanted.items()
        ):
            if problem:
                problems.append(problem)
    if problems:
        raise ReleaseError(
            f"{len(problems)} of {len(wanted) + len(settings.pages)} URLs are not served as the "
            "release recorded them:\n" + "\n".join(f"    {problem}" for problem in problems[:20]),
            where=f"release {release.id}, over HTTP",
            mend=f"see what stands between, then: fab {deploy.environment.name} probe; "
            f"or go back: fab {deploy.environment.name} rollback",
        )
    deploy.show.say(
        f"{len(settings.pages)} pages and {len(wanted)} files answered as the release recorded them"
    )


def _of_origins(deploy: Deployment, release: Release) -> Iterable[tuple[str, str]]:
    """Yield URLs that each static host must answer directly: a sample, the same for all."""
    origin = deploy.environment.probe.origin
    if not origin:
        return
    base = urlsplit(str(release.settings["STATIC_URL"])).path
    sample = random.Random(release.id).sample(  # noqa: S311 - a sample, no secret
        sorted(release.files), min(SAMPLE, len(release.files))
    )
    for host in deploy.hosts("static"):
        for path in sample:
            url = expand(origin, host.host).rstrip("/") + base + quote(path)
            if path in release.versions:
                url += f"?version={release.versions[path]}"
            yield url, path


def fetch(url: str, timeout_seconds: float) -> tuple[int | str, bytes, str]:
    """Return status (or why there is none), body and content type of a URL."""
    # as browsers do: pages may print a name as it is, with a space or an umlaut
    encoded = quote(url, safe="%/:?#[]@!$&'()*+,;=~")
    request = urllib.request.Request(  # noqa: S310 - http(s) by the inventory's own check
        encoded, headers={"Accept-Encoding": "identity", "User-Agent": "fab_static probe"}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:  # noqa: S310
            return answer.status, answer.read(), answer.headers.get_content_type()
    except urllib.error.HTTPError as error:
        return error.code, b"", ""
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"nothing: {getattr(error, 'reason', error)}", b"", ""


def assets(page: str, html: str) -> list[str]:
    """Return the URLs of all scripts, stylesheets and images that a page names, absolute, in order."""
    collector = _Assets()
    collector.feed(html)
    return list(dict.fromkeys(urljoin(page, url) for url in collector.urls))


class _Assets(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        for name in ("src", "data-main"):
            if tag in ("script", "img", "source", "video", "audio") and values.get(name):
                self.urls.append(str(values[name]))
        if tag == "link" and values.get("href"):
            kinds = (values.get("rel") or "").lower().split()
            if {"stylesheet", "icon", "preload", "modulepreload"} & set(kinds):
                self.urls.append(str(values["href"]))


def static_path(url: str, release: Release) -> str | None:
    """Return the path below the static root that a URL names; None where it is no static URL."""
    base = urlsplit(str(release.settings["STATIC_URL"])).path
    path = unquote(urlsplit(url).path)
    return path[len(base) :] if path.startswith(base) and len(path) > len(base) else None


def _compared(url: str, path: str | None, release: Release, timeout_seconds: float) -> str | None:
    """Return what is wrong with a URL's answer; None where it is the recorded bytes."""
    file = release.files.get(path or "")
    if file is None:
        return f"{url} is named by a page, and the release has no {path}"
    version = parse_qs(urlsplit(url).query).get("version", [None])[0]
    if version and re.fullmatch("[0-9a-f]{7}", version) and version != file.version:
        return f"{url} is printed by a page, and the release recorded version {file.version}"
    status, body, _ = fetch(url, timeout_seconds)
    if status != 200:
        return f"{url} answered {status}"
    if hashlib.sha256(body).hexdigest() != file.sha256:
        return f"{url} answered {len(body)} bytes that are not the recorded {file.size}"
    return None
