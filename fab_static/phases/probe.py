"""Phase probe."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from fab_static.errors import ProbeError
from fab_static.phases.run.browser import ENCODINGS, Answer, Browser
from fab_static.phases.run.delta_answers import Found, ask_as_who_returns
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.pages import AT_ONCE, assets
from fab_static.plan import expectations, integrity
from fab_static.plan.cdn.queries import as_cached, united
from fab_static.plan.expectations import OTHER_BYTES, Expected, Keep
from fab_static.plan.integrity import Promise
from fab_static.plan.inventory import Cdn, expand_url
from fab_static.plan.nginx import CHANGED_BYTES
from fab_static.plan.release import Release
from fab_static.plan.wording import counted, indented
from fab_static.workers import Workers

SAMPLE = 50  # files asked of each server beside those that changed
SHOWN = 20  # problems


def probe(deploy: Deployment) -> None:
    """Ask over HTTP what visitors get.

    Each static host is asked for every changed file and a sample of the others, then the CDN. Looked at are
    bytes as they are and compressed, type, how long caches may keep them, leave for other hosts' pages, and
    source maps. So is the answer for a version and a file that nobody has. Then come the inventory's pages,
    and every asset they name.

    Needs: the release is live. Nothing is asked of the CDN before every static host has answered rightly:
    what it fetched from a wrong one, it would keep.
    Leaves: nothing; it only asks.
    If it fails: the release stays live (exit 4); every URL that did not answer as recorded is named.
    """
    settings, cdn = deploy.environment.probe, deploy.environment.cdn
    if not settings.pages and not settings.origin and not (cdn and cdn.url):
        nothing = "no probe.pages, probe.origin or cdn.domain in the inventory; nothing asked"
        deploy.show.say(nothing)
        return
    # alone it asks for what is live, whichever release was sealed last
    live = deploy.seals.read(deploy.live) if deploy.live and not deploy.release else None
    asker = _ask_all(deploy, live or deploy.current_release())
    deploy.probed = {
        "asked": asker.answers,
        "problems": asker.problems,
        "pages": {page: sorted(paths) for page, paths in asker.pages.items()},
    }
    _warn(deploy, asker)
    _refuse_problems(deploy, asker)
    pages, files = len(settings.pages), asker.answers - len(settings.pages)
    deploy.show.say(
        f"{counted(pages, 'page')} and {counted(files, 'file')} answered as the release recorded them"
    )


def _ask_all(deploy: Deployment, release: Release) -> _Asker:
    """Ask every static host, then the CDN, then pages."""
    settings, cdn = deploy.environment.probe, deploy.environment.cdn
    through = cdn.url if cdn else None
    origins, wanted = _origins(deploy), _wanted(deploy, release)
    with Browser(settings.timeout) as browser:
        asker = _Asker(browser, release, _page_origin(settings.pages), through)
        asker.ask(_asked(base, url, want) for base in origins for url, want in wanted.items())
        # not of the CDN: one that mixes them would keep a delta for all
        asker.take(ask_as_who_returns(deploy, browser, origins, wanted))
        if cdn and through and not asker.problems and _answers(deploy, browser, through, release):
            of_cdn = _wanted_of_cdn(deploy, cdn, wanted)
            asker.ask(_asked(through, url, want, cors=True) for url, want in of_cdn.items())
            _forget_again(deploy, asker.stale)
        asker.ask_pages(settings.pages)
    return asker


def _origins(deploy: Deployment) -> list[str]:
    """Return the base URL of each static host, where the inventory has probe.origin."""
    origin = deploy.environment.probe.origin
    hosts = deploy.hosts("static") if origin else []
    return [expand_url(str(origin), host.host).rstrip("/") for host in hosts]


def _wanted_of_cdn(
    deploy: Deployment, cdn: Cdn, wanted: Mapping[str, Expected]
) -> Mapping[str, Expected]:
    """Return what the CDN must answer: as static hosts do, without what it may still have to forget."""
    bucket = deploy.environment.origin
    if bucket:
        wanted = expectations.of_a_bucket(wanted, version_function=bucket.version_function)
    if cdn.wait and not deploy.journal.to_invalidate:
        return wanted
    deploy.show.say(f"{cdn.url} may not have forgotten yet what changed in place: not asked")
    return {url: want for url, want in wanted.items() if want.keep is not Keep.SHORTLY}


def _warn(deploy: Deployment, asker: _Asker) -> None:
    """Tell what is not as it should be, and is not a fault of the release."""
    nginx = f"`fab {deploy.environment.name} nginx`"
    for page in asker.bare:
        deploy.show.warn(f"{page} names no file of the release: is its STATIC_URL another one?")
    if asker.beside:
        images = counted(len(asker.beside), "image")
        deploy.show.warn(
            f"pages name {images} outside STATIC_URL that cannot be had: {asker.beside[0]}"
        )
    if asker.wrong_before:
        answers = counted(len(asker.wrong_before), "answer has", "answers have")
        deploy.show.warn(
            f"{answers} a type that browsers refuse, which this release has not changed: "
            f"{asker.wrong_before[0]}; serve static hosts with what {nginx} prints"
        )
    if asker.whole:
        deploy.show.warn(
            f"{counted(len(asker.whole), 'file')} came whole to who holds an earlier one, such as {asker.whole[0]}: "
            f"serve static hosts with what {nginx} prints"
        )
    if asker.slow:
        deploy.show.warn(
            f"{len(asker.slow)} URLs whose bytes never change may only be kept for a while, such as "
            f"{asker.slow[0]}: serve them as {nginx} says"
        )


def _refuse_problems(deploy: Deployment, asker: _Asker) -> None:
    """Refuse a release of which something was answered wrongly.

    Raises:
        ProbeError: what, and how to look at it.
    """
    problems, fab = asker.problems, f"fab {deploy.environment.name}"
    if not problems:
        return
    hint = f" ({CHANGED_BYTES})" if any(OTHER_BYTES in one for one in problems) else ""
    raise ProbeError(
        f"{len(problems)} of {asker.answers} answers are not as the release recorded them:\n"
        + indented(problems, SHOWN),
        where=f"release {asker.release.id}, over HTTP",
        mend=f"ask for one of them by hand (curl -sI URL), and mend what answers{hint}; "
        f"then: {fab} probe; or go back: {fab} rollback",
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
    state = deploy.states[deploy.build]
    name = state["previous"]
    is_held = name and name != release.id and name in state["releases"]
    before = deploy.seals.read(str(name), deploy.build) if is_held else None
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
    promise: Promise | None = None  # what the page says of its bytes

    @property
    def key(self) -> tuple[str, str, Promise | None]:
        """What tells it from other questions."""
        return self.url, self.encoding, self.promise

    @property
    def needs_leave(self) -> bool:
        """Whether browsers ask for leave to use it: on a page of another host, fonts, modules, what they check."""
        return self.cors and (self.want.needs_cors or self.promise is not None)

    def __str__(self) -> str:
        return self.url if self.encoding == "identity" else f"{self.url} ({self.encoding})"


def _asked(base: str, url: str, want: Expected, *, cors: bool = False) -> Iterator[_Question]:
    for encoding in want.encodings:
        if encoding in ENCODINGS:
            yield _Question(base + url, want, encoding, cors=cors)


class _Asker:
    """Asks, many at once, and keeps what was wrong, in the order asked."""

    def __init__(
        self, browser: Browser, release: Release, page_origin: str | None, through: str | None
    ) -> None:
        self.release = release
        self.answers = 0
        self.problems: list[str] = []
        self.pages: dict[str, set[str]] = {}  # page -> the files of the release that it names
        self.stale: set[str] = set()  # files that the CDN answered with other bytes
        # answers of a type that browsers refuse, as they did before
        self.wrong_before: list[str] = []
        self.bare: list[str] = []  # pages that name no file of the release
        # images of pages that are not files of the release, and do not answer
        self.beside: list[str] = []
        self.slow: list[str] = []  # URLs that are right, and asked for more often than need be
        self.whole: list[str] = []  # URLs whose deltas were not sent
        self._browser = browser
        self._page_origin = page_origin
        self._through = through  # the CDN
        self._known: set[tuple[str, str, Promise | None]] = set()

    def ask(self, questions: Iterable[Iterable[_Question]]) -> None:
        """Ask all, then the source maps that the answers named."""
        waiting = [question for some in questions for question in some]
        with Workers(AT_ONCE, "fab_static probe") as workers:
            while waiting:
                waiting = [one for one in waiting if one.key not in self._known]
                self._known |= {one.key for one in waiting}
                self.answers += len(waiting)
                found: list[_Question] = []
                for problem, source_map in workers.map(self._compared, waiting):
                    if problem and problem not in self.problems:
                        self.problems.append(problem)
                    if source_map:
                        found.append(source_map)
                waiting = found

    def take(self, found: Found) -> None:
        """Add what was sent to who holds earlier bytes."""
        self.answers += found.answers
        self.problems += found.problems
        self.whole += found.whole

    def ask_pages(self, pages: Iterable[str]) -> None:
        """Ask pages, then every asset that they name."""
        self.ask([self._assets_of(page) for page in pages])

    def _assets_of(self, page: str) -> list[_Question]:
        """Ask for a page; return what to ask of its assets."""
        self.answers += 1
        answer = self._browser.get(page, follow=True)
        if answer.status != 200:
            self.problems.append(f"{page} answered {answer.status}")
            return []
        self.pages.setdefault(page, set())
        html = answer.body.decode(errors="replace")
        found = [self._asset(page, url, is_image) for url, is_image in assets(page, html).items()]
        for promise in integrity.in_html(html, page):
            asked = self._asset(page, urljoin(page, promise.url), is_image=False)
            found.append(asked and replace(asked, promise=promise))
        if not self.pages[page]:
            self.bare.append(page)
        return [question for question in found if question]

    def _asset(self, page: str, url: str, is_image: bool) -> _Question | None:
        """Return what to ask of one asset of a page, or None if that is known already, or another site's affair."""
        path = expectations.static_path(url, self.release)
        origin, of_page = _page_origin([url]), _page_origin([page])
        if path is None:
            if origin not in {of_page, _page_origin([self._through] if self._through else [])}:
                return None
            want = Expected(url, None, Keep.UNSAID, (200,))
            # an image may be an upload, which no release has brought or lost
            return _Question(url, want, "identity", is_page=True, is_told=is_image)
        problem = expectations.other_version(url, self.release)
        if problem:
            self.answers += 1
            self.problems.append(problem)
            return None
        self.pages[page].add(path)
        want = Expected(path, self.release.files[path], Keep.SHORTLY)
        return _Question(url, want, "identity", is_page=True, cors=origin != of_page)

    def _compared(self, question: _Question) -> tuple[str | None, _Question | None]:
        """Return what is wrong with an answer, and the source map that it names."""
        want, url = question.want, question.url
        answer = self._browser.get(
            url,
            encoding=question.encoding,
            origin=self._page_origin if question.needs_leave else None,
            follow=question.is_page,
        )
        try:
            body = answer.body
        except ValueError as error:
            return f"{question}: {error}", None
        if isinstance(answer.status, str) and "Errno" in answer.status:  # not one URL: the server
            return f"{_page_origin([url])} answered {answer.status}", None
        problem = self._problem(question, answer, body)
        if problem and question.is_told:
            self.beside.append(f"{question} {problem}")
            return None, None
        if problem:
            return f"{question} {problem}", None
        if not question.is_page and expectations.is_kept_too_shortly(want, answer.headers):
            self.slow.append(str(question))
        named = want.file and expectations.source_map(url, body, self.release)
        return self._map_of(url, named, question) if named else (None, None)

    def _problem(self, question: _Question, answer: Answer, body: bytes) -> str | None:
        """Return the first thing that is wrong: bytes, type, caching, leave for pages of other hosts."""
        want, of_server = question.want, not question.is_page
        problem = expectations.wrong_bytes(want, answer.status, body, answer.content_type)
        refused = expectations.wrong_type(want, answer.content_type)
        if problem and problem == refused and want.type_may_be_wrong and of_server:
            self.wrong_before.append(f"{question} {refused}")
            problem = None
        if problem not in (None, refused) and want.file and question.cors and of_server:
            self.stale.add(want.path)
        if not problem and of_server:
            problem = expectations.wrong_caching(want, answer.headers)
        if not problem and question.promise:
            problem = integrity.wrong(question.promise, body, is_elsewhere=question.cors)
        if not problem and self._page_origin and question.cors:
            is_checked, page = question.promise is not None, self._page_origin
            problem = expectations.wrong_cors(want, answer.headers, page, is_checked=is_checked)
        return problem

    def _map_of(
        self, url: str, named: str, question: _Question
    ) -> tuple[str | None, _Question | None]:
        if expectations.other_version(named, self.release):
            return f"{url} names the source map {named}, which is of another build", None
        path = str(expectations.static_path(named, self.release))
        keep = Keep.FOR_EVER if "version=" in named else Keep.SHORTLY
        want = Expected(path, self.release.files[path], keep)
        return None, _Question(named, want, "identity", question.is_page)


def _page_origin(pages: Iterable[str]) -> str | None:
    """Return scheme and host of the first page: whose leave fonts and modules must give."""
    for page in pages:
        parts = urlsplit(page)
        return f"{parts.scheme}://{parts.netloc}"
    return None
