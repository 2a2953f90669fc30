"""Phase verify."""

from __future__ import annotations

from fab_static.errors import ReleaseError
from fab_static.phases.compress import refuse_gaps
from fab_static.phases.deployment import Deployment
from fab_static.remote import RemoteHost


def verify(deploy: Deployment) -> None:
    """Prove that every host holds all of it.

    Byte for byte; and that no page will miss a compress block.

    Needs: the release on every host.
    Leaves: nothing; it only reads. On web hosts every `{% compress %}` block of the templates there is
    rendered with the settings there and looked up in the new manifest.
    If it fails: every failing host is named, and nothing that is live has changed.
    """
    release = deploy.current_release()

    def whole(host: RemoteHost) -> None:
        answer, _ = host.ask("verify", release=release.id, roles=list(host.roles), bytes=True)
        if answer["missing"] or answer["changed"]:
            raise ReleaseError(
                f"release {release.id} is not whole: {answer['missing']} files are missing, "
                f"{answer['changed']} were changed, such as {', '.join(answer['examples'])}",
                where=host.name,
                mend=f"ship what it lacks: fab {deploy.environment.name} deploy, or, to go back to it, "
                f"rollback --to {release.id} --repair",
            )

    def covered(host: RemoteHost) -> None:
        folder = host.layout.release(release.id)
        facts = deploy.facts(host)
        answer = deploy.project(host).ask(
            {
                "ask": "coverage",
                "manifest": str(folder / "static" / str(release.offline_manifest)),
                "redirect": {facts["resource_versions"]: str(folder / "resource_versions.yml")}
                if release.versions_sha256
                else {},
            }
        )
        refuse_gaps(
            answer, where=f"{host.name}: templates and settings there, release {release.id}"
        )

    deploy.on(deploy.hosts(), whole)
    if release.offline_manifest:
        deploy.on(deploy.hosts("web"), covered)
