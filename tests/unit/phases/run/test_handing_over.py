"""A release is handed over by its seal: as a difference, or whole where a host has other bytes than was sealed."""

from __future__ import annotations

from typing import Any

import pytest

from fab_static.phases.run import handing_over
from fab_static.phases.run.handing_over import HandingOver
from fab_static.remote import deflated
from tests.unit.site import NEW, Site


def handed(site: Site, **how: Any) -> tuple[HandingOver, dict[str, int]]:
    """Hand a release over that no host but the build host has been told of; return how many bytes each seal took."""
    release = site.hold("20261123T170102Z", b"another")
    deploy = site.deployment()
    deploy.seals.read(NEW)
    for host in (*deploy.hosts("static"), *deploy.hosts("web")):
        deploy.states[host]["releases"].remove(release.id)
    sizes: dict[str, int] = {}
    for host in site.hosts.values():
        asked = host.ask

        def noted(
            verb: Any, request: Any = None, body: bytes = b"", *, of: Any = (host, asked)
        ) -> Any:
            if verb.name == "take_seal":
                sizes[of[0].name] = sizes.get(of[0].name, 0) + len(body)
            return of[1](verb, request, body)

        host.ask = noted  # type: ignore[method-assign]
    handing = HandingOver(deploy, release)
    handing.to(deploy.hosts(), **how)
    return handing, sizes


def test_hosts_that_have_the_live_seal_are_sent_the_difference(site: Site) -> None:
    handing, sizes = handed(site)
    whole = len(handing.deploy.seals.text(handing.release))
    assert sizes["build1"] == 0  # it has this one
    assert 0 < sizes["edge1"] == sizes["web2"] < whole / 2


def test_the_whole_seal_is_packed_only_where_a_host_needs_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed: list[bytes] = []

    def pack(text: bytes) -> bytes:
        packed.append(text)
        return deflated(text)

    monkeypatch.setattr(handing_over, "deflated", pack)
    handing, _ = handed(site)
    assert packed == []
    for state in handing.deploy.states.values():
        state["releases"].clear()
    handing = HandingOver(handing.deploy, handing.release)
    handing.to(handing.deploy.hosts("static"))
    assert packed == [handing.deploy.seals.text(handing.release)]


def test_a_host_whose_live_seal_is_another_is_sent_all_of_it(site: Site) -> None:
    path = site.folder / "edge1" / "releases" / NEW / "release.json"
    path.chmod(0o600)
    path.write_bytes(b" " + path.read_bytes())
    handing, sizes = handed(site, builds=True)
    assert sizes["edge1"] > sizes["edge2"]
    assert handing.built == set(handing.deploy.hosts())


def test_only_who_had_it_lays_it_out_before_all_have_what_they_lack(site: Site) -> None:
    handing, _ = handed(site)
    assert handing.built == {handing.deploy.build}
    handing.finish(handing.deploy.hosts())
    assert handing.built == set(handing.deploy.hosts())
