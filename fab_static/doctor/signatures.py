"""Whether hosts can check who signed a release, and whom they trust."""

from __future__ import annotations

from fab_static.doctor.findings import Finding, advice, bad, good
from fab_static.errors import FabStaticError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.signing import keys_in, refuse_unusable_key, trust_of
from fab_static.plan.wire import verbs
from fab_static.remote import RemoteHost


def of_own_key(deploy: Deployment) -> list[Finding]:
    """Return what is wrong with the key that this machine signs with, or nothing where it does not sign, or all is well."""
    try:
        refuse_unusable_key(deploy.environment)
    except FabStaticError as error:
        return [bad("here", "release.sign_with", error.what, error.mend)]
    return []


def of_lines(deploy: Deployment) -> list[Finding]:
    """Return what counts of a key of which the inventory's lists say more than one thing."""
    trust, subject = trust_of(deploy.environment), "release.allowed_signers"
    if trust is None:
        return []
    found, revoked = [], keys_in(trust.revoked)
    for key, numbers in keys_in(trust.signers).items():
        lines = f"line{'s' * (len(numbers) > 1)} {' and '.join(map(str, numbers))}"
        if key in revoked:
            what = f"the key on {lines} was revoked: what it signed goes live nowhere"
            found.append(advice("here", subject, what, "take it out of the list"))
        elif len(numbers) > 1:
            what = f"{lines} have the same key: what it signs counts where one of them allows it"
            found.append(good("here", subject, what))
    return found


def of_signers(deploy: Deployment, host: RemoteHost) -> list[Finding]:
    """Return what is found of a host's signers, or nothing if neither it nor the inventory wants signatures."""
    ours = trust_of(deploy.environment)
    kept, _ = host.ask(verbs.SIGNERS)
    if ours is None and kept["sha256"] is None:
        return []
    if kept["unable"]:
        cure = "install OpenSSH 8.2 or later there: apt-get install openssh-client"
        return [bad(host.name, "signatures", kept["unable"], cure)]
    if ours is None:
        what = (
            "it flips to signed releases alone, and this inventory names no release.allowed_signers"
        )
        cure = "name the list, and release.sign_with: docs/archives.md"
        return [bad(host.name, "signatures", what, cure)]
    if kept["sha256"] != ours.sha256:
        trusts = "trusts others than this inventory" if kept["sha256"] else "has no list yet"
        return [good(host.name, "signatures", f"it {trusts}; the next deploy brings the list")]
    return [good(host.name, "signatures", "it trusts the signers of this inventory")]
