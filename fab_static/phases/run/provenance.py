"""Says how a release was built, beside its signature, and looks whether what came with one may be believed."""

from __future__ import annotations

from importlib import metadata

from fab_static.errors import ReleaseError
from fab_static.host.agent.trust import OF_RELEASES, release_words
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.listings import listing_of
from fab_static.phases.run.own_key import sign
from fab_static.plan.provenance import digest_of, statement, why_not_of
from fab_static.plan.release import Release
from fab_static.plan.wire.kept import Beside


def vouched(deploy: Deployment, release: Release, *, is_new: bool = False) -> Beside | None:
    """Return what our key signs of a release, or None if the inventory names no key.

    Args:
        deploy: the environment.
        release: what is signed.
        is_new: it was just built, and so we can say how; else what was said of it is signed again.

    Raises:
        ReleaseError: the key cannot be used.
    """
    key = deploy.environment.release.sign_with
    if key is None:
        return None
    said = deploy.seals.beside.get(release.id, {}).get("statement")
    if is_new:
        said = _statement(deploy, release)
    words = release_words(deploy.seals.sha256(release), said)
    return {"signature": sign(key, words, OF_RELEASES), "statement": said}


def _statement(deploy: Deployment, release: Release) -> str:
    facts = deploy.facts(deploy.build)
    files = listing_of(deploy, deploy.phases[0])["files"]
    # a manifest may have its keys in another order on another machine, a copy another time in it
    passed_over = {*release.copies, release.staticfiles_manifest, release.offline_manifest}
    return statement(
        release,
        deploy.seals.sha256(release),
        deploy.environment,
        version=metadata.version("fab-static"),
        libraries={"Django": facts["django"], **facts["libraries"]},
        collected=digest_of(
            {path: known[0] for path, known in files.items() if path not in passed_over}
        ),
    )


def refuse_wrong_statement(deploy: Deployment, release: Release) -> None:
    """Refuse a release with a statement of another one. Whether it was changed or taken away, the signature says.

    Raises:
        ReleaseError: it has a wrong one.
    """
    said = deploy.seals.beside.get(release.id, {}).get("statement")
    why = why_not_of(said, deploy.seals.sha256(release)) if said else None
    if why:
        raise ReleaseError(
            f"what says how release {release.id} was built is not to be believed: {why}",
            where="release.intoto.json",
            mend=f"have it signed where it was built: fab {release.environment} sign {release.id}; then take it again",
        )
