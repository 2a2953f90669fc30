"""Phase verify."""

from __future__ import annotations

from fab_static.errors import ReleaseError
from fab_static.phases.gate import gate, to_ask_coverage
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.provenance import refuse_wrong_statement
from fab_static.phases.run.publication import Publication
from fab_static.phases.run.signing import bring_trust, refuse_untrusted
from fab_static.phases.run.web_checks import to_ask_before
from fab_static.plan.layout import wants_signature
from fab_static.plan.provenance import words
from fab_static.plan.release import Release
from fab_static.plan.wire import answers, asks, verbs
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
    refuse_unvouched(deploy, release)

    def verified(host: RemoteHost) -> None:
        host.foresee(to_verify(deploy, host, release))
        refuse_holes(deploy, host, release)

    deploy.on(deploy.hosts(), verified)
    if deploy.origin:
        _published(deploy, deploy.origin, release)
    gate(deploy, release)


def refuse_unvouched(deploy: Deployment, release: Release) -> None:
    """Refuse a release whose signature or statement does not count; hosts hear whose does, where the lock is held.

    Raises:
        ReleaseError: saying why.
    """
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


def to_verify(deploy: Deployment, host: RemoteHost, release: Release) -> list[Question]:
    """Return what `verify` will ask a host that holds the release, and `activate` where it follows."""
    asked: list[Question] = [(verbs.VERIFY, _request(host, release, deploy.seals.sha256(release)))]
    if release.offline_manifest and "web" in host.roles and deploy.project(host).recalls:
        asked.append(to_ask_coverage(deploy, host, release))
    return [*asked, *(to_ask_before(deploy, host) if "activate" in deploy.to_come else ())]


def _request(host: RemoteHost, release: Release, seal: str) -> asks.Verify:
    return asks.Verify(release=release.id, roles=list(host.roles), bytes=True, seal=seal)


def holes(deploy: Deployment, host: RemoteHost, release: Release) -> answers.Verified:
    """Return which files of a release a host lacks, or has with other bytes."""
    return host.ask(verbs.VERIFY, _request(host, release, deploy.seals.sha256(release)))[0]


def refuse_holes(deploy: Deployment, host: RemoteHost, release: Release) -> None:
    """Refuse a host that lacks a file of the release, or has other bytes in one."""
    try:
        answer = holes(deploy, host, release)
    except ReleaseError as error:  # of the seal itself: a host knows no command of this machine
        if wants_signature(error.where):
            raise
        mend, instead = _cure(deploy, release, "ship it again from a host that has it", "deploy")
        raise ReleaseError(error.what, where=error.where, mend=mend, instead=instead) from error
    if answer["missing"] or answer["changed"]:
        mend, instead = _cure(deploy, release, "ship what it lacks", "deploy")
        raise ReleaseError(
            f"release {release.id} is not whole: {answer['missing']} files are missing, "
            f"{answer['changed']} were changed, such as {', '.join(answer['examples'])}",
            where=host.name,
            mend=mend,
            instead=instead,
        )


def _cure(deploy: Deployment, release: Release, what: str, ships: str) -> tuple[str, str | None]:
    """Return what to do where a release is not all there, and the words of the command that does it.

    `ships` ships the release that was sealed last, and no other one.
    """
    name, repairs = deploy.environment.name, f"rollback --to {release.id} --repair"
    if deploy.goes_back or release.id != deploy.journal.release:
        return f"{what}: fab {name} {repairs}", repairs
    ships = "deploy" if deploy.without else ships  # a phase alone leaves no host out
    only_looked = (deploy.command or "").startswith(("verify", "activate"))  # again fails the same
    mend = f"{what}: fab {name} {ships}, or, to go back to it, fab {name} {repairs}"
    return mend, ships if only_looked else None


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
        mend, instead = _cure(deploy, release, "put them there", "distribute")
        raise ReleaseError(
            f"the bucket lacks {len(lacking)} objects of release {release.id}, such as "
            f"{', '.join(item.key for item in lacking[:5])}",
            where=origin.name,
            mend=mend,
            instead=instead,
        )
