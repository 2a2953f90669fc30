"""What a build promises of its files' bytes, and what web hosts are told of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fab_static.errors import BuildError
from fab_static.phases.run.bundlers import Held
from fab_static.phases.run.composing import composed
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.promises import Promising, page_facts_of, refuse_broken_promises
from fab_static.phases.run.settings import BundlerManifest
from fab_static.plan.integrity import spelled
from fab_static.plan.page_facts import NAME
from fab_static.plan.wire import verbs
from tests.unit.site import PROMISED, Site

Build = Callable[..., Deployment]
STALE = {
    "is_url": False,
    "line": 7,
    "name": "logo.svg",
    "integrity": "sha384-AAAA",
    "template": "page.html",
}


def says(site: Site, **said: Any) -> None:
    site.project.answers["integrity"] = {**PROMISED, **said}


def test_a_hash_in_a_template_that_is_not_the_files_is_refused(shop: Site, build: Build) -> None:
    says(shop, written=[{**STALE, "is_own": True}])
    with pytest.raises(BuildError) as refused:
        composed(build())
    first, second = refused.value.what.splitlines()
    assert first == (
        "1 integrity attribute is not the hash of what is served, and browsers would refuse that file:"
    )
    assert second.strip().startswith("page.html:7: logo.svg is promised as sha384-AAAA, and served")
    assert "{% static_integrity" in refused.value.mend


def test_one_in_a_librarys_template_is_told(shop: Site, build: Build) -> None:
    says(shop, written=[{**STALE, "is_own": False}])
    deploy = build()
    composed(deploy)
    assert any("template of a library would lack a file" in line for line in deploy.show.warned)


def test_web_hosts_are_told_of_the_names_that_templates_give(shop: Site, build: Build) -> None:
    says(shop, names=["logo.svg", "not-there.js"])
    file = composed(build()).manifests[NAME]
    objects = shop.folder / "build1" / "objects"
    facts = json.loads((objects / file.sha256[:2] / file.sha256).read_text())
    assert [*facts["integrity"]] == ["logo.svg"]


def test_a_release_whose_templates_ask_for_nothing_has_no_such_file(build: Build) -> None:
    assert NAME not in composed(build()).manifests


def test_a_hash_that_browsers_do_not_know_is_refused(build: Build) -> None:
    with pytest.raises(BuildError, match="FAB_STATIC_INTEGRITY is 'md5'"):
        page_facts_of(build(), {}, {**PROMISED, "algorithm": "md5"})  # type: ignore[typeddict-item]


def test_where_a_storage_puts_hashes_into_names_the_file_that_pages_print_is_judged(
    shop: Site, build: Build
) -> None:
    """Django's storage rewrites what such a file names: its bytes are others than those that a bundler hashed."""
    deploy = build()
    held = shop.hosts["build1"].ask(verbs.PUT_OBJECT, body=b"rewritten")[0]["object"]
    release = composed(deploy)
    plain, rewritten = release.files["logo.svg"], replace(release.files["logo.svg"], sha256=held)
    files = {"logo.svg": plain, "logo.aa.svg": rewritten}
    good = spelled("sha256", plain.sha256)
    manifest = BundlerManifest(
        "/code/vite.json", "../manifests/files/vite.json", "", "web.manifests"
    )

    def judged(name: str, **written: Any) -> None:
        data = {"logo": {"file": name, "integrity": good}} if name else {}
        said: Any = {
            **PROMISED,
            "written": [{**STALE, **written, "integrity": good}] if written else [],
        }
        manifests = [Held(manifest, plain, data)]
        hashed = {"logo.svg": "logo.aa.svg"}
        refuse_broken_promises(deploy, Promising(files, {}, {}, manifests, hashed, said))

    judged("/static/logo.svg")  # a URL is printed as it is
    judged("", is_own=True, is_url=True)
    with pytest.raises(BuildError, match=r"logo\.aa\.svg is promised as"):
        judged("logo.svg")
    with pytest.raises(BuildError, match=r"logo\.aa\.svg is promised as"):
        judged("", is_own=True)
