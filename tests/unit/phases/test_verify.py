"""Phase verify: nothing goes live before every host holds all of it, and no page will miss a block (G4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fab_static.errors import BuildError, FabStaticError, ReleaseError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.seal import seal
from fab_static.phases.verify import built_of, verify
from fab_static.plan.wire import asks, verbs
from tests.unit.phases.test_compress import GAP
from tests.unit.site import COVERED, NEW, Site

Build = Callable[..., Deployment]
LOOKS = {"verify", "recall", "read_release", "read_object"}


@pytest.fixture
def everywhere(shop: Site, build: Build) -> Deployment:
    """A run after the next release has come to every host; no host was asked anything since."""
    deploy = build()
    seal(deploy)
    release = deploy.current_release()
    objects = {**release.objects(("static", "web"))}
    for host in shop.hosts.values():
        for sha256 in objects:
            data = deploy.build.ask(verbs.READ_OBJECT, asks.Object(object=sha256))[1]
            host.ask(verbs.PUT_OBJECT, body=data)
        request = asks.BuildRelease(roles=list(host.roles))
        host.ask(verbs.BUILD_RELEASE, request, release.to_json().encode())
    shop.asked.clear()
    shop.project.asked.clear()
    return deploy


def test_a_release_that_is_whole_everywhere_passes_and_nothing_is_changed(
    shop: Site, everywhere: Deployment
) -> None:
    verify(everywhere)
    assert {verb for _, verb in shop.asked} <= LOOKS
    assert {host for host, verb in shop.asked if verb == "verify"} == set(shop.hosts)
    assert shop.live() == dict.fromkeys(shop.hosts, NEW)


def test_every_host_that_lacks_a_file_is_named(shop: Site, everywhere: Deployment) -> None:
    name = everywhere.current_release().id
    for host in ("edge1", "edge2"):
        (shop.folder / host / "releases" / name / "static" / "logo.svg").unlink()
    with pytest.raises(ReleaseError) as caught:
        verify(everywhere)
    assert caught.value.what == "2 hosts failed:\n" + "\n".join(
        f"  {host}: release {name} is not whole: 1 files are missing, 0 were changed, "
        f"such as releases/{name}/static/logo.svg"
        for host in ("edge1", "edge2")
    )
    assert caught.value.mend == (
        "ship what it lacks: fab staging deploy, or, to go back to it, "
        f"rollback --to {name} --repair"
    )


def test_a_seal_that_is_not_the_one_that_was_sealed_is_no_release(
    shop: Site, everywhere: Deployment
) -> None:
    """A host that another account writes on must not say which bytes are right (G8)."""
    name = everywhere.current_release().id
    held = shop.folder / "edge1" / "releases" / name / "release.json"
    text = held.read_text()
    held.chmod(0o644)
    held.write_text(text.replace('"created_by":"anna@desk"', '"created_by":"mallory@x"'))
    assert held.read_text() != text
    with pytest.raises(FabStaticError) as caught:
        verify(everywhere)
    assert "edge1" in caught.value.where


def test_each_web_host_looks_its_blocks_up_in_the_manifest_that_is_to_be_live(
    shop: Site, everywhere: Deployment
) -> None:
    """With the settings, templates and libraries there, and the versions that are to be live."""
    asked: dict[str, Any] = {}

    def answer(host: str, question: Any) -> Any:
        asked[host] = question
        return COVERED

    shop.project.answers["coverage"] = answer
    verify(everywhere)
    name = everywhere.current_release().id
    assert asked == {
        host: {
            "ask": "coverage",
            "manifest": f"{shop.folder}/{host}/releases/{name}/static/CACHE/manifest.json",
            "redirect": {
                str(shop.project.folder / host / "resource_versions.yml"): (
                    f"{shop.folder}/{host}/releases/{name}/resource_versions.yml"
                )
            },
        }
        for host in ("web1", "web2")
    }


def test_a_web_host_whose_page_would_miss_its_block_is_named_with_what_differs_there(
    shop: Site, everywhere: Deployment
) -> None:
    shop.project.settings["web2"]["libraries"] = {"django-compressor": "4.4"}
    shop.project.settings["build1"]["libraries"] = {"django-compressor": "4.5"}
    for host in shop.hosts.values():
        everywhere.forget_facts(host)
    built = {**COVERED, "rendered": [], "texts": {}}
    shop.project.answers["coverage"] = lambda host, _: (
        {**COVERED, "missing": [GAP]} if host == "web2" else built
    )
    with pytest.raises(BuildError) as caught:
        verify(everywhere)
    name = everywhere.current_release().id
    assert caught.value.where == f"web2: templates and settings there, release {name}"
    assert "page.html, block 0, line 3: its key ffffffffffff… is not in the manifest" in (
        caught.value.what
    )
    assert "4.5" in caught.value.what
    assert "the build host renders no block of this manifest now" in caught.value.what


def test_web_hosts_whose_pages_would_name_other_urls_are_refused(
    shop: Site, everywhere: Deployment
) -> None:
    shop.project.settings["web1"]["static_url"] = "/assets/"
    everywhere.forget_facts(shop.hosts["web1"])
    with pytest.raises(ReleaseError) as caught:
        verify(everywhere)
    name = everywhere.current_release().id
    assert str(caught.value) == (
        "pages would name other URLs than those of the release:\n"
        "    STATIC_URL is '/static/' in the release and '/assets/' on web1\n"
        f"  where: release {name} against the project's settings on web hosts\n"
        "  mend:  set it alike on build and web hosts, then: fab staging deploy"
    )


def test_a_build_host_that_cannot_answer_hides_nothing_of_what_a_web_host_lacks(
    shop: Site, everywhere: Deployment
) -> None:
    build1 = shop.hosts["build1"]
    release = everywhere.current_release()
    build1.before["read_object"] = build1.cut
    assert built_of(everywhere, release) == []
