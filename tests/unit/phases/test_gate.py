"""The gate: pages on each web host find their blocks, and name the URLs of the release (G4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fab_static.errors import BuildError, ManifestError, ReleaseError
from fab_static.phases.gate import built_of, gate, where_read
from fab_static.phases.run.deployment import Deployment
from fab_static.plan import page_facts
from tests.unit.phases.run.test_revisions import checkouts
from tests.unit.phases.test_compress import GAP
from tests.unit.site import COVERED, Site


def test_each_web_host_looks_its_blocks_up_in_the_manifest_that_is_to_be_live(
    shop: Site, everywhere: Deployment
) -> None:
    """With the settings, templates and libraries there, and the versions that are to be live."""
    asked: dict[str, Any] = {}

    def answer(host: str, question: Any) -> Any:
        asked[host] = question
        return COVERED

    shop.project.answers["coverage"] = answer
    gate(everywhere, everywhere.current_release())
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
        gate(everywhere, everywhere.current_release())
    name = everywhere.current_release().id
    assert caught.value.where == f"web2: templates and settings there, release {name}"
    assert "page.html, block 0, line 3: its key ffffffffffff… is not in the manifest" in (
        caught.value.what
    )
    assert "4.5" in caught.value.what
    assert "the build host renders no block of this manifest now" in caught.value.what


def test_a_release_without_a_manifest_is_refused_where_pages_look_blocks_up(
    shop: Site, everywhere: Deployment
) -> None:
    """Compressor was switched to offline since it was sealed, or its phase was forgotten."""
    shop.project.settings["web2"]["compress"]["offline"] = False
    everywhere.forget_facts(shop.hosts["web2"])
    asked: dict[str, Any] = {}

    def answer(host: str, question: Any) -> Any:
        asked[host] = question["manifest"]
        return {**COVERED, "missing": [GAP]}

    shop.project.answers["coverage"] = answer
    release = replace(everywhere.current_release(), offline_manifest=None)
    with pytest.raises(BuildError) as caught:
        gate(everywhere, release)
    assert asked == {"web1": ""}  # not the one that pages read now
    assert caught.value.where == f"web1: templates and settings there, release {release.id}"
    assert caught.value.mend == (
        "the release has no offline manifest: add compress to build.phases in the inventory"
    )
    everywhere.command = "rollback"
    with pytest.raises(BuildError, match="go back to one that has"):
        gate(everywhere, release)
    shop.project.answers["coverage"] = COVERED
    gate(everywhere, release)


def test_pages_that_compress_when_they_are_asked_for_are_told(
    shop: Site, everywhere: Deployment
) -> None:
    """No static host has what they write then."""
    shop.project.settings["web2"]["compress"]["offline"] = False
    everywhere.forget_facts(shop.hosts["web2"])
    gate(everywhere, everywhere.current_release())
    assert everywhere.show.warned == [
        "web2: COMPRESS_OFFLINE is off there, so pages name files that web processes write into their own STATIC_ROOT, "
        "and that no release has; set it True, and add compress to build.phases in the inventory"
    ]
    # no page has a block; or compressor is off; or what it writes goes elsewhere
    shop.project.answers["coverage"] = {**COVERED, "blocks": 0}
    gate(everywhere, everywhere.current_release())
    shop.project.answers["coverage"] = COVERED
    for name, value in (("root", "/srv/elsewhere"), ("enabled", False)):
        shop.project.settings["web2"]["compress"][name] = value
        everywhere.forget_facts(shop.hosts["web2"])
        gate(everywhere, everywhere.current_release())
    assert len(everywhere.show.warned) == 1


def test_a_release_without_names_with_hashes_is_refused_where_pages_print_them(
    shop: Site, everywhere: Deployment
) -> None:
    storage = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    shop.project.settings["web2"]["prints_hashed_names"] = storage
    everywhere.forget_facts(shop.hosts["web2"])
    release = everywhere.current_release()
    with pytest.raises(ReleaseError) as caught:
        gate(everywhere, release)
    assert str(caught.value) == (
        "pages would print names with hashes, and the release has no manifest of them:\n"
        f"    web2 has {storage}\n"
        f"  where: release {release.id} against the project's settings on web hosts\n"
        "  mend:  set the storage of staticfiles (and DEBUG, which switches hashes off) alike on build and web "
        "hosts, then: fab staging deploy"
    )
    gate(everywhere, replace(release, staticfiles_manifest="staticfiles.json"))
    # seals that name it among their files alone
    facts = shop.project.settings["web2"]
    facts["staticfiles_manifest"] = f"{facts['static_root']}/staticfiles.json"
    everywhere.forget_facts(shop.hosts["web2"])
    file = next(iter(release.files.values()))
    gate(everywhere, replace(release, files={**release.files, "staticfiles.json": file}))


def test_a_release_without_a_bundlers_manifest_is_refused_where_tags_ask_for_it(
    shop: Site, everywhere: Deployment
) -> None:
    """The settings of that web host alone name it, or the release is an earlier one."""
    stats = {"path": "/code/stats.json", "below": "", "reader": "webpack_loader"}
    shop.project.settings["web2"]["bundler_manifests"] = [stats]
    everywhere.forget_facts(shop.hosts["web2"])
    use = {
        "template": "page.html",
        "is_own": True,
        "line": 1,
        "tag": "render_bundle",
        "name": "main",
    }
    reads = {
        "reader": "webpack_loader",
        "lookup": "entry",
        "config": "",
        "manifest": "/code/stats.json",
    }
    shop.project.answers["entries"] = {"uses": [{**use, **reads}], "there": {}}
    release = everywhere.current_release()
    assert not release.manifests
    with pytest.raises(ManifestError) as caught:
        gate(everywhere, release)
    assert caught.value.where == "web2: templates and settings there"
    shop.project.answers["entries"] = {"uses": [], "there": {}}
    gate(everywhere, release)


def test_web_hosts_whose_pages_would_name_other_urls_are_refused(
    shop: Site, everywhere: Deployment
) -> None:
    shop.project.settings["web1"]["static_url"] = "/assets/"
    everywhere.forget_facts(shop.hosts["web1"])
    with pytest.raises(ReleaseError) as caught:
        gate(everywhere, everywhere.current_release())
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


def test_where_no_host_has_the_role_web_the_build_hosts_project_is_asked(
    shop: Site, everywhere: Deployment
) -> None:
    fleet = everywhere.fleet
    fleet.hosts = tuple(host for host in fleet.hosts if "web" not in host.roles)
    asked: list[str] = []
    shop.project.answers["coverage"] = lambda host, _: asked.append(host) or COVERED
    everywhere.built_manifest = None  # as in a run that did not build it
    gate(everywhere, everywhere.current_release())
    assert asked == ["build1"]
    assert everywhere.show.said[-1].startswith("no host has the role web: build1's project")


def test_each_manifest_is_told_with_where_a_host_has_the_releases(
    shop: Site, everywhere: Deployment
) -> None:
    release = everywhere.current_release()
    folder = f"{shop.folder}/web1/releases/{release.id}"
    code = shop.project.folder / "web1"
    assert where_read(everywhere, shop.hosts["web1"], release) == {
        str(code / "resource_versions.yml"): f"{folder}/resource_versions.yml",
        str(shop.project.root_on("web1") / "CACHE/manifest.json"): (
            f"{folder}/static/CACHE/manifest.json"
        ),
    }


def test_what_tags_print_of_files_lies_beside_the_versions_of_an_image(
    shop: Site, everywhere: Deployment
) -> None:
    release = everywhere.current_release()
    facts = replace(release, manifests={page_facts.NAME: release.files["logo.svg"]})
    beside = str(shop.project.folder / "web1" / "page_facts.json")
    place = f"{shop.folder}/web1/releases/{release.id}/manifests/page_facts.json"
    assert where_read(everywhere, shop.hosts["web1"], facts)[beside] == place


@pytest.mark.parametrize(
    ("command", "said", "mend"),
    [
        (
            "deploy",
            "build1's checkout is at bbbbbbb, web2's checkout is at aaaaaaa",
            "bring web2 to bbbbbbb, then deploy again",
        ),
        (
            "rollback",
            "the release was built at ccccccc, web2's checkout is at aaaaaaa",
            "bring web2 to ccccccc, then roll back again",
        ),
    ],
)
def test_a_web_host_at_another_revision_is_told_which_one_to_have(
    shop: Site, everywhere: Deployment, command: str, said: str, mend: str
) -> None:
    """A rollback needs the code of the release that it goes back to, not that of the build host (first hour 13)."""
    checkouts(shop, build1="b" * 40, web1="b" * 40, web2="a" * 40)
    shop.project.answers["coverage"] = lambda host, _: (
        {**COVERED, "missing": [GAP]} if host == "web2" else COVERED
    )
    everywhere.command = command
    release = replace(everywhere.current_release(), revision="c" * 40)
    with pytest.raises(BuildError) as caught:
        gate(everywhere, release)
    assert said in caught.value.what
    assert caught.value.mend == mend
