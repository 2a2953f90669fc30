"""The paths below deploy_to."""

from pathlib import PurePosixPath

from fab_static.host.agent.trust import SIGNATURE
from fab_static.plan.layout import Layout, wants_signature

ID = "20261122T170102Z-3f9c1a7b"


def test_the_layout_is_the_designs():
    layout = Layout(PurePosixPath("/srv/shop/static"))
    assert str(layout.current) == "/srv/shop/static/current"
    assert str(layout.release(ID)) == f"/srv/shop/static/releases/{ID}"
    assert str(layout.versions) == "/srv/shop/static/current/resource_versions.yml"
    assert (
        str(layout.live_file("CACHE/manifest.json"))
        == "/srv/shop/static/current/static/CACHE/manifest.json"
    )


def test_a_refusal_for_the_sake_of_a_signature_is_known_by_its_file():
    layout = Layout(PurePosixPath("/srv/shop/static"))
    assert wants_signature(f"edge1: {layout.release(ID)}/{SIGNATURE}")
    assert not wants_signature(f"edge1: {layout.release(ID)}/release.json")
