"""What the doctor finds of hosts that want signatures."""

from __future__ import annotations

import pytest

from fab_static.doctor.signatures import of_lines, of_own_key, of_signers
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
        f"what {ben} signs goes live nowhere: none of the allowed signers made the signature"
    )
    site.open(inventory(site.folder, anna, anna, ben, revoked=revoke(site.folder, anna)))
    (told,) = of_own_key(site.deployment())
    assert "release.revoked_keys has the key" in told["what"]
    site.open(inventory(site.folder, site.folder / "nowhere", anna))
    (told,) = of_own_key(site.deployment())
    assert "there is no such file" in told["what"]


def test_what_counts_of_a_key_that_is_on_several_lines_or_revoked_too(site: Site) -> None:
    anna, ben, eve = (key(site.folder, name) for name in ("anna", "ben", "eve"))
    site.open(inventory(site.folder, anna, anna, ben, anna, eve, revoked=revoke(site.folder, eve)))
    assert [(one["ok"], one["what"]) for one in of_lines(site.deployment())] == [
        (True, "lines 2 and 4 have the same key: what it signs counts where one of them allows it"),
        (True, "the key on line 5 was revoked: what it signed goes live nowhere"),
    ]
    site.open(inventory(site.folder, anna, anna, ben))
    assert of_lines(site.deployment()) == []
