"""Phase verify."""

from __future__ import annotations

from fab_static.errors import ReleaseError
from fab_static.phases.gate import gate, to_ask_coverage
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.provenance import refuse_wrong_statement
from fab_static.phases.run.publication import Publication
from fab_static.phases.run.signing import bring_trust, refuse_untrusted
from fab_static.phases.run.web_checks import to_ask_before
from fab_static.plan.provenance import words
from fab_static.plan.release import Release
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wording import indented
from fab_static.remote import Question, RemoteHost


def verify(deploy: Deployment) -> None:
    """Prove that hosts and bucket hold it all.

    Byte for byte; that no page will miss a compress block, and that pages name the URLs of the release.

    Needs: the release on every host.
    Leaves: hosts trust the signers of the inventory; else nothing, it only reads. A file of wrong bytes gets the time 0, so that the next deploy ships it.
    On web hosts every `{% compress %}` block of the templates there is rendered with the settings there
    and looked up in the new manifest. So is every entry that a tag there asks a bundler's manifest for.
    If it fails: every failing host is named, and nothing that is live has changed.
    """
    release = deploy.current_release()
    try:
        refuse_untrusted(deploy, release)
    except ReleaseError:
        if (
            deploy.lock
        ):  # a lost key has often signed this very release: hosts must hear of it anyway
            bring_trust(deploy, renews=True)
        raise
    refuse_wrong_statement(deploy, release)
    if said := deploy.seals.beside.get(release.id, {}).get("statement"):
        deploy.show.say(f"release {release.id} was {words(said)}")
    if deploy.lock:
        bring_trust(deploy)
    seal = deploy.seals.sha256(release)

    def verified(host: RemoteHost) -> None:
        host.foresee(to_verify(deploy, host, release))
        refuse_holes(host, release, seal)

    deploy.on(deploy.hosts(), verified)
    if deploy.origin:
        _published(deploy, deploy.origin, release)
    gate(deploy, release)


def to_verify(deploy: Deployment, host: RemoteHost, release: Release) -> list[Question]:
    """Return what `verify` will ask a host that holds the release, and `activate` where it follows."""
    asked: list[Question] = [(verbs.VERIFY, _request(host, release, deploy.seals.sha256(release)))]
    if release.offline_manifest and "web" in host.roles and deploy.project(host).recalls:
        asked.append(to_ask_coverage(deploy, host, release))
    return [*asked, *(to_ask_before(deploy, host) if "activate" in deploy.to_come else ())]


def _request(host: RemoteHost, release: Release, seal: str) -> asks.Verify:
    return asks.Verify(release=release.id, roles=list(host.roles), bytes=True, seal=seal)


def refuse_holes(host: RemoteHost, release: Release, seal: str) -> None:
    """Refuse a host that lacks a file of the release, or has other bytes in one."""
    answer, _ = host.ask(verbs.VERIFY, _request(host, release, seal))
    if answer["missing"] or answer["changed"]:
        raise ReleaseError(
            f"release {release.id} is not whole: {answer['missing']} files are missing, "
            f"{answer['changed']} were changed, such as {', '.join(answer['examples'])}",
            where=host.name,
            mend=f"ship what it lacks: fab {host.environment.name} deploy, or, to go back to it, "
            f"rollback --to {release.id} --repair",
        )


def _published(deploy: Deployment, origin: Publication, release: Release) -> None:
    """Look it up in the bucket's manifest; with `audit` in a listing of the bucket, too."""
    name = deploy.environment.name
    if deploy.options.get("audit"):
        astray = origin.audit()
        if astray:
            origin.forget(astray)
            raise ReleaseError(
                f"{len(astray)} objects are not as they were written:\n"
                + indented([f"{key} {how}" for key, how in sorted(astray.items())], 20),
                where=origin.name,
                mend=f"write them again: fab {name} deploy",
            )
    lacking = origin.lacks(release)
    if lacking:
        raise ReleaseError(
            f"the bucket lacks {len(lacking)} objects of release {release.id}, such as "
            f"{', '.join(item.key for item in lacking[:5])}",
            where=origin.name,
            mend=f"put them there: fab {name} distribute, or, to go back to it, "
            f"rollback --to {release.id} --repair",
        )
