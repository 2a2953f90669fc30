"""What the doctor finds of hosts that want signatures."""

from __future__ import annotations

import pytest

from fab_static.doctor.signatures import of_own_key, of_signers
from fab_static.phases.run.signing import bring_trust
from tests.unit.signing import inventory, key, revoke
from tests.unit.site import Site


def found(site: Site) -> list[tuple[bool, str]]:
    deploy = site.deployment()
    return [(one["ok"], one["what"]) for one in of_signers(deploy, site.hosts["edge1"])]


def test_nothing_is_said_where_nobody_wants_signatures(site: Site) -> None:
    assert found(site) == []


def test_a_host_is_told_with_the_list_that_it_keeps(site: Site) -> None:
    anna = key(site.folder, "anna")
    site.open(inventory(site.folder, anna, anna))
    assert found(site) == [(True, "it has no list yet; the next deploy brings the list")]
    bring_trust(site.deployment())
    assert found(site) == [(True, "it trusts the signers of this inventory")]
    site.open()
    assert found(site)[0][0] is False


def test_a_host_that_cannot_check_signatures_is_bad(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = key(site.folder, "anna")
    site.open(inventory(site.folder, anna, anna))
    monkeypatch.setenv("PATH", str(site.folder))
    [(is_well, what)] = found(site)
    assert not is_well
    assert "cannot check who signed a release" in what


def test_a_key_that_nobody_allows_is_bad(site: Site) -> None:
    """All would be built and shipped before the first host refuses it."""
    anna, ben = key(site.folder, "anna"), key(site.folder, "ben")
    site.open(inventory(site.folder, anna, anna))
    assert of_own_key(site.deployment()) == []
    site.open(inventory(site.folder, ben, anna))
    (told,) = of_own_key(site.deployment())
    assert told["what"] == (
        f"{site.folder / 'allowed_signers'} does not have {ben}, or it was revoked: what it signs goes live nowhere"
    )
    site.open(inventory(site.folder, anna, anna, ben, revoked=revoke(site.folder, anna)))
    assert len(of_own_key(site.deployment())) == 1
