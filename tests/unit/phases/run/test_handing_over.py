"""A release is handed over by its seal: as a difference, or whole where a host has other bytes than was sealed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from fab_static.host.agent.taking import objects_of
from fab_static.phases.run import handing_over
from fab_static.phases.run.handing_over import FEW_BYTES, HandingOver
from fab_static.plan.release import Encoded
from fab_static.remote import Question, deflated
from tests.releases import file_of, sealed
from tests.unit.site import NEW, ScriptedHost, Site


def handed(site: Site, **how: Any) -> tuple[HandingOver, dict[str, int]]:
    """Hand a release over that no host but the build host has been told of; return how many bytes each seal took."""
    release = site.hold("20261123T170102Z", b"another")
    deploy = site.deployment()
    deploy.seals.read(NEW)
    for host in (*deploy.hosts("static"), *deploy.hosts("web")):
        deploy.states[host]["releases"].remove(release.id)
    sizes: dict[str, int] = {}
    for host in site.hosts.values():
        host.agent.host.taken = None  # by what another run sent
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


def asked_ahead(site: Site, monkeypatch: pytest.MonkeyPatch, **known: Any) -> list[str]:
    """Return which objects the build host is asked for with its seal, where it has just built a release."""
    release = site.hold("20261123T170102Z", known.get("data", b"another"))
    deploy = site.deployment()
    if known.get("is_read", True):
        deploy.seals.read(NEW)
    deploy.just_built = release.id
    asked: list[tuple[str, str]] = []

    def noted(host: ScriptedHost, questions: Iterable[Question]) -> None:
        asked.extend(
            (host.name, str(request["object"]))
            for verb, request, *_ in questions
            if request and verb.name == "read_object"
        )

    monkeypatch.setattr(ScriptedHost, "foresee", noted)
    HandingOver(deploy, release).to(deploy.hosts())
    assert {name for name, _ in asked} <= {"build1"}
    return [sha256 for _, sha256 in asked]


def test_what_is_new_and_little_is_read_with_the_seal(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sha256(b"another").hexdigest() in asked_ahead(site, monkeypatch)


@pytest.mark.parametrize("known", [{"data": b"x" * (FEW_BYTES + 1)}, {"is_read": False}])
def test_what_is_much_or_may_be_known_everywhere_is_read_once_hosts_lack_it(
    site: Site, monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]
) -> None:
    assert asked_ahead(site, monkeypatch, **known) == []


@pytest.mark.parametrize("roles", [("build",), ("static",), ("web",), ("static", "web")])
def test_both_ends_mean_the_same_objects_of_a_release(roles: tuple[str, ...]) -> None:
    """A host answers by a bit for each: were they others, it would be sent what it has, and not what it lacks."""
    encodings = {"gz": Encoded("1" * 64, 2), "br": Encoded("2" * 64, 1)}
    files = {
        "js/a.js": replace(
            file_of("a"), encodings=encodings, deltas={"3" * 64: Encoded("4" * 64, 1)}
        ),
        "js/twin.js": file_of("a"),
        "CACHE/manifest.json": replace(file_of("{}"), encodings={"gz": Encoded("5" * 64, 2)}),
        "staticfiles.json": file_of("[]"),
    }
    plain = sealed({"CACHE/manifest.json": "{}"}, versions_sha256="6" * 64, versions_size=3)
    release = replace(plain, files=files, offline_manifest="CACHE/manifest.json")
    outside = {"../manifests/staticfiles.json": file_of("[1]")}
    releases = (
        plain,
        replace(release, staticfiles_manifest="staticfiles.json"),
        replace(release, staticfiles_manifest=next(iter(outside)), manifests=outside),
    )
    for one in releases:
        assert objects_of(json.loads(one.to_json()), [*roles]) == one.objects(roles)
