"""Manifests that lack what templates ask for go nowhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import ManifestError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.entries import refuse_missed_entries, refuse_unmade
from fab_static.plan.inventory.environment import Manifest, Web
from fab_static.plan.release import File
from fab_static.plan.wire import verbs
from tests.unit.site import Site

VITE = json.dumps({"src/main.ts": {"file": "main.1a.js"}}).encode()
OWN = json.dumps({"shop/js/cart": ["cart.1a.js"]}).encode()


def use(**more: Any) -> dict[str, Any]:
    return {
        **{"template": "page.html", "is_own": True, "line": 3, "tag": "vite_asset"},
        **{"name": "src/main.ts", "reader": "django_vite", "lookup": "entry", "config": "default"},
        "manifest": "/code/vite.json",
        **more,
    }


def own(name: str, tag: str = "js_entry") -> dict[str, Any]:
    return use(tag=tag, name=name, reader="web.manifests", config="", manifest=None)


@pytest.fixture
def deploy(site: Site) -> Deployment:
    """A run whose web1 reads vite.json by its settings, and own.json by the inventory."""
    vite = {"path": "/code/vite.json", "below": "", "reader": "django_vite"}
    site.project.settings["web1"]["bundler_manifests"] = [vite]
    deploy = site.deployment()
    web = Web(manifests=(Manifest("own.json"),), unchecked_entries=("dev/*",))
    deploy.environment = replace(deploy.environment, web=web)
    return deploy


def refuse(
    deploy: Deployment,
    site: Site,
    *uses: dict[str, Any],
    without: str = "",
    there: dict[str, str] | None = None,
) -> None:
    """Have web1 hold both manifests, except for one, and its templates hold these tags."""
    site.project.answers["entries"] = {"uses": list(uses), "there": there or {}}
    host = next(one for one in deploy.hosts("web") if one.name == "web1")
    held = {}
    for one, text in zip(deploy.bundler_manifests(host), (OWN, VITE), strict=True):
        head, _ = host.ask(verbs.PUT_OBJECT, body=text)
        if not without or not one.path.endswith(without):
            held[one.name] = File(head["object"], head["size"], "1234567")
    refuse_missed_entries(deploy, host, held, {})


def test_tags_whose_entries_are_there_are_let_through(deploy: Deployment, site: Site) -> None:
    refuse(deploy, site, use(), own("shop/js/cart"), own("whatever", "js_entry_b3"))
    assert deploy.show.warned == []  # type: ignore[attr-defined]


def test_each_tag_whose_entry_is_missing_is_named_with_template_line_and_nearest(
    deploy: Deployment, site: Site
) -> None:
    with pytest.raises(ManifestError) as caught:
        refuse(
            deploy,
            site,
            use(name="src/mian.ts"),
            own("shop/js/cat"),
            use(config="x", lookup="config"),
        )
    assert caught.value.what == (
        "3 tags ask for what no manifest has, and pages would fail:\n"
        "    page.html:3: {% vite_asset 'src/mian.ts' %}: vite.json has no entry 'src/mian.ts'; "
        "the nearest is 'src/main.ts'\n"
        "    page.html:3: {% js_entry 'shop/js/cat' %}: own.json has no entry 'shop/js/cat'; "
        "the nearest is 'shop/js/cart'\n"
        "    page.html:3: {% vite_asset 'src/main.ts' %}: DJANGO_VITE has no 'x'"
    )  # fmt: skip
    assert caught.value.where == "web1: templates and settings there"
    assert "web.unchecked_entries in inventories/staging.yml" in caught.value.mend


def test_what_the_inventory_lets_be_is_let_be(deploy: Deployment, site: Site) -> None:
    refuse(deploy, site, use(name="dev/panel.ts"))


def test_of_a_librarys_template_the_operator_is_told(deploy: Deployment, site: Site) -> None:
    refuse(deploy, site, use(name="lost.ts", is_own=False))
    (told,) = deploy.show.warned  # type: ignore[attr-defined]
    assert told.startswith("web1: a page with this tag of a library would fail: page.html:3: ")


def test_a_manifest_that_neither_release_nor_settings_know_is_another_messages_concern(
    deploy: Deployment, site: Site
) -> None:
    refuse(deploy, site, use(manifest="/code/other.json", name="lost.ts"))


NONE = "there would be no vite.json"


@pytest.mark.parametrize("more", [{}, {"name": "", "lookup": "something"}])
def test_a_tag_whose_manifest_the_release_lacks_is_named(
    deploy: Deployment, site: Site, more: dict[str, Any]
) -> None:
    """Also where the page alone knows the name."""
    with pytest.raises(ManifestError) as caught:
        refuse(deploy, site, use(**more), own("shop/js/cart"), without="vite.json")
    assert caught.value.what.startswith(
        "1 tag asks for what no manifest has, and pages would fail:\n    page.html:3: {% vite_asset "
    )
    assert caught.value.what.endswith(f"%}}: {NONE}")
    assert caught.value.mend == (
        "have a phase make vite.json, and have the settings of build and web hosts name it alike; where no page shows "
        "such a tag, let it be: web.unchecked_entries in inventories/staging.yml"
    )
    deploy.command = "rollback"
    with pytest.raises(ManifestError) as caught:
        refuse(deploy, site, use(**more), without="vite.json")
    assert caught.value.mend.startswith("go back to a release that has vite.json, or deploy one; ")


def test_a_tag_that_finds_a_manifest_which_no_release_brings_is_let_through(
    deploy: Deployment, site: Site
) -> None:
    """It came with the code, or an image: not what links lead to from an earlier release, and is gone then."""
    host = next(one for one in deploy.hosts("web") if one.name == "web1")
    (vite,) = [one for one in deploy.bundler_manifests(host) if one.path.endswith("vite.json")]
    for link in ("", "../shared/vite.json"):
        refuse(deploy, site, use(), without="vite.json", there={vite.path: link})
    link = str(host.layout.live_file(vite.name))
    with pytest.raises(ManifestError, match=NONE):
        refuse(deploy, site, use(), without="vite.json", there={vite.path: link})


def test_a_manifest_that_no_tag_needs_may_be_missing(deploy: Deployment, site: Site) -> None:
    nothing = use(tag="vite_hmr_client", name="", lookup="nothing")
    refuse(deploy, site, nothing, use(name="dev/panel.ts"), without="vite.json")
    refuse(deploy, site, use(is_own=False), without="vite.json")
    (told,) = deploy.show.warned  # type: ignore[attr-defined]
    assert told.endswith(NONE)


def test_one_that_the_inventory_names_is_missed_where_a_tag_of_the_projects_own_reads_it(
    deploy: Deployment, site: Site
) -> None:
    refuse(deploy, site, use(), without="own.json")
    with pytest.raises(ManifestError, match=r"js_entry 'a' %}: there would be no own\.json"):
        refuse(deploy, site, own("a"), without="own.json")


def test_where_web_hosts_render_pages_a_build_host_may_lack_a_manifest(site: Site) -> None:
    """Each of them may have one of its own, and is asked before anything is live."""
    vite = {"path": "/code/vite.json", "below": "", "reader": "django_vite"}
    site.project.settings["build1"]["bundler_manifests"] = [vite]
    site.project.answers["entries"] = {"uses": [use()], "there": {}}
    deploy = site.deployment()
    refuse_missed_entries(deploy, deploy.build, {}, {})
    assert ("build1", "entries") not in site.project.asked


# ---- before a build


def unmade(site: Site, *there: str, more: str = "") -> None:
    """Have build1 know vite.json beside its static root and one in it, and web1 alone stats.json; tags ask all three."""
    site.open(more)
    for host, names in (("build1", ["vite.json"]), ("web1", ["vite.json", "stats.json"])):
        folder, root = site.project.folder / host, site.project.root_on(host)
        paths = [*(f"{folder}/{name}" for name in names), f"{root}/inside.json"]
        found = [{"path": path, "below": "", "reader": "django_vite"} for path in paths]
        site.project.settings[host]["bundler_manifests"] = found

    def answer(host: str, question: Any) -> Any:
        paths = [one["path"] for one in site.project.settings[host]["bundler_manifests"]]
        held = [path for path in question["lacking"] if path in there]
        uses = [use(manifest=path, tag=Path(path).stem) for path in paths]
        return {"uses": uses, "there": dict.fromkeys(held, "")}

    site.project.answers["entries"] = answer
    deploy = site.deployment()
    refuse_unmade(deploy, next(one for one in deploy.hosts("web") if one.name == "web1"))


def test_before_a_build_it_is_told_which_manifests_no_phase_will_make(site: Site) -> None:
    """One that the settings of a web host alone name; and one that is not there, where all phases are built in."""
    code = site.project.folder
    with pytest.raises(ManifestError) as caught:
        unmade(site)
    assert caught.value.what.startswith("2 tags ask")
    assert "there would be no vite.json" in caught.value.what
    assert "{% inside" not in caught.value.what  # collectstatic may bring it
    assert caught.value.mend.startswith("have a phase make stats.json, vite.json, and have the")
    own = "build: {phases: [{name: pack, run: make, writes: [out], reads: [src]}, collectstatic]}"
    for there, more in (((), own), ((f"{code}/build1/vite.json",), "")):
        with pytest.raises(
            ManifestError, match=r"1 tag asks (?s:.*) there would be no stats\.json\n"
        ):
            unmade(site, *there, more=more)
    unmade(site, f"{code}/web1/stats.json", more=own)
