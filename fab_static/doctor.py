"""The doctor: looks at everything that a deploy will need, and says how to mend what is not right.

Changes nothing that is served or built. It tries what only a try can tell: hosts whose folders look alike
set a file `.mark-*` in deploy_to for a moment, and a bucket gets two small objects (see bucket_doctor). It
removes these again; a bucket keeps them where s3:DeleteObject is denied.

Each finding is a dict: {"where": host or part, "subject", "ok": bool, "what": one sentence, "mend": what to
do, or null where all is well}. Advice is "ok" and has "advice": true besides: a deploy will do well without
it, and pages would do better with it. Advice on a template has "details" as host/template_lint.py gives
them: every tag and URL with its line.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fab_static import cdn_doctor, origin_doctor
from fab_static.errors import FabStaticError
from fab_static.findings import Finding
from fab_static.findings import advice as _advice
from fab_static.findings import bad as _bad
from fab_static.findings import good as _good
from fab_static.phases import sharing, static_root
from fab_static.phases.deployment import Deployment
from fab_static.phases.journal import Journal
from fab_static.plan.build_order import PHASES
from fab_static.plan.inventory import expand_url
from fab_static.remote import RemoteHost
from fab_static.wording import counted

LEAST_FREE_BYTES = 500_000_000
LEAST_FREE_INODES = 20_000
MOST_SKEW_SECONDS = 5.0
COMPRESSOR_WITHOUT_RACES = (
    4,
    6,
)  # threaded compress lost blocks before: django-compressor issue 1291
NODE_AT_LEAST = 16


def check(deploy: Deployment) -> list[Finding]:
    """Return every finding, the good ones too, host by host."""
    findings: list[Finding] = []
    answers, failures = deploy.fleet.attempt(deploy.hosts(), _host)
    for host in deploy.hosts():
        if host in failures:
            error = failures[host]
            findings.append(_bad(host.name, "SSH", error.what, error.mend))
        else:
            findings += answers[host][0]
    facts = {host: known for host, (_, known) in answers.items()}
    findings += [
        _bad(hosts[0].name, "deploy_to", sharing.what(hosts), sharing.MEND)
        for hosts in sharing.shared(deploy, facts)
    ]
    reached = [host for host in deploy.hosts("build", "web") if host not in failures]
    _, broken = deploy.fleet.attempt(reached, deploy.facts)
    findings += [
        _bad(host.name, "project", error.what, error.mend) for host, error in broken.items()
    ]
    whole = [host for host in reached if host not in broken]
    for host in whole:
        if "build" in host.roles:
            findings += _build(deploy, host)
            findings += _templates(deploy, host)
    if deploy.build in whole:
        for host in whole:
            if "web" in host.roles:
                findings += _web(deploy, host)
    static = [host for host in deploy.hosts("static") if host not in failures]
    served, unasked = deploy.fleet.attempt(static, lambda host: origin_doctor.check(deploy, host))
    findings += [finding for some in served.values() for finding in some]
    findings += [
        _bad(host.name, "nginx", error.what, error.mend) for host, error in unasked.items()
    ]
    findings += cdn_doctor.check(deploy)
    return findings


def _host(host: RemoteHost) -> tuple[list[Finding], Mapping[str, Any]]:
    asked = time.time()
    facts, _ = host.ask("facts")
    answered = time.time()
    user, folder = host.hello["user"], str(host.layout.deploy_to)
    found = [_good(host.name, "SSH", f"{user}, Python {host.hello['python']}")]
    if facts["writable"]:
        found.append(_good(host.name, "deploy_to", f"{folder} can be written"))
    else:
        found.append(
            _bad(
                host.name,
                "deploy_to",
                f"{user} may not write below {folder}",
                f"sudo install -d -o {user} {folder}",
            )
        )
    found += _below(host.name, facts, user, folder)
    free = facts["free_bytes"]
    if free < LEAST_FREE_BYTES or facts["free_inodes"] < LEAST_FREE_INODES:
        found.append(
            _bad(
                host.name,
                "disk",
                f"{free:,} bytes and {facts['free_inodes']:,} inodes are free",
                f"free some space there; fab {host.environment.name} prune removes old releases",
            )
        )
    else:
        found.append(_good(host.name, "disk", f"{free / 1e9:.1f} GB free"))
    skew = max(asked - facts["now"], facts["now"] - answered, 0.0)
    if skew > MOST_SKEW_SECONDS:
        found.append(
            _bad(
                host.name,
                "clock",
                f"its clock is {skew:.0f} seconds off this machine's",
                "let it keep time by NTP: releases are named by time",
            )
        )
    else:
        found.append(_good(host.name, "clock", "agrees with this machine's"))
    return found, facts


def _below(where: str, facts: Mapping[str, Any], user: str, folder: str) -> Iterator[Finding]:
    """Yield what is wrong below deploy_to: whose it is, who may write there, where it lies."""
    if facts["unwritable"]:
        some = ", ".join(facts["unwritable"][:3])
        yield _bad(
            where,
            "deploy_to",
            f"{user} may not write in {counted(len(facts['unwritable']), 'folder')} there, such as {some}",
            f"sudo chown -R {user} {folder}",
        )
    if facts["elsewhere"]:
        yield _bad(
            where,
            "deploy_to",
            f"{' and '.join(facts['elsewhere'])} lie on another file system",
            "keep objects/, releases/ and pool/ on one file system: files are hard links, so that each takes "
            "its bytes once on the disk and in memory",
        )
    for one in facts.get("linked", ()):
        yield _bad(
            where,
            "deploy_to",
            f"{one}: nothing is written or removed through it",
            f"remove the link, and move the folder itself to {folder} if the link led to it; to keep all of it "
            f"on another disk, let {folder} as a whole be a link to there",
        )
    for one in facts["open_path"]:
        yield _bad(
            where,
            "PATH",
            f"PATH has {one}, where other accounts may put programs that we start (git, node, brotli)",
            f"take it out of PATH for {user}, or: sudo chown root {one}; sudo chmod go-w {one}",
        )
    if facts["exposed"]:
        more = len(facts["exposed"]) - 3
        tell = (
            _advice if facts["is_a_groups"] else _bad
        )  # a group that deploys together wants it so
        yield tell(
            where,
            "deploy_to",
            "; ".join(facts["exposed"][:3])
            + (f"; and {more} more" if more > 0 else "")
            + ": whoever may write there decides what visitors get",
            f"sudo chown -R {user} {folder}; sudo chmod -R go-w {folder}. Where several accounts deploy, let "
            "them become one: ssh.become",
        )


def _build(deploy: Deployment, host: RemoteHost) -> Iterator[Finding]:
    facts = deploy.facts(host)
    environment = deploy.environment
    yield _good(host.name, "project", f"Django {facts['django']}, Python {facts['python']}")
    yield from _static_root(deploy, host)
    for name in environment.build.phases:
        text = environment.build.commands.get(name, PHASES[name].command).split()
        if text[0] == "manage.py" and text[1] not in facts["commands"]:
            yield _bad(
                host.name,
                "phases",
                f"the project has no management command {text[1]} for phase {name}",
                f"add the app that has it to INSTALLED_APPS, or take {name} out of build.phases",
            )
    node = host.run(["/bin/sh", "-c", "node --version"], environment=deploy.project(host).variables)
    version = node.output.strip().lstrip("v").split(".")[0]
    wants_node = {"build_requirejs", "fix_less_imports"} & set(environment.build.phases)
    if node.code == 0 and version.isdigit() and int(version) >= NODE_AT_LEAST:
        yield _good(host.name, "Node.js", node.output.strip())
    elif wants_node:
        yield _bad(
            host.name,
            "Node.js",
            f"node is {node.output.strip() or 'not there'}",
            f"install Node.js {NODE_AT_LEAST} or later, on the PATH of a login without a terminal",
        )
    if "br" in environment.build.precompress:
        yield _brotli(host)
    compress = facts["compress"]
    if "compress" in environment.build.phases and compress:
        yield from _compressor(host, facts, compress)


def _static_root(deploy: Deployment, host: RemoteHost) -> Iterator[Finding]:
    facts = deploy.facts(host)
    state, _ = host.ask("state")
    deploy.journal, _ = Journal.read(host, state["journal"], is_ours=state["journal_is_ours"])
    wrong = list(static_root.faults(deploy))
    for error in wrong:
        yield _bad(host.name, "STATIC_ROOT", error.what, error.mend)
    if not wrong:
        yield _good(host.name, "STATIC_ROOT", f"{facts['static_root']} holds nothing else")
    ignored = facts["ignored_storage"]
    if ignored and ignored != facts["storage"]["class"]:
        yield _bad(
            host.name,
            "STATICFILES_STORAGE",
            f"Django {facts['django']} does not read this setting any more: it uses "
            f"{facts['storage']['class']}, and not {ignored}",
            f'set STORAGES = {{"staticfiles": {{"BACKEND": "{ignored}"}}, …}}',
        )


def _brotli(host: RemoteHost) -> Finding:
    program = host.run(["brotli", "--version"])
    if program.code == 0:
        return _good(host.name, "brotli", program.output.strip())
    return _bad(
        host.name,
        "brotli",
        "there is no program brotli, and build.precompress has br",
        "install it there (Debian: apt-get install brotli), or take br out of build.precompress",
    )


def _compressor(
    host: RemoteHost, facts: Mapping[str, Any], compress: Mapping[str, Any]
) -> Iterator[Finding]:
    version = tuple(int(part) for part in str(facts["compressor"]).split(".")[:2] if part.isdigit())
    if version < COMPRESSOR_WITHOUT_RACES:
        yield _bad(
            host.name,
            "django-compressor",
            f"{facts['compressor']} loses blocks now and then, when its threads race",
            "pip install 'django-compressor>=4.6' (what is lost is found, and fails the phase)",
        )
    else:
        yield _good(host.name, "django-compressor", str(facts["compressor"]))
    if compress["css_hashing_method"] == "mtime":
        yield _advice(
            host.name,
            "django-compressor",
            "COMPRESS_CSS_HASHING_METHOD is mtime: elsewhere the same files give other names",
            'set COMPRESS_CSS_HASHING_METHOD = "content"',
        )


def _templates(deploy: Deployment, host: RemoteHost) -> list[Finding]:
    """Return advice on the project's templates: fewer requests, and cached for longer."""
    try:
        answer = deploy.project(host).ask({"ask": "lint"})
    except FabStaticError as error:
        return [_advice(host.name, "templates", f"cannot be read: {error.what}", error.mend)]
    return template_findings(host.name, answer)


