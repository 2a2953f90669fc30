"""Signs a release that hosts keep already: an operator vouches for it."""

from __future__ import annotations

from fab_static.errors import InventoryError
from fab_static.phases.export import at_hand
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.naming import release_named
from fab_static.phases.run.provenance import refuse_wrong_statement, vouched
from fab_static.phases.run.signing import bring_trust, refuse_untrusted
from fab_static.plan.release import Release
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wording import counted
from fab_static.remote import RemoteHost, deflated


def sign_named(deploy: Deployment, wanted: str | None) -> Release:
    """Sign the release that is meant; None: the one sealed last."""
    release = deploy.seals.read(
        release_named(deploy, wanted, where="sign") if wanted else at_hand(deploy)
    )
    sign(deploy, release)
    return release


def sign(deploy: Deployment, release: Release) -> None:
    """Sign a kept release, and give its signature to every host that has it.

    Needs: `release.sign_with`. Nothing is built, and what is live does not change.
    Leaves: the signature beside the seal, in the place of the one before.
    If it fails: hosts that were not reached keep the signature that they had.

    Raises:
        InventoryError: the inventory names no key.
    """
    beside = vouched(deploy, release)
    if beside is None:
        raise InventoryError(
            "there is no key to sign with",
            where="release.sign_with",
            mend="name one in the inventory: release: {sign_with: ~/.ssh/id_ed25519}; where hosts keep a list of allowed "
            "signers, a key of that list",
        )
    deploy.seals.beside[release.id] = beside
    refuse_untrusted(deploy, release)
    refuse_wrong_statement(deploy, release)
    bring_trust(deploy)
    text = deflated(deploy.seals.text(release))

    def kept(host: RemoteHost) -> None:
        request = asks.BuildRelease(roles=list(host.roles), anew=True, **beside)
        host.ask(verbs.BUILD_RELEASE, request, text)

    hosts = [host for host in deploy.hosts() if release.id in deploy.states[host]["releases"]]
    deploy.on(hosts, kept)
    without = "" if beside.get("statement") else ", without a statement on how it was built"
    deploy.show.say(f"release {release.id} is signed on {counted(len(hosts), 'host')}{without}")
