"""Whether hosts can check who signed a release, and whom they trust."""

from __future__ import annotations

from fab_static.doctor.findings import Finding, bad, good
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.signing import trust_of
from fab_static.plan.wire import verbs
from fab_static.remote import RemoteHost


def of_own_key(deploy: Deployment) -> list[Finding]:
    """Return what is wrong with the key that this machine signs with, or nothing where it does not sign, or all is well."""
    key, signers = deploy.environment.release.sign_with, deploy.environment.release.allowed_signers
    trust = trust_of(deploy.environment)
    if not (key and trust) or trust.may_allow(key):
        return []
    what = f"{signers} does not have {key}, or it was revoked: what it signs goes live nowhere"
    cure = "name a key whose public half is on a line of release.allowed_signers"
    return [bad("here", "release.sign_with", what, cure)]


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
