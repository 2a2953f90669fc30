"""The doctor: looks at everything that a deploy will need, and says how to mend what is not right.

It changes nothing that is served or built. It writes only what a test needs, and removes it again:

- hosts whose folders look alike set a file `.mark-*` in deploy_to for a moment;
- a bucket gets two small objects (see bucket), and keeps them where s3:DeleteObject is denied.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import partial

from fab_static.doctor import cdn as cdn_doctor
from fab_static.doctor import origin as origin_doctor
from fab_static.doctor.findings import Finding, bad, good
from fab_static.doctor.hosts import of_host
from fab_static.doctor.project import of_build, of_manifests, of_revisions, of_web
from fab_static.doctor.signatures import of_lines, of_own_key, of_signers
from fab_static.doctor.ssh import of_way, told_of
from fab_static.doctor.templates import of_templates
from fab_static.errors import FabStaticError
from fab_static.phases.run import sharing
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.wire.answers import Facts
from fab_static.remote import RemoteHost


def check(deploy: Deployment) -> list[Finding]:
    """Return every finding, the good ones too, host by host."""
    findings, facts = _of_hosts(deploy)
    findings += [
        bad(hosts[0].name, "deploy_to", sharing.what(hosts), sharing.MEND)
        for hosts in sharing.shared(deploy, facts)
    ]
    asked = [host for host in deploy.hosts() if host in facts]
    findings += _whole("here", "signatures", lambda: _of_signers(deploy, asked))
    findings += _of_projects(deploy, facts)
    if not deploy.hosts("web"):
        images = "no host has the role web: images carry the manifests. Where one is made, ask the gate: "
        verify = f"fab {deploy.environment.name} verify --here"
        findings.append(good("hosts", "web", images + verify))
    findings += _of_origins(deploy, [host for host in deploy.hosts("static") if host in facts])
    findings += _whole("cdn", "CloudFront", lambda: cdn_doctor.check(deploy))
    return findings


def _whole(where: str, what: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield what one look finds; what ends it is a finding, too, so that the other looks are not lost."""
    try:
        yield from look()
    except FabStaticError as error:
        yield bad(where, what, error.told(where), error.mend)


def _of_hosts(deploy: Deployment) -> tuple[list[Finding], dict[RemoteHost, Facts]]:
    """Return what is found of hosts, and what those told that can be reached."""
    ways, _ = deploy.fleet.attempt(deploy.hosts(), of_way)
    answers, failures = deploy.fleet.attempt(deploy.hosts(), of_host)
    findings: list[Finding] = []
    for host in deploy.hosts():
        findings += ways.get(host, [])
        if host in failures:
            error = failures[host]
            what = "deploy_to" if error.is_refusal else "SSH"  # it answers, and cannot look there
            findings.append(bad(host.name, what, told_of(error, host.name), error.mend))
        else:
            findings += answers[host][0]
    return findings, {host: facts for host, (_, facts) in answers.items() if facts is not None}


def _of_signers(deploy: Deployment, hosts: Sequence[RemoteHost]) -> list[Finding]:
    findings = [*of_own_key(deploy), *of_lines(deploy)]
    told, unasked = deploy.fleet.attempt(hosts, lambda host: of_signers(deploy, host))
    findings += [finding for some in told.values() for finding in some]
    return findings + [
        bad(host.name, "signatures", one.told(host.name), one.mend) for host, one in unasked.items()
    ]


def _of_projects(deploy: Deployment, reached: Container[RemoteHost]) -> list[Finding]:
    asked = [host for host in deploy.hosts("build", "web") if host in reached]
    _, broken = deploy.fleet.attempt(asked, deploy.facts)
    findings = [
        bad(host.name, "project", error.told(host.name), error.mend)
        for host, error in broken.items()
    ]
    whole = [host for host in asked if host not in broken]
    for host in whole:
        if "build" in host.roles:
            findings += _whole(host.name, "project", partial(of_build, deploy, host))
            findings += _whole(host.name, "templates", partial(of_templates, deploy, host))
    if deploy.build in whole:
        findings += _whole("hosts", "revision", partial(of_revisions, deploy, whole))
        rendering = deploy.hosts("web") or (deploy.build,)
        for host in whole:
            if "web" in host.roles:
                findings += _whole(host.name, "web", partial(of_web, deploy, host))
            if host in rendering:
                findings += _whole(host.name, "bundlers", partial(of_manifests, deploy, host))
    return findings


def _of_origins(deploy: Deployment, hosts: Sequence[RemoteHost]) -> list[Finding]:
    served, unasked = deploy.fleet.attempt(hosts, lambda host: origin_doctor.check(deploy, host))
    findings = [finding for some in served.values() for finding in some]
    return findings + [
        bad(host.name, "nginx", one.told(host.name), one.mend) for host, one in unasked.items()
    ]
