"""Phase probe."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from fab_static.errors import ProbeError
from fab_static.phases.run.browser import ENCODINGS, Browser
from fab_static.phases.run.deployment import Deployment
from fab_static.plan import expectations
from fab_static.plan.cdn.queries import as_cached, united
from fab_static.plan.expectations import OTHER_BYTES, Expected, Keep
from fab_static.plan.inventory import expand_url
from fab_static.plan.nginx import CHANGED_BYTES
from fab_static.plan.release import Release
from fab_static.plan.wording import counted, indented
from fab_static.workers import Workers

SAMPLE = 50  # files asked of each server beside those that changed
AT_ONCE = 16
SHOWN = 20  # problems


def probe(deploy: Deployment) -> None:
    """Ask over HTTP what visitors get.

    Every changed file and a sample of the others, from each static host and then through the CDN: bytes as
    they are and compressed, type, how long caches may keep them, leave for other hosts' pages, source maps;
    a version and a file that nobody has. Then the inventory's pages, and every asset they name.

    Needs: the release is live. Nothing is asked of the CDN before every static host has answered rightly:
    what it fetched from a wrong one, it would keep.
    Leaves: nothing; it only asks.
    If it fails: the release stays live (exit 4); every URL that did not answer as recorded is named.
    """
    # by itself it asks for what is live, whichever release was sealed last
    live = deploy.read_release(deploy.live) if deploy.live and not deploy.release else None
    release = live or deploy.current_release()
    settings, cdn = deploy.environment.probe, deploy.environment.cdn
    through = cdn.url if cdn else None
    if not settings.pages and not settings.origin and not through:
        deploy.show.say(
            "no probe.pages, probe.origin or cdn.domain in the inventory; nothing asked"
        )
        return
    origins = [
        expand_url(settings.origin, host.host).rstrip("/")
        for host in deploy.hosts("static")
        if settings.origin
    ]
    wanted = _wanted(deploy, release)
    with Browser(settings.timeout) as browser:
        asker = _Asker(browser, release, _page_origin(settings.pages), through)
        asker.ask(_asked(base, url, want) for base in origins for url, want in wanted.items())
        if cdn and through and not asker.problems and _answers(deploy, browser, through, release):
            bucket = deploy.environment.origin
            if bucket:
                exact = bucket.version_function
                wanted = expectations.of_a_bucket(wanted, version_function=exact)
            if not cdn.wait or deploy.journal.to_invalidate:
                wanted = {
                    url: want for url, want in wanted.items() if want.keep is not Keep.SHORTLY
                }
                deploy.show.say(
                    f"{through} may not have forgotten yet what changed in place: not asked"
                )
            asker.ask(_asked(through, url, want, cors=True) for url, want in wanted.items())
            _forget_again(deploy, asker.stale)
        asker.ask_pages(settings.pages)
    deploy.probed = {
        "asked": asker.answers,
        "problems": asker.problems,
        "pages": {page: sorted(paths) for page, paths in asker.pages.items()},
    }
    for page in asker.bare:
        deploy.show.warn(f"{page} names no file of the release: is its STATIC_URL another one?")
    if asker.beside:
        deploy.show.warn(
            f"pages name {counted(len(asker.beside), 'image')} outside STATIC_URL that cannot be had: "
            f"{asker.beside[0]}"
        )
    if asker.wrong_before:
        deploy.show.warn(
            f"{counted(len(asker.wrong_before), 'answer has', 'answers have')} a type that browsers refuse, which this "
            f"release has not changed: {asker.wrong_before[0]}; serve static hosts with what "
            f"`fab {deploy.environment.name} nginx` prints"
        )
    if asker.slow:
        deploy.show.warn(
            f"{len(asker.slow)} URLs whose bytes never change may only be kept for a while, such as "
            f"{asker.slow[0]}: serve them as `fab {deploy.environment.name} nginx` says"
        )
    if asker.problems:
        shown = indented(asker.problems, SHOWN)
        raise ProbeError(
            f"{len(asker.problems)} of {asker.answers} answers are not as the release recorded them:\n"
            + shown,
            where=f"release {release.id}, over HTTP",
            mend="ask for one of them by hand (curl -sI URL), and mend what answers"
            + (f" ({CHANGED_BYTES})" if any(OTHER_BYTES in one for one in asker.problems) else "")
            + f"; then: fab {deploy.environment.name} probe; or go back: fab {deploy.environment.name} rollback",
        )
    pages = len(settings.pages)
    deploy.show.say(
        f"{counted(pages, 'page')} and {counted(asker.answers - pages, 'file')} answered as the release "
        "recorded them"
    )


def _answers(deploy: Deployment, browser: Browser, through: str, release: Release) -> bool:
    """Tell whether the CDN can be reached at all; where it cannot, that says nothing of the release."""
    nothing = through + expectations.base_of(release) + expectations.MISSING
    status = browser.get(nothing).status
    if isinstance(status, str):
        deploy.show.warn(f"{through} cannot be reached from here ({status}): not asked")
        return False
    return True


def _forget_again(deploy: Deployment, stale: Collection[str]) -> None:
    """Have the next `invalidate` ask for what the CDN alone answers wrongly: its list was emptied.

    Without what was asked before, it asks under a new reference: CloudFront would take the earlier one for done.
    """
    if stale:
        journal = deploy.journal
        journal.to_invalidate = united(journal.to_invalidate, as_cached(stale))
        journal.invalidation = None
        journal.save()
        deploy.show.warn(
            f"the CDN alone answers wrongly for {counted(len(stale), 'file')}: have it forget them with "
            f"fab {deploy.environment.name} invalidate"
        )


def _wanted(deploy: Deployment, release: Release) -> dict[str, Expected]:
    """Return what each server must answer: the URLs are the same for all."""
    previous = deploy.states[deploy.build]["previous"]
    before = None
    if previous and previous != release.id and previous in deploy.states[deploy.build]["releases"]:
        before = deploy.read_release(previous, deploy.build)
    paths = sorted(release.files)
    sample = random.Random(release.id).sample(paths, min(SAMPLE, len(paths)))  # noqa: S311 - no secret
    return expectations.to_ask(release, before, sample) | expectations.never_there(release)


@dataclass(frozen=True)
class _Question:
    url: str
    want: Expected
    encoding: str
    is_page: bool = False  # asked because a page names it: where it comes from is the page's affair
    cors: bool = False  # pages of another host must be given leave
    is_told: bool = False  # an answer that is wrong is told, and no failure of the release


def _asked(base: str, url: str, want: Expected, *, cors: bool = False) -> Iterator[_Question]:
    for encoding in want.encodings:
        if encoding in ENCODINGS:
            yield _Question(base + url, want, encoding, cors=cors)


class _Asker:
    """Asks, many at once, and keeps what was wrong, in the order asked."""

    def __init__(
        self,
        browser: Browser,
        release: Release,
        page_origin: str | None,
        through: str | None,
    ) -> None:
        self.problems: list[str] = []
        self.pages: dict[str, set[str]] = {}  # page -> the files of the release that it names
        self.stale: set[str] = set()  # files that the CDN answered with other bytes
        self.wrong_before: list[
            str
        ] = []  # answers of a type that browsers refuse, as they did before
        self.bare: list[str] = []  # pages that name no file of the release
        self.beside: list[
            str
        ] = []  # images of pages that are no files of the release, and do not answer
        self.slow: list[str] = []  # URLs that are right, and asked for more often than need be
        self.answers = 0
        self._browser = browser
        self._release = release
        self._page_origin = page_origin
        self._through = through  # the CDN
        self._known: set[tuple[str, str]] = set()

    def ask(self, questions: Iterable[Iterable[_Question]]) -> None:
        """Ask all, then the source maps that the answers named."""
        waiting = [question for some in questions for question in some]
        with Workers(AT_ONCE, "fab_static probe") as workers:
            while waiting:
                waiting = [one for one in waiting if (one.url, one.encoding) not in self._known]
                self._known |= {(one.url, one.encoding) for one in waiting}
                self.answers += len(waiting)
                found: list[_Question] = []
                for problem, source_map in workers.map(self._compared, waiting):
                    if problem and problem not in self.problems:
                        self.problems.append(problem)
                    if source_map:
                        found.append(source_map)
                waiting = found

    def ask_pages(self, pages: Iterable[str]) -> None:
        """Ask pages, then every asset that they name."""
        questions: list[_Question] = []
        for page in pages:
            self.answers += 1
            answer = self._browser.get(page, follow=True)
            if answer.status != 200:
                self.problems.append(f"{page} answered {answer.status}")
                continue
            named = self.pages.setdefault(page, set())
            near = {_page_origin([page]), _page_origin([self._through] if self._through else [])}
            for url, is_image in assets(page, answer.body.decode(errors="replace")).items():
                path = expectations.static_path(url, self._release)
                if path is None:
                    if _page_origin([url]) in near:
                        want = Expected(url, None, Keep.UNSAID, (200,))
                        # an image may be an upload, which no release has brought or lost
                        questions.append(
                            _Question(url, want, "identity", is_page=True, is_told=is_image)
                        )
                    continue
                problem = expectations.other_version(url, self._release)
                if problem:
                    self.answers += 1
                    self.problems.append(problem)
                    continue
                named.add(path)
                want = Expected(path, self._release.files[path], Keep.SHORTLY)
                elsewhere = _page_origin([url]) != _page_origin([page])
                questions.append(_Question(url, want, "identity", is_page=True, cors=elsewhere))
            if not named:
                self.bare.append(page)
        self.ask([questions])

    def _compared(self, question: _Question) -> tuple[str | None, _Question | None]:
        """Return what is wrong with an answer, and the source map that it names."""
        want, url = question.want, question.url
        answer = self._browser.get(
            url,
            encoding=question.encoding,
            origin=self._page_origin if want.needs_cors and question.cors else None,
            follow=question.is_page,
        )
        asked = url if question.encoding == "identity" else f"{url} ({question.encoding})"
        try:
            body = answer.body
        except ValueError as error:
            return f"{asked}: {error}", None
        if isinstance(answer.status, str) and "Errno" in answer.status:  # not one URL: the server
            return f"{_page_origin([url])} answered {answer.status}", None
        problem = expectations.wrong_bytes(want, answer.status, body, answer.content_type)
        refused = expectations.wrong_type(want, answer.content_type)
        if problem and problem == refused and want.type_may_be_wrong and not question.is_page:
            self.wrong_before.append(f"{asked} {refused}")
            problem = None
        if problem not in (None, refused) and want.file and question.cors and not question.is_page:
            self.stale.add(want.path)
        if not problem and not question.is_page:
            problem = expectations.wrong_caching(want, answer.headers)
        if not problem and self._page_origin and question.cors:
            problem = expectations.wrong_cors(want, answer.headers, self._page_origin)
        if problem and question.is_told:
            self.beside.append(f"{asked} {problem}")
            return None, None
        if problem:
            return f"{asked} {problem}", None
        if not question.is_page and expectations.is_kept_too_shortly(want, answer.headers):
            self.slow.append(asked)
        named = want.file and expectations.source_map(url, body, self._release)
        if not named:
            return None, None
        return self._map_of(url, named, question)

    def _map_of(
        self, url: str, named: str, question: _Question
    ) -> tuple[str | None, _Question | None]:
        if expectations.other_version(named, self._release):
            return f"{url} names the source map {named}, which is of another build", None
        path = str(expectations.static_path(named, self._release))
        keep = Keep.FOR_EVER if "version=" in named else Keep.SHORTLY
        want = Expected(path, self._release.files[path], keep)
        return None, _Question(named, want, "identity", question.is_page)


def _page_origin(pages: Iterable[str]) -> str | None:
    """Return scheme and host of the first page: whose leave fonts and modules must give."""
    for page in pages:
        parts = urlsplit(page)
        return f"{parts.scheme}://{parts.netloc}"
    return None


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
                is_image = not {"stylesheet", "modulepreload"} & {*kinds} and values.get(
                    "as"
                ) not in (
                    "script",
                    "style",
                    "font",
                )
                self.urls.append((str(values["href"]), is_image))
