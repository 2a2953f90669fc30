"""What says how a release was built goes with it; a wrong one is refused where the release is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fab_static.errors import ReleaseError
from fab_static.host.agent.trust import OF_RELEASES, OF_STATEMENTS, signed_words
from fab_static.phases.export import export
from fab_static.phases.receive import receive
from fab_static.phases.run import provenance
from fab_static.phases.run.archive_places import opened
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.provenance import refuse_wrong_statement, vouched
from fab_static.phases.run.signing import sign
from fab_static.phases.sign import sign as sign_release
from fab_static.phases.verify import verify
from fab_static.plan.provenance import statement, why_not_of
from fab_static.plan.release import Release
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wire.kept import Beside
from tests.unit.signing import inventory, key
from tests.unit.site import OLD, Site

TIME = "20261124T170102Z"


@pytest.fixture
def anna(tmp_path: Path) -> Path:
    return key(tmp_path, "anna")


def said(deploy: Deployment, release: Release) -> str:
    seal = deploy.seals.sha256(release)
    return statement(release, seal, deploy.environment, version="1", libraries={}, collected=None)


@pytest.fixture
def ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anna: Path) -> tuple[Site, Release]:
    """Return the environment that builds, and a release there that anna signed, with its statement."""
    made = Site(tmp_path / "ci", monkeypatch, name="ci")
    settings = {"STATIC_URL": "/static/", "STATIC_CDN": "", "COMPRESS_URL": None}
    release = made.hold(TIME, b"built", settings=settings)
    made.open(inventory(made.folder, anna))
    monkeypatch.setattr(provenance, "_statement", said)
    deploy = made.deployment()
    deploy.seals.read(release.id)
    beside = vouched(deploy, release, is_new=True)
    assert beside
    keep(made, release, beside)
    return made, release


def keep(site: Site, release: Release, beside: Beside) -> None:
    """Have every host keep a release with this beside its seal."""
    for host in site.hosts.values():
        request = asks.BuildRelease(roles=list(host.roles), anew=True, **beside)
        host.ask(verbs.BUILD_RELEASE, request, release.to_json().encode())


def exported(ci: tuple[Site, Release], out: Path) -> str:
    site, release = ci
    deploy = site.deployment()
    export(deploy, deploy.seals.read(release.id), out, None)
    return str(out)


def taken(site: Site, archive: str) -> Deployment:
    deploy = site.deployment()
    with opened(archive, deploy.environment) as found:
        receive(deploy, found)
    return deploy


def test_an_archive_brings_it_to_every_host_and_verify_tells_it(
    ci: tuple[Site, Release], site: Site, anna: Path, tmp_path: Path
) -> None:
    release = ci[1]
    site.open(inventory(site.folder, None, anna))
    deploy = taken(site, exported(ci, tmp_path / "shop.release"))
    told = [path.read_text() for path in site.folder.glob(f"*/releases/{release.id}/*.intoto.json")]
    assert len(told) == len(site.hosts)
    assert why_not_of(told[0], deploy.seals.sha256(release)) is None
    verify(deploy)
    assert (
        f"release {release.id} was built by fab-static://shop/ci/build1, 2026-11-22T17:01:02Z: "
        in "\n".join(deploy.show.said)  # type: ignore[attr-defined]
    )


def wrong(how: str, ci: tuple[Site, Release], anna: Path, other: Path) -> Beside:
    """Return what stands beside the seal of a release whose statement is not to be believed."""
    site, release = ci
    deploy = site.deployment()
    deploy.seals.read(release.id)
    text = said(deploy, release)
    signer, namespace = anna, OF_STATEMENTS
    if how == "another release":
        text = said(deploy, deploy.seals.read(OLD))
    if how == "another key":
        signer = other
    if how == "the seal's namespace":
        namespace = OF_RELEASES
    signature = sign(str(signer), text.encode(), namespace)
    if how == "other words":
        text = text.replace("ci", "cx")
    words = signed_words(deploy.seals.sha256(release))
    beside: Beside = {"signature": sign(str(anna), words, OF_RELEASES), "statement": text}
    if how != "no signature":
        beside["statement_signature"] = signature
    return beside


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("another release", "it is of another release"),
        ("another key", "none of the allowed signers made the signature"),
        ("the seal's namespace", "Couldn't verify|Could not verify|Signature"),
        ("other words", "Could not verify|Signature verification failed"),
    ],
)
def test_with_a_wrong_one_nothing_is_shipped(
    ci: tuple[Site, Release], site: Site, anna: Path, tmp_path: Path, how: str, why: str
) -> None:
    release = ci[1]
    keep(*ci, wrong(how, ci, anna, key(tmp_path, "other")))
    archive = exported(ci, tmp_path / "shop.release")
    site.open(inventory(site.folder, None, anna))
    with pytest.raises(ReleaseError, match=f"how release {release.id} was built.*: ({why})"):
        taken(site, archive)
    assert not [*site.folder.glob(f"*/releases/{release.id}")]


def test_one_that_nobody_signed_is_wrong_where_signatures_are_wanted(
    ci: tuple[Site, Release], site: Site, anna: Path, tmp_path: Path
) -> None:
    deploy = site.deployment()
    release = deploy.seals.read(OLD)
    deploy.seals.beside[OLD] = {"statement": said(deploy, release)}
    refuse_wrong_statement(deploy, release)
    site.open(inventory(site.folder, None, anna))
    deploy = site.deployment()
    deploy.seals.read(OLD)
    deploy.seals.beside[OLD] = {"statement": said(deploy, release)}
    with pytest.raises(ReleaseError, match="it is not signed"):
        refuse_wrong_statement(deploy, release)


def test_sign_signs_what_was_said_again(ci: tuple[Site, Release], tmp_path: Path) -> None:
    """A key is rotated: the words stay."""
    site, release = ci
    folder = site.folder / "build1" / "releases" / release.id
    before = {path.name: path.read_bytes() for path in folder.glob("release.*")}
    second = key(tmp_path, "second")
    site.open(inventory(site.folder, second, second))
    deploy = site.deployment()
    sign_release(deploy, deploy.seals.read(release.id))
    after = {path.name: path.read_bytes() for path in folder.glob("release.*")}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"release.json.sig", "release.intoto.json.sig"}
    assert json.loads(after["release.intoto.json"])["predicate"]
