"""Advice on the project's templates: fewer requests, and files that caches keep for longer."""

from __future__ import annotations

from collections.abc import Sequence

from fab_static.doctor.findings import Finding, advice, good
from fab_static.errors import FabStaticError
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.wire import questions
from fab_static.plan.wording import counted
from fab_static.remote import RemoteHost


def of_templates(deploy: Deployment, host: RemoteHost) -> list[Finding]:
    """Return advice on the project's templates: fewer requests, and cached for longer."""
    try:
        answer = deploy.project(host).ask(questions.LINT)
    except FabStaticError as error:
        return [advice(host.name, "templates", f"cannot be read: {error.what}", error.mend)]
    return template_findings(host.name, answer)


def template_findings(where: str, answer: questions.Lint) -> list[Finding]:
    """Return the lint's answer as findings: one of all pages, and one for each template to mend.

    Args:
        where: the host asked.
        answer: see host/project/lint.
    """
    templates = answer["templates"]
    pages = {one["template"]: one["requests"] for one in templates if one["requests"]}
    found: list[Finding] = []
    if pages:
        most = max(pages, key=lambda page: pages[page]["total"])
        count = sum(requests["total"] for requests in pages.values()) / len(pages)
        found.append(
            {
                **good(
                    where,
                    "templates",
                    f"{counted(len(pages), 'page')} in {counted(len(templates), 'template')}; a page asks for "
                    f"{count:.1f} static files on average, {most} for "
                    f"{pages[most]['total']}, the most",
                ),
                "details": pages,
            }
        )
    for one in templates:
        what, mend = _of_template(one)
        if what:
            if one["requests"]:
                what.append(f"the page asks for {counted(one['requests']['total'], 'static file')}")
            subject = f"template {one['template']}"
            found.append(advice(where, subject, "; ".join(what), "; ".join(mend), details=one))
    plain = answer["unversioned_tag"]
    if plain:
        found.append(
            advice(
                where,
                "templates",
                f"{{% static %}} prints no version in {counted(len(plain), 'template')}, such as "
                f"{plain[0]}: caches cannot keep these files for long",
                "{% load fab_static %} after `static` there, and have resource_static among build.phases",
                details={"templates": plain},
            )
        )
    return found


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
            "what has no version keeps its URL when it changes: compress the stylesheet that names it, "
            "or bear with its invalidation"
        )
    return what, mend


def _lines(lines: Sequence[int]) -> str:
    some = [str(line) for line in dict.fromkeys(lines)]
    more = ", …" if len(some) > 6 else ""
    return ("line " if len(some) == 1 else "lines ") + ", ".join(some[:6]) + more