def template_findings(where: str, answer: Mapping[str, Any]) -> list[Finding]:
    """Return the lint's answer as findings: one of all pages, and one for each template to mend.

    Args:
        where: the host asked.
        answer: see host/template_lint.py.
    """
    templates = answer["templates"]
    pages = [one for one in templates if one["page"]]
    found = []
    if pages:
        most = max(pages, key=lambda one: one["requests"]["total"])
        count = sum(one["requests"]["total"] for one in pages) / len(pages)
        found.append(
            {
                **_good(
                    where,
                    "templates",
                    f"{counted(len(pages), 'page')} in {counted(len(templates), 'template')}; a page asks for "
                    f"{count:.1f} static files on average, {most['template']} for "
                    f"{most['requests']['total']}, the most",
                ),
                "details": {one["template"]: one["requests"] for one in pages},
            }
        )
    for one in templates:
        what, mend = _of_template(one)
        if what:
            if one["page"]:
                what.append(f"the page asks for {counted(one['requests']['total'], 'static file')}")
            subject = f"template {one['template']}"
            found.append(_advice(where, subject, "; ".join(what), "; ".join(mend), details=one))
    plain = answer["unversioned_tag"]
    if plain:
        found.append(
            _advice(
                where,
                "templates",
                f"{{% static %}} prints no version in {counted(len(plain), 'template')}, such as "
                f"{plain[0]}: caches cannot keep these files for long",
                "{% load fab_static %} after `static` there, and have resource_static among build.phases",
                details={"templates": plain},
            )
        )
    return found


