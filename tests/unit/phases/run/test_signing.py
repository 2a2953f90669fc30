"""No release goes live that none of the allowed signers signed, whoever asks; and how that list changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.errors import FabStaticError, InventoryError, ReleaseError
from fab_static.host.agent import trust, watchdog
from fab_static.phases.export import export
from fab_static.phases.receive import receive
from fab_static.phases.run import signing
from fab_static.phases.run.archive_places import opened
from fab_static.phases.run.signing import bring_trust, is_trusted
from fab_static.phases.sign import sign
from fab_static.phases.verify import verify
from fab_static.plan.wire import asks, verbs
from tests.unit.signing import inventory, key
from tests.unit.site import NEW, OLD, Site, flip_provisionally

TIME = "20261124T170102Z"


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return key(tmp_path, "first")


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return key(tmp_path, "second")


def trusting(site: Site, signer: Path | None, *allowed: Path) -> None:
    """Open the site with these signers, and have its hosts trust them."""
    site.open(inventory(site.folder, signer, *allowed))
    bring_trust(site.deployment())


def sign_here(site: Site, name: str) -> None:
    deploy = site.deployment()
    sign(deploy, deploy.seals.read(name))


def refused_flip(site: Site, host: str, name: str) -> str:
    before = site.live()[host]
    with pytest.raises(FabStaticError) as caught:
        flip_provisionally(site.hosts[host], name)
    assert site.live()[host] == before
    return caught.value.what


def test_a_host_flips_to_no_release_that_is_not_signed_whoever_asks(
    site: Site, first: Path
) -> None:
    """Also an operator whose inventory knows nothing of signatures: the host keeps the list itself."""
    trusting(site, first, first)
    site.open()
    assert refused_flip(site, "edge1", OLD) == f"release {OLD} is not signed"


def test_a_signed_release_goes_live(site: Site, first: Path) -> None:
    trusting(site, first, first)
    sign_here(site, OLD)
    flip_provisionally(site.hosts["edge1"], OLD)
    assert site.live()["edge1"] == OLD


@pytest.mark.parametrize("how", ["another key", "another release", "another namespace", "no words"])
def test_a_wrong_signature_is_none(site: Site, first: Path, second: Path, how: str) -> None:
    trusting(site, first, first)
    deploy = site.deployment()
    release = deploy.seals.read(OLD)
    sha256 = deploy.seals.sha256(deploy.seals.read(NEW) if "release" in how else release)
    namespace = "file" if "namespace" in how else trust.OF_RELEASES
    signer = second if "key" in how else first
    signature = signing._sign(str(signer), trust.signed_words(sha256), namespace)
    host = site.hosts["edge1"]
    request = asks.BuildRelease(
        roles=["static"], anew=True, signature="x" if "words" in how else signature
    )
    host.ask(verbs.BUILD_RELEASE, request, deploy.seals.text(release))
    assert "is signed by nobody whom this host trusts" in refused_flip(site, "edge1", OLD)


def test_a_seal_that_was_altered_after_it_was_signed_is_refused(site: Site, first: Path) -> None:
    trusting(site, first, first)
    sign_here(site, OLD)
    seal = site.folder / "edge1" / "releases" / OLD / "release.json"
    text = seal.read_text()
    seal.chmod(0o644)
    seal.write_text(text.replace("anna@desk", "anna@dusk"))
    assert "is signed by nobody" in refused_flip(site, "edge1", OLD)


def test_the_operator_is_told_before_anything_flips(site: Site, first: Path) -> None:
    """`verify` comes before each flip, and `rollback --check` is nothing else."""
    trusting(site, first, first)
    deploy = site.deployment()
    deploy.release = deploy.seals.read(OLD)
    with pytest.raises(ReleaseError) as caught:
        verify(deploy)
    assert caught.value.what == f"release {OLD} is not signed"
    assert caught.value.mend == f"if you vouch for it, sign it: fab staging sign {OLD}"
    sign_here(site, OLD)
    deploy = site.deployment()
    deploy.release = deploy.seals.read(OLD)
    verify(deploy)


def test_the_way_back_leads_to_no_release_that_is_not_signed(site: Site, first: Path) -> None:
    """The first flip under signing: what was live before is not signed, and the host stays where it is."""
    trusting(site, first, first)
    sign_here(site, OLD)
    host = site.hosts["edge1"]
    flip_provisionally(host, OLD)
    back = asks.Back(
        release=OLD,
        links={},
        manifest=None,
        reload=None,
        confirm_timeout=0.05,
        entry={"by": "ben"},
        current=NEW,
        previous=None,
    )
    with pytest.raises(FabStaticError, match=f"release {NEW} is not signed"):
        host.ask(verbs.FLIP_BACK, back)
    assert site.live()["edge1"] == OLD


def test_the_watchdog_stays_too_and_notes_why(
    site: Site, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting(site, first, first)
    sign_here(site, OLD)
    host = site.hosts["edge1"]
    flip_provisionally(host, OLD)
    monkeypatch.setattr(watchdog.os, "fork", lambda: 0)
    monkeypatch.setattr(watchdog.os, "chdir", lambda _: None)
    note = watchdog.read_json(host.agent.host.path(watchdog.PROVISIONAL))
    head = {**note, "links": {}, "reload": None, "confirm_timeout": 0.05, "entry": {"by": "ben"}}
    watchdog.watchdog(host.agent.host, head, note)
    assert site.live()["edge1"] == OLD
    log = (site.folder / "edge1" / "log.jsonl").read_text().splitlines()[-1]
    assert '"stay"' in log
    assert f"release {NEW} is not signed" in log


# ---- the list


def kept(site: Site, host: str = "edge1") -> bytes:
    return (site.folder / host / "allowed_signers").read_bytes()


def test_keys_are_rotated_in_two_steps(site: Site, first: Path, second: Path) -> None:
    """The old key signs the list that has both; the new one signs the list without the old one."""
    trusting(site, first, first)
    sign_here(site, OLD)
    trusting(site, first, first, second)
    trusting(site, second, second)
    assert b"first@" not in kept(site)
    assert "is signed by nobody" in refused_flip(site, "edge1", OLD)  # by a key that was revoked
    sign_here(site, OLD)
    flip_provisionally(site.hosts["edge1"], OLD)


@pytest.mark.parametrize("signer", ["second", None])
def test_a_host_takes_no_list_from_somebody_who_is_not_on_its_own(
    site: Site, first: Path, second: Path, signer: str | None
) -> None:
    trusting(site, first, first)
    before = kept(site)
    with pytest.raises(FabStaticError, match="takes a new list of allowed signers only from one"):
        trusting(site, second if signer else None, second)
    assert {kept(site, host) for host in site.hosts} == {before}


def test_a_list_that_was_replaced_never_comes_back(site: Site, first: Path, second: Path) -> None:
    """Its signature says which list it took the place of."""
    trusting(site, first, first)
    old = kept(site)
    trusting(site, first, first, second)
    both = kept(site)
    words = trust.signed_change(*(trust.begun_sha256(one).hexdigest() for one in (old, both)))
    replayed = signing._sign(str(first), words, trust.OF_SIGNERS)
    trusting(site, second, second)
    with pytest.raises(FabStaticError, match="takes a new list of allowed signers only from one"):
        site.hosts["edge1"].ask(verbs.TRUST, asks.Trust(signature=replayed), both)


def test_a_list_that_another_account_may_have_written_trusts_nobody(
    site: Site, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting(site, first, first)
    (site.folder / "edge1" / "allowed_signers").chmod(0o666)
    assert "says whom this host trusts" in refused_flip(site, "edge1", OLD)


def test_a_host_without_ssh_keygen_flips_to_nothing(
    site: Site, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting(site, first, first)
    sign_here(site, OLD)
    monkeypatch.setenv("PATH", str(site.folder))
    assert "cannot check who signed" in refused_flip(site, "edge1", OLD)


@pytest.mark.parametrize("text", [None, "", "# nobody\n"])
def test_a_list_that_names_nobody_is_bad_input(site: Site, first: Path, text: str | None) -> None:
    site.open(inventory(site.folder, first, first))
    path = site.folder / "allowed_signers"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InventoryError):
        bring_trust(site.deployment())


def test_a_key_that_cannot_sign_is_bad_input(site: Site, first: Path) -> None:
    site.open(inventory(site.folder, site.folder / "nowhere", first))
    with pytest.raises(InventoryError, match="nothing can be signed with"):
        sign_here(site, OLD)
    site.open(inventory(site.folder, None, first))
    with pytest.raises(InventoryError, match="there is no key to sign with"):
        sign_here(site, OLD)


# ---- archives


def test_an_archive_carries_the_signature_to_hosts_that_want_it(
    site: Site, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ci = Site(tmp_path / "ci", monkeypatch, name="ci")
    settings = {"STATIC_URL": "/static/", "STATIC_CDN": "", "COMPRESS_URL": None}
    release = ci.hold(TIME, b"built", settings=settings)
    ci.open(inventory(ci.folder, first))
    sign_here(ci, release.id)
    deploy = ci.deployment()
    assert is_trusted(deploy, deploy.seals.read(release.id))
    export(deploy, deploy.seals.read(release.id), tmp_path / "shop.release", None)

    trusting(site, None, first)
    deploy = site.deployment()
    with opened(str(tmp_path / "shop.release"), deploy.environment) as archive:
        receive(deploy, archive)
    verify(deploy)
    flip_provisionally(site.hosts["web1"], release.id)
