"""Advice on the project's templates: fewer requests, and files that caches keep for longer."""

from __future__ import annotations

from collections.abc import Sequence

from fab_static.doctor.findings import Finding, advice, bad, good
from fab_static.errors import FabStaticError
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.wire import questions
from fab_static.plan.wording import counted, some_of
from fab_static.remote import RemoteHost

SHOWN = 3  # templates named in one finding
# https://www.w3.org/TR/sri-2/: what a page would lose is told to the endpoint alone
_HOW_TO_CHECK = (
    'write integrity="{% static_integrity "NAME" %}", and COMPRESS_SRI_HASHES = ("sha384",) for compress blocks. '
    "To learn what browsers would refuse, begin with these headers of pages: "
    "Integrity-Policy-Report-Only: blocked-destinations=(script), endpoints=(integrity) and "
    'Reporting-Endpoints: integrity="https://…"'
)


def of_templates(deploy: Deployment, host: RemoteHost) -> list[Finding]:
    """Return advice on the project's templates: fewer requests, and cached for longer."""
    try:
        answer = deploy.project(host).ask(questions.LINT)
    except FabStaticError as error:
        judged = bad if "compress" in deploy.environment.build.phases else advice
        return [judged(host.name, "templates", f"cannot be read: {error.what}", error.mend)]
    return template_findings(host.name, answer)


def template_findings(where: str, answer: questions.Lint) -> list[Finding]:
    """Return the lint's answer as findings: one of all pages, and one for each template to mend.

    Args:
        where: the host asked.
        answer: see host/project/lint.
    """
    templates = answer["templates"]
    found = _of_pages(where, templates)
    for one in templates:
        faults, cures = _of_template(one)
        if faults and one["requests"]:
            total = one["requests"]["total"]
            faults.append(f"the page asks for {counted(total, 'static file')}")
        if faults:
            subject = f"template {one['template']}"
            found.append(advice(where, subject, "; ".join(faults), "; ".join(cures), details=one))
    return found + _of_tag(where, answer["unversioned_tag"]) + _of_integrity(where, templates)


def _of_integrity(where: str, templates: Sequence[questions.Linted]) -> list[Finding]:
    """Return advice on the scripts whose bytes no browser checks, and the header to begin with."""
    unchecked = {one["template"]: one.get("unchecked", []) for one in templates}
    unchecked = {template: some for template, some in unchecked.items() if some}
    if not unchecked:
        return []
    count = sum(map(len, unchecked.values()))
    places = [
        f"{template} {_lines([one['line'] for one in some])}"
        for template, some in unchecked.items()
    ]
    what = f"{counted(count, 'script has', 'scripts have')} no integrity: {some_of(places, SHOWN)}"
    return [advice(where, "integrity", what, _HOW_TO_CHECK, details=unchecked)]


def _of_tag(where: str, plain: Sequence[str]) -> list[Finding]:
    """Return advice on the templates whose `static` prints no version."""
    if not plain:
        return []
    some = f"{counted(len(plain), 'template')}, such as {plain[0]}"
    what = f"{{% static %}} prints no version in {some}: caches cannot keep these files for long"
    cure = "{% load fab_static %} after `static` there, and have resource_static among build.phases"
    return [advice(where, "templates", what, cure, details={"templates": plain})]


def _of_pages(where: str, templates: Sequence[questions.Linted]) -> list[Finding]:
    """Return how many static files a page asks for, in one finding, or none if no template is a page."""
    pages = {one["template"]: one["requests"] for one in templates if one["requests"]}
    if not pages:
        return []
    most = max(pages, key=lambda page: pages[page]["total"])
    count = sum(requests["total"] for requests in pages.values()) / len(pages)
    what = (
        f"{counted(len(pages), 'page')} in {counted(len(templates), 'template')}; a page asks for "
        f"{count:.1f} static files on average, {most} for {pages[most]['total']}, the most"
    )
    return [{**good(where, "templates", what), "details": pages}]


def _of_template(one: questions.Linted) -> tuple[list[str], list[str]]:
    """Return what could be better in a template, and how."""
    what, mend = [], []
    for kind in ("script", "stylesheet"):
        lines = [each["line"] for each in one["outside"] if each["kind"] == kind]
        if lines:
            what.append(f"{counted(len(lines), kind)} outside {{% compress %}} ({_lines(lines)})")
    if what:
        mend.append("put them into {% compress %} blocks: one request, cached for good")
    if one["hard_coded"]:
        lines = [each["line"] for each in one["hard_coded"]]
        what.append(f"{counted(len(lines), 'URL')} with STATIC_URL written out ({_lines(lines)})")
        mend.append('write {% static "…" %}, which prints the version')
    if one["unversioned"]:
        lines = [each["line"] for each in one["unversioned"]]
        url = one["unversioned"][0]
        of = f" of {url['in']}" if "in" in url else ""
        what.append(
            f"{counted(len(lines), 'reference')} without a version, such as {url['url']}{of} "
            f"({_lines(lines)})"
        )
        mend.append(
            "what has no version keeps its URL when it changes, so caches keep it for minutes: compress the "
            "stylesheet that names it, where one does"
        )
    return what, mend


def _lines(lines: Sequence[int]) -> str:
    some = [str(line) for line in dict.fromkeys(lines)]
    more = ", …" if len(some) > 6 else ""
    return ("line " if len(some) == 1 else "lines ") + ", ".join(some[:6]) + more