def _of_template(one: Mapping[str, Any]) -> tuple[list[str], list[str]]:
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


def _web(deploy: Deployment, host: RemoteHost) -> Iterator[Finding]:
    here, there = deploy.facts(host), deploy.facts(deploy.build)
    for key, name in (("static_url", "STATIC_URL"), ("static_cdn", "STATIC_CDN")):
        may_differ = key == "static_cdn" and here["cdn_independent"] and there["cdn_independent"]
        if here[key] != there[key] and not may_differ:
            yield _bad(
                host.name,
                "settings",
                f"{name} is {here[key]!r} here and {there[key]!r} on {deploy.build.name}",
                "set it alike: it stands in the blocks whose hashes are the manifest's keys",
            )
    other = {
        name: (here["libraries"].get(name), version)
        for name, version in there["libraries"].items()
        if here["libraries"].get(name) != version
    }
    if other:
        words = ", ".join(
            f"{name} {mine} here, {theirs} there" for name, (mine, theirs) in other.items()
        )
        yield _bad(
            host.name,
            "libraries",
            f"not those of {deploy.build.name}: {words}",
            "install the same versions: blocks may be rendered otherwise",
        )
    compress = here["compress"]
    if compress and not (compress["enabled"] and compress["offline"]):
        yield _bad(
            host.name,
            "settings",
            "COMPRESS_ENABLED or COMPRESS_OFFLINE is off: pages will not use the offline manifest",
            "set both True where pages are rendered",
        )
    url = deploy.environment.web.check
    if url:
        url = expand_url(url, host.host)
        answer, _ = host.ask("http", url=url, timeout=5)
        if answer["answer"] == "200":
            yield _good(host.name, "web.check", f"{url} answers 200")
        else:
            yield _bad(
                host.name,
                "web.check",
                f"{url} answers {answer['answer']}",
                "start the web processes, or correct web.check: a deploy would be put back",
            )


def is_well(findings: list[Finding]) -> bool:
    """Tell whether nothing needs mending."""
    return all(finding["ok"] for finding in findings)
