"""No release goes live that none of the allowed signers signed, whoever asks; and how that list changes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import FabStaticError, InventoryError, ReleaseError
from fab_static.host.agent import trust, watchdog
from fab_static.phases.export import export
from fab_static.phases.receive import receive
from fab_static.phases.run import own_key, signing
from fab_static.phases.run.archive_places import opened
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.lock import Lock
from fab_static.phases.run.signing import bring_trust, why_untrusted_here
from fab_static.phases.sign import sign
from fab_static.phases.verify import verify
from fab_static.plan.wire import asks, verbs
from tests.unit.phases.conftest import PHASES_OF_THE_SHOP
from tests.unit.signing import inventory, key, revoke
from tests.unit.site import NEW, OLD, Site, file_of, flip_provisionally, run_task

TIME = "20261124T170102Z"


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return key(tmp_path, "first")


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return key(tmp_path, "second")


def trusting(site: Site, signer: Path | None, *allowed: Path, revoked: Path | None = None) -> None:
    """Open the site with these signers, and have its hosts trust them."""
    site.open(inventory(site.folder, signer, *allowed, revoked=revoked))
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
    signature = own_key.sign(str(signer), trust.signed_words(sha256), namespace)
    host = site.hosts["edge1"]
    request = asks.BuildRelease(
        roles=["static"], anew=True, signature="x" if "words" in how else signature
    )
    host.ask(verbs.BUILD_RELEASE, request, deploy.seals.text(release))
    assert "is signed by nobody whom this host trusts" in refused_flip(site, "edge1", OLD)


def test_a_seal_that_was_altered_after_it_was_signed_is_refused(site: Site, first: Path) -> None:
    trusting(site, first, first)
    sign_here(site, OLD)
    altered(site, OLD)
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
    assert caught.value.instead == f"sign {OLD}"
    sign_here(site, OLD)
    deploy = site.deployment()
    deploy.release = deploy.seals.read(OLD)
    verify(deploy)


def test_a_key_that_nobody_allows_is_told_in_place_of_a_cure_that_would_not_help(
    site: Site, first: Path, second: Path
) -> None:
    trusting(site, first, first)
    site.open(inventory(site.folder, second, first))
    deploy = site.deployment()
    with pytest.raises(ReleaseError) as caught:
        signing.refuse_untrusted(deploy, deploy.seals.read(OLD))
    assert caught.value.mend == (
        f"sign with a key of {site.folder / 'allowed_signers'}; it does not have release.sign_with, {second}"
    )
    assert caught.value.instead is None


def back_to(name: str | None, live: str = OLD) -> asks.Back:
    """Return what an operator asks for who undoes a flip."""
    return asks.Back(
        release=live,
        links={},
        manifest=None,
        reload=None,
        confirm_timeout=0.05,
        entry={"by": "ben"},
        current=name,
        previous=None,
    )


def test_the_way_back_leads_to_what_was_live_when_the_list_came(site: Site, first: Path) -> None:
    """The first flip under signing fails: every host serves again what it served, signed or not (G5)."""
    trusting(site, first, first)
    sign_here(site, OLD)
    host = site.hosts["edge1"]
    for _ in ("static", "web"):  # a host with both roles is told twice
        flip_provisionally(host, OLD)
    host.ask(verbs.FLIP_BACK, back_to(NEW))
    assert site.live()["edge1"] == NEW


def test_so_it_does_when_the_key_of_what_is_live_was_taken_from_the_list(
    site: Site, first: Path, second: Path
) -> None:
    trusting(site, first, first, second)
    sign_here(site, NEW)
    trusting(site, second, second)
    sign_here(site, OLD)
    host = site.hosts["edge1"]
    flip_provisionally(host, OLD)
    host.ask(verbs.FLIP_BACK, back_to(NEW))
    assert site.live()["edge1"] == NEW


def test_no_way_back_leads_to_another_release_that_is_not_signed(site: Site, first: Path) -> None:
    """Whatever an operator says of what was live."""
    other = site.hold(TIME, b"other").id
    trusting(site, first, first)
    sign_here(site, OLD)
    host = site.hosts["edge1"]
    flip_provisionally(host, OLD)
    with pytest.raises(FabStaticError, match=f"release {other} is not signed"):
        host.ask(verbs.FLIP_BACK, back_to(other))
    assert site.live()["edge1"] == OLD


def test_no_way_back_leads_there_once_a_later_flip_has_begun(site: Site, first: Path) -> None:
    third = site.hold(TIME, b"third").id
    trusting(site, first, first)
    sign_here(site, OLD)
    sign_here(site, third)
    host = site.hosts["edge1"]
    flip_provisionally(host, OLD)
    flip_provisionally(host, third)
    with pytest.raises(FabStaticError, match=f"release {NEW} is not signed"):
        host.ask(verbs.FLIP_BACK, back_to(NEW, third))
    assert site.live()["edge1"] == third


def unconfirmed(site: Site, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let the watchdog of edge1 find that nobody confirms a flip; return the last line of the log there."""
    host = site.hosts["edge1"]
    monkeypatch.setattr(watchdog.os, "fork", lambda: 0)
    monkeypatch.setattr(watchdog.os, "chdir", lambda _: None)
    note = watchdog.read_json(host.agent.host.path(watchdog.PROVISIONAL))
    head = {**note, "links": {}, "reload": None, "confirm_timeout": 0.05, "entry": {"by": "ben"}}
    watchdog.watchdog(host.agent.host, head, note)
    line: dict[str, Any] = json.loads(
        (site.folder / "edge1" / "log.jsonl").read_text().splitlines()[-1]
    )
    return line


