"""Manifests that lack what templates ask for go nowhere."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fab_static.errors import ManifestError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.entries import refuse_missed_entries
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


def refuse(deploy: Deployment, site: Site, *uses: dict[str, Any]) -> None:
    """Have web1 hold both manifests, and its templates hold these tags."""
    site.project.answers["entries"] = {"uses": list(uses)}
    host = next(one for one in deploy.hosts("web") if one.name == "web1")
    held = {}
    for one, text in zip(deploy.bundler_manifests(host), (OWN, VITE), strict=True):
        head, _ = host.ask(verbs.PUT_OBJECT, body=text)
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


def test_a_manifest_that_the_release_has_not_is_another_messages_concern(
    deploy: Deployment, site: Site
) -> None:
    refuse(deploy, site, use(manifest="/code/other.json", name="lost.ts"))
