"""`sign` vouches for a release that hosts keep already; tests/unit/phases/run/test_signing.py has what follows."""

from __future__ import annotations

from fab_static.phases.sign import sign
from tests.unit.signing import inventory, key
from tests.unit.site import OLD, Site


def test_every_host_that_has_the_release_gets_the_signature_and_the_seal_stays(site: Site) -> None:
    site.open(inventory(site.folder, key(site.folder, "anna")))
    seal = site.folder / "edge1" / "releases" / OLD / "release.json"
    before = seal.read_bytes()
    deploy = site.deployment()
    sign(deploy, deploy.seals.read(OLD))
    signatures = {path.read_bytes() for path in site.folder.glob(f"*/releases/{OLD}/*.sig")}
    assert len(signatures) == 1
    assert len([*site.folder.glob(f"*/releases/{OLD}/*.sig")]) == len(site.hosts)
    assert seal.read_bytes() == before
    assert deploy.show.said == [
        f"release {OLD} is signed on 5 hosts, without a statement on how it was built"
    ]  # type: ignore[attr-defined]