def test_the_watchdog_goes_back_there_too(
    site: Site, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting(site, first, first)
    sign_here(site, OLD)
    flip_provisionally(site.hosts["edge1"], OLD)
    assert unconfirmed(site, monkeypatch)["event"] == "undo"
    assert site.live()["edge1"] == NEW


def test_the_watchdog_stays_where_what_was_live_was_altered_and_notes_why(
    site: Site, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting(site, first, first)
    sign_here(site, OLD)
    flip_provisionally(site.hosts["edge1"], OLD)
    altered(site, NEW)
    line = unconfirmed(site, monkeypatch)
    assert site.live()["edge1"] == OLD
    assert line["event"] == "stay"
    assert f"release {NEW} is not signed" in line["because"]


def altered(site: Site, name: str) -> None:
    """Alter the seal of a release on edge1."""
    seal = site.folder / "edge1" / "releases" / name / "release.json"
    text = seal.read_text()
    seal.chmod(0o644)
    seal.write_text(text.replace("anna@desk", "anna@dusk"))


@pytest.mark.parametrize("name", [OLD, NEW])
def test_no_seal_that_is_not_signed_takes_the_place_of_another(
    site: Site, first: Path, name: str
) -> None:
    """No flip is needed where the release is live already: its files would be others at once."""
    trusting(site, first, first)
    host = site.hosts["edge1"]
    deploy = site.deployment()
    release = deploy.seals.read(name)
    script = host.agent.host.path("releases", name, "static", "site.css")
    before = Path(script).read_bytes()
    host.ask(verbs.PUT_OBJECT, body=b"evil")
    other = replace(release, files={**release.files, "site.css": file_of(b"evil")})
    request = asks.BuildRelease(roles=["static"], anew=True)
    with pytest.raises(FabStaticError, match=f"release {name} is not signed"):
        host.ask(verbs.BUILD_RELEASE, request, other.to_json().encode())
    assert Path(script).read_bytes() == before


# ---- the list


@pytest.mark.parametrize(
    "text",
    [
        "# a list\n\n  \nanna@example.com {key} on her laptop\n",
        "not a line of such a list\nanna@example.com {key}\n",
        'anna@example.com valid-before="20200101" {key}\nben@example.com {key}\n',
        'anna@example.com namespaces="git" {key}\nanna@example.com {key}\n',
        'anna@example.com namespaces="git" {key}\nben@example.com {key}\n',
        '"Anna B" namespaces="git" {key}\n\n# and\n"Anna B, at work" namespaces="fab_*" {key}',
        '*@example.com namespaces="git" {key}\nc?@example.com {key}\n',
        "!eve@example.com,*@example.com {key}\n",
        "eve@example.com,anna@example.com {key}",
        "anna@example.com {key}\r\n",
    ],
)
def test_a_list_means_what_it_means_to_ssh_keygen(site: Site, first: Path, text: str) -> None:
    """It warns of a line that is empty, and of one that has expired; so the first word that it says is no name."""
    site.open(inventory(site.folder, first, first))
    public = " ".join(first.with_suffix(".pub").read_text().split()[:2])
    (site.folder / "allowed_signers").write_text(text.format(key=public), newline="")
    bring_trust(site.deployment())
    sign_here(site, OLD)
    flip_provisionally(site.hosts["edge1"], OLD)


def test_a_key_on_two_lines_that_is_revoked_counts_by_neither(
    site: Site, first: Path, second: Path
) -> None:
    trusting(site, second, first, second, revoked=revoke(site.folder, first))
    public = " ".join(first.with_suffix(".pub").read_text().split()[:2])
    path = site.folder / "allowed_signers"
    path.write_text(f"{path.read_text()}ben@example.com {public}\n")
    bring_trust(site.deployment())
    assert "is signed by nobody" in refused_flip_of(site, first)


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
    replayed = own_key.sign(str(first), words, trust.OF_SIGNERS)
    trusting(site, second, second)
    request = asks.Trust(size=len(both), signature=replayed)
    with pytest.raises(FabStaticError, match="takes a new list of allowed signers only from one"):
        site.hosts["edge1"].ask(verbs.TRUST, request, both)


# ---- revoked keys


def as_lines(folder: Path, *keys: Path) -> Path:
    return revoke(folder, *keys)


def as_krl(folder: Path, *keys: Path) -> Path:
    path = folder / "revoked.krl"
    public = [str(one.with_suffix(".pub")) for one in keys]
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", str(path), *public], check=True)
    return path


def with_lock(site: Site) -> Deployment:
    """Return a run that has OLD at hand, and holds the lock."""
    deploy = site.deployment()
    deploy.lock = Lock(deploy.build, "anna@desk", "verify")
    deploy.lock.take()
    deploy.release = deploy.seals.read(OLD)
    return deploy


def test_verify_brings_the_revoked_key_though_it_signed_the_release_at_hand(
    site: Site, first: Path, second: Path
) -> None:
    """It always did, when a key is lost: whoever has it now must not be believed until the next build."""
    trusting(site, first, first, second)
    sign_here(site, OLD)
    site.open(inventory(site.folder, second, first, second, revoked=revoke(site.folder, first)))
    deploy = with_lock(site)
    with pytest.raises(ReleaseError, match="signed by none of the allowed signers"):
        verify(deploy)
    assert "is signed by nobody" in refused_flip(site, "edge1", OLD)


def test_no_host_takes_a_list_under_which_its_operator_can_sign_nothing(
    site: Site, first: Path, second: Path
) -> None:
    """Nobody could bring another one: the only way would be a login on each host."""
    trusting(site, first, first)
    sign_here(site, OLD)
    before = kept(site)
    site.open(inventory(site.folder, first, second))
    deploy = with_lock(site)
    with pytest.raises(ReleaseError, match="signed by none of the allowed signers"):
        verify(deploy)
    assert {kept(site, host) for host in site.hosts} == {before}


def test_a_first_list_comes_with_a_release_that_counts_under_it(site: Site, first: Path) -> None:
    site.open(inventory(site.folder, first, first))
    deploy = with_lock(site)
    with pytest.raises(ReleaseError, match="is not signed"):
        verify(deploy)
    assert not (site.folder / "edge1" / "allowed_signers").exists()


@pytest.mark.parametrize("written", [as_lines, as_krl])
def test_what_a_revoked_key_signed_goes_live_nowhere(
    site: Site, first: Path, second: Path, written: Callable[..., Path]
) -> None:
    """Though a line of the list still has the key; what another signed does."""
    trusting(site, first, first, second)
    sign_here(site, OLD)
    trusting(site, second, first, second, revoked=written(site.folder, first))
    assert "is signed by nobody" in refused_flip(site, "edge1", OLD)
    deploy = site.deployment()
    with pytest.raises(ReleaseError) as caught:
        signing.refuse_untrusted(deploy, deploy.seals.read(OLD))
    assert caught.value.what == (
        f"release {OLD} is signed by none of the allowed signers: release.revoked_keys has the key, or is "
        "not a list of keys"
    )
    sign_here(site, OLD)
    flip_provisionally(site.hosts["edge1"], OLD)


def test_a_host_forgets_a_revoked_key_by_word_of_a_signer_alone(
    site: Site, first: Path, second: Path
) -> None:
    """Nor does a revoked key sign a list that lacks it."""
    trusting(site, second, first, second, revoked=revoke(site.folder, first))
    for signer in (first, None):
        with pytest.raises(FabStaticError, match="takes a new list of allowed signers only from"):
            trusting(site, signer, first, second)
    assert "is signed by nobody" in refused_flip_of(site, first)
    trusting(site, second, first, second)
    assert not (site.folder / "edge1" / "revoked_keys").exists()
    flip_provisionally(site.hosts["edge1"], OLD)


def refused_flip_of(site: Site, signer: Path) -> str:
    """Have a key sign a release, as an operator who knows of no list, and have the flip refused."""
    site.open(inventory(site.folder, signer))
    sign_here(site, OLD)
    return refused_flip(site, "edge1", OLD)


@pytest.mark.parametrize("text", [None, "no keys\n"])
def test_a_list_of_revoked_keys_that_cannot_be_read_reaches_no_host(
    site: Site, first: Path, text: str | None
) -> None:
    """It would have every signature refused there, that of a better list too."""
    trusting(site, first, first)
    sign_here(site, OLD)
    path = site.folder / "revoked_keys"
    if text:
        path.write_text(text)
    site.open(inventory(site.folder, first, first, revoked=path))
    deploy = site.deployment()
    deploy.release = deploy.seals.read(OLD)
    with pytest.raises(FabStaticError, match="revoked"):
        verify(deploy)
    assert not (site.folder / "edge1" / "revoked_keys").exists()


def test_revoked_keys_without_signers_are_bad_input(site: Site, first: Path) -> None:
    with pytest.raises(InventoryError, match="is of no use without allowed_signers"):
        site.open(inventory(site.folder, first, revoked=revoke(site.folder, first)))


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


@pytest.mark.parametrize("text", [None, "", "# nobody\n", "anna@example.com is allowed\n"])
def test_a_list_that_names_nobody_is_bad_input(site: Site, first: Path, text: str | None) -> None:
    site.open(inventory(site.folder, first, first))
    path = site.folder / "allowed_signers"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InventoryError):
        bring_trust(site.deployment())


def test_a_key_that_does_not_sign_fails_and_is_no_bad_input(site: Site, first: Path) -> None:
    """Something was contacted by then: exit 1 says so."""
    site.open(inventory(site.folder, site.folder / "nowhere", first))
    with pytest.raises(ReleaseError, match="nothing can be signed with"):
        sign_here(site, OLD)
    site.open(inventory(site.folder, None, first))
    with pytest.raises(InventoryError, match="there is no key to sign with"):
        sign_here(site, OLD)


def test_a_key_that_counts_nowhere_is_bad_input_before_anything_is_contacted(
    site: Site, first: Path, second: Path
) -> None:
    """A build for nothing takes minutes: `deploy`, `prepare`, `seal` and `sign` say so at once."""
    signers = inventory(site.folder, second, first)
    for more in (signers, inventory(site.folder, first, first, revoked=revoke(site.folder, first))):
        site.open(more)
        site.asked.clear()
        for run in ("deploy", "prepare", "sign", "phase"):
            words = ["seal"] if run == "phase" else []
            with pytest.raises(InventoryError, match="signs goes live nowhere"):
                getattr(site.session, run)(*words)
        assert site.asked == []


def test_a_token_is_looked_up_in_the_list_alone(site: Site, first: Path) -> None:
    token = site.folder / "token"
    token.write_text("what a token needs\n")
    token.with_suffix(".pub").write_text("sk-ssh-ed25519@openssh.com AAAA anna\n")
    site.open(inventory(site.folder, token, first))
    with pytest.raises(InventoryError, match="no line of the list has it"):
        signing.refuse_unusable_key(site.session.environment)
    site.open(inventory(site.folder, token, first, token))
    signing.refuse_unusable_key(site.session.environment)


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
    assert why_untrusted_here(deploy, deploy.seals.read(release.id)) is None
    export(deploy, deploy.seals.read(release.id), tmp_path / "shop.release", None)

    trusting(site, None, first)
    deploy = site.deployment()
    with opened(str(tmp_path / "shop.release"), deploy.environment) as archive:
        receive(deploy, archive)
    verify(deploy)
    flip_provisionally(site.hosts["web1"], release.id)


# ---- an inventory that names the list no more


def test_a_deploy_that_hosts_would_refuse_is_refused_before_it_builds(
    shop: Site, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It built all, and then named `sign`, which had no key."""
    trusting(shop, first, first)
    shop.open(PHASES_OF_THE_SHOP)
    code, told = run_task(shop, capsys, "deploy")
    assert (code, shop.project.ran) == (1, [])
    assert (
        "error: hosts make signed releases live alone, and the inventory names no key to sign with\n"
        "  where: edge1: FOLDER/edge1/allowed_signers\n"
        "  mend:  hosts keep a list of allowed signers; name it again in inventories/staging.yml, with a key of it: "
    ) in told


def test_what_an_inventory_without_the_list_makes_live_is_signed_or_told_why_not(
    site: Site, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trusting(site, first, first)
    sign_here(site, OLD)
    other = site.hold(TIME, b"other").id
    site.open()
    assert run_task(site, capsys, "rollback", to=OLD)[0] == 0
    code, told = run_task(site, capsys, "rollback", to=other)
    assert code == 1
    assert f"release {other} is not signed" in told
    assert "mend:  hosts keep a list of allowed signers; name it again in inventories/" in told
    assert "fab staging sign" not in told
    for host in site.hosts:  # as the message says
        (site.folder / host / "allowed_signers").unlink()
    assert run_task(site, capsys, "rollback", to=other)[0] == 0


def test_who_has_a_key_is_told_to_sign(
    site: Site, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key may be one of the list that hosts keep; a deploy signs what it builds with it."""
    trusting(site, first, first)
    site.open(inventory(site.folder, first))
    assert signing.host_with_signers(site.deployment()) is None
    code, told = run_task(site, capsys, "rollback", to=OLD)
    assert (code, told.splitlines()[-1]) == (1, f"  next: fab staging rollback --to {OLD}")
    assert f"if you vouch for it, sign it: fab staging sign {OLD}" in told


def test_where_no_host_keeps_a_list_nothing_is_refused(site: Site) -> None:
    signing.refuse_unnamed_signers(site.deployment())
