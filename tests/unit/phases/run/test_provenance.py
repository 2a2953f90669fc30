"""What says how a release was built goes with it; a wrong one is refused where the release is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fab_static.errors import FabStaticError, ReleaseError
from fab_static.host.agent.trust import OF_RELEASES, release_words, signed_words
from fab_static.phases.distribute import ship
from fab_static.phases.export import export
from fab_static.phases.receive import receive
from fab_static.phases.run import provenance
from fab_static.phases.run.archive_places import opened
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.own_key import sign
from fab_static.phases.run.provenance import vouched
from fab_static.phases.run.signing import bring_trust, why_untrusted_here
from fab_static.phases.seal import _sign_again
from fab_static.phases.sign import sign as sign_release
from fab_static.phases.verify import verify
from fab_static.plan.provenance import statement, why_not_of
from fab_static.plan.release import Release
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wire.kept import Beside
from tests.unit.signing import inventory, key
from tests.unit.site import NEW, OLD, Site, flip_provisionally

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
    text = said(deploy, deploy.seals.read(OLD) if how == "of another release" else release)
    seal = deploy.seals.sha256(release)
    signer = other if how == "by another key" else anna
    signature = sign(str(signer), release_words(seal, text), OF_RELEASES)
    found: dict[str, Beside] = {
        "taken away": {"signature": signature},
        "changed": {"signature": signature, "statement": text.replace("ci", "cx")},
        "added": {"signature": sign(str(anna), signed_words(seal), OF_RELEASES), "statement": text},
    }
    return found.get(how, {"signature": signature, "statement": text})


WRONG = {
    "of another release": "how release .* was built is not to be believed: it is of another release",
    "by another key": "none of the allowed signers made the signature",
    "changed": "signed by none of the allowed signers: .*incorrect signature",
    "added": "signed by none of the allowed signers: .*incorrect signature",
    "taken away": "incorrect signature; if release.intoto.json was beside it, it was taken away",
}


@pytest.mark.parametrize("how", WRONG)
def test_with_a_wrong_one_nothing_of_an_archive_is_shipped(
    ci: tuple[Site, Release], site: Site, anna: Path, tmp_path: Path, how: str
) -> None:
    release = ci[1]
    keep(*ci, wrong(how, ci, anna, key(tmp_path, "other")))
    archive = exported(ci, tmp_path / "shop.release")
    site.open(inventory(site.folder, None, anna))
    with pytest.raises(ReleaseError, match=WRONG[how]) as caught:
        taken(site, archive)
    assert f"signed where it was built: fab ci sign {release.id}" in caught.value.mend
    assert not [*site.folder.glob(f"*/releases/{release.id}")]


@pytest.mark.parametrize("how", [*WRONG][1:])
def test_a_host_flips_to_no_release_with_a_wrong_one(
    site: Site, anna: Path, tmp_path: Path, how: str
) -> None:
    """Nor is any made live on it by an operator that checks nothing: what is kept there is enough to tell."""
    site.open(inventory(site.folder, anna, anna))
    deploy = site.deployment()
    bring_trust(deploy)
    release = deploy.seals.read(OLD)
    keep(site, release, wrong(how, (site, release), anna, key(tmp_path, "other")))
    before = site.live()["edge1"]
    with pytest.raises(FabStaticError, match=f"release {OLD} is signed by nobody whom this host"):
        flip_provisionally(site.hosts["edge1"], OLD)
    assert site.live()["edge1"] == before
    deploy = site.deployment()
    sign_release(deploy, deploy.seals.read(OLD))  # somebody vouches for it as it is now
    flip_provisionally(site.hosts["edge1"], OLD)


def test_one_that_was_removed_on_a_host_is_brought_back_with_the_release(
    site: Site, anna: Path
) -> None:
    """As `deploy` and `--repair` bring it."""
    site.open(inventory(site.folder, anna, anna))
    deploy = site.deployment()
    bring_trust(deploy)
    release = deploy.seals.read(OLD)
    keep(site, release, wrong("nothing", (site, release), anna, anna))
    there = site.folder / "edge1" / "releases" / OLD / "release.intoto.json"
    text = there.read_bytes()
    there.unlink()
    with pytest.raises(FabStaticError, match="is signed by nobody whom this host trusts"):
        flip_provisionally(site.hosts["edge1"], OLD)
    deploy = site.deployment()
    ship(deploy, deploy.seals.read(OLD), deploy.holders)
    assert there.read_bytes() == text
    flip_provisionally(site.hosts["edge1"], OLD)


@pytest.mark.parametrize("lists", [True, False])
def test_verify_refuses_a_release_that_lost_its_statement(
    site: Site, anna: Path, lists: bool
) -> None:
    """Also where nobody is named who may sign: a signature that is wrong is wrong, whoever made it."""
    site.open(inventory(site.folder, anna, *([anna] if lists else [])))
    deploy = site.deployment()
    release = deploy.seals.read(OLD)
    keep(site, release, wrong("taken away", (site, release), anna, anna))
    deploy = site.deployment()
    deploy.release = deploy.seals.read(OLD)
    with pytest.raises(
        ReleaseError, match=r"release\.intoto\.json was beside it, it was taken away"
    ):
        verify(deploy)
    site.open()  # an inventory that says nothing of signatures, and hosts that know none
    deploy = site.deployment()
    deploy.release = deploy.seals.read(OLD)
    verify(deploy)


def test_what_is_built_again_is_signed_again_aloud(site: Site, anna: Path) -> None:
    """The content is that of the live release, which lost its statement."""
    site.open(inventory(site.folder, anna))
    deploy = site.deployment()
    release = deploy.seals.read(NEW)
    keep(site, release, wrong("taken away", (site, release), anna, anna))
    deploy = site.deployment()
    deploy.seals.read(NEW)
    _sign_again(deploy, release)
    assert "it was taken away. It was built again, and is signed again" in deploy.show.warned[-1]  # type: ignore[attr-defined]
    assert why_untrusted_here(deploy, release) is None
    _sign_again(deploy, release)
    assert len(deploy.show.warned) == 1  # type: ignore[attr-defined]


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
    assert changed == {"release.json.sig"}
    assert json.loads(after["release.intoto.json"])["predicate"]
