"""One build, made without a CDN, promoted to an environment behind one: the sample shop, pages and bytes."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from fab_static.errors import BuildError
from fab_static.plan.build_order import BUILD_PHASES
from tests.integration.conftest import get, on_this_machine, served, write_tiny
from tests.integration.test_sample_project import PAGES, Shop, _links, checkout

SETTINGS = """\
from shop.settings import *
FAB_STATIC_CDN_IN_BLOCKS = False
COMPRESSORS = {
    "css": "fab_static.django_app.compressors.CssCompressor",
    "js": "fab_static.django_app.compressors.JsCompressor",
}
COMPRESS_FILTERS["css"][0] = "compressor.filters.css_default.CssRelativeFilter"
"""
FREE = {"DJANGO_SETTINGS_MODULE": "shop.free"}
# As a browser runs it: document.currentScript is the element whose script runs.
PATHS = """
const vm = require("vm"), fs = require("fs");
let told;
const context = { document: { currentScript: { src: process.argv[2] } },
                  requirejs: { config: (given) => { told = given.paths; } } };
vm.runInNewContext(fs.readFileSync(process.argv[1], "utf8"), context);
console.log(JSON.stringify(told));
"""


def free_shop(folder: Path) -> Shop:
    shop = checkout(folder)
    (shop.path / "shop" / "free.py").write_text(SETTINGS)
    return shop


def test_what_was_built_without_a_cdn_is_served_whole_behind_one(tmp_path: Path) -> None:
    staging, production = free_shop(tmp_path / "staging"), free_shop(tmp_path / "production")
    deploy_to = Path(f"{production.path}.static")
    with served(deploy_to / "current") as cdn:
        here = {"app": "shop", "settings": "shop.free"}
        with (
            on_this_machine(staging.path, *BUILD_PHASES, **here) as (first, _),
            on_this_machine(
                production.path,
                *BUILD_PHASES,
                **here,
                name="production",
                project={"environment": {"STATIC_CDN": cdn}},
            ) as (second, _),
        ):
            first.deploy()
            release = second.prepare(promote_from=first.environment)
            second.activate()
            assert second.status()["live"] == first.status()["live"] == release.id

        pages = production.pages(*PAGES, **FREE, STATIC_CDN=cdn)
        urls = {url for page in pages.values() for url in _links(page) if "/static/" in url}
        own = {url for url in urls if not url.startswith(cdn)}
        assert own == {"/static/jsi18n/en/djangojs.js"}  # statici18n knows no CDN
        sheets = set()
        for url in urls - own:
            answer, path = get(url), unquote(urlsplit(url).path.removeprefix("/static/"))
            assert (answer.status, answer.sha256) == (200, release.files[path].sha256), url
            if path.endswith(".css"):
                found = re.findall(r"""url\(["']?([^"')]+)""", answer.body.decode())
                sheets |= {urljoin(url, each) for each in found if not each.startswith("data:")}
        assert any("glyphicons" in url for url in sheets)
        assert {url: get(url).status for url in sheets} == dict.fromkeys(sheets, 200)
        assert all(url.startswith(f"{cdn}/static/") for url in sheets)

        script = deploy_to / "current" / "static" / "shop" / "js" / "resource_versions.js"
        source = f"{cdn}/static/shop/js/resource_versions.js?version=0123456"
        ran = subprocess.run(
            ["node", "-e", PATHS, script, source], capture_output=True, text=True, check=True
        )
        modules = json.loads(ran.stdout)
        assert modules["shop/js/awesome"].startswith(f"{cdn}/static/shop/js/awesome.js?version=")
        assert get(modules["cart/js/bundle"] + ".").status == 200

    # and on the environment that built it, over no CDN at all
    pages = staging.pages("/", "/cart/", **FREE)
    assert not any("http://127" in page for page in pages.values())


def free_tiny(folder: Path, **files: str) -> Path:
    project = write_tiny(folder)
    for name, text in files.items():
        (project / "templates" / f"{name}.html").write_text(text)
    page = project / "templates" / "page.html"
    page.write_text(page.read_text().replace("{% load static", "{% load fab_static"))
    with (project / "tiny" / "settings.py").open("a") as file:
        file.write(
            "import os\nSTATIC_CDN = os.environ.get('STATIC_CDN', '')\n"
            "COMPRESS_URL = STATIC_CDN + STATIC_URL\nCOMPRESS_CSS_HASHING_METHOD = 'content'\n"
            "INSTALLED_APPS.append('fab_static.django_app')\n"
            + SETTINGS.partition("\n")[2].rpartition("\nCOMPRESS_FILTERS")[0]
            + "\nCOMPRESS_FILTERS = {'css': ['compressor.filters.css_default.CssRelativeFilter']}\n"
        )
    return project


def built(project: Path, cdn: str = "") -> dict[str, str]:
    phases = ("collectstatic", "compress")
    variables = {"environment": {"STATIC_CDN": cdn}}
    with on_this_machine(project, *phases, project=variables) as (session, _):
        return {path: file.sha256 for path, file in session.prepare().files.items()}


CDN = "https://cdn.example"


def test_a_build_behind_a_cdn_gives_the_same_files_as_one_without(tmp_path: Path) -> None:
    assert built(free_tiny(tmp_path / "a")) == built(free_tiny(tmp_path / "b"), CDN)


def test_a_block_that_renders_the_cdn_all_the_same_is_refused_by_name(tmp_path: Path) -> None:
    """Even where the build itself has no CDN, so that none stands in the block."""
    filtered = (
        "{% load fab_static compress %}{% compress css %}"
        "<link rel=stylesheet href=\"{{ 'site.css'|static }}\">{% endcompress %}"
    )
    project = free_tiny(tmp_path / "a", filtered=filtered)
    with pytest.raises(BuildError) as caught:
        built(project)
    assert caught.value.what == (
        "FAB_STATIC_CDN_IN_BLOCKS is False, but the build depends on STATIC_CDN:\n"
        "    filtered.html, block 0, line 1 renders the CDN:\n"
        '      <link rel=stylesheet href="/static/site.css">'
    )


def test_a_style_sheet_that_holds_the_cdn_is_refused_by_name(tmp_path: Path) -> None:
    project = free_tiny(tmp_path / "a")
    settings = project / "tiny" / "settings.py"
    settings.write_text(settings.read_text().replace("CssRelativeFilter", "CssAbsoluteFilter"))
    with pytest.raises(BuildError) as caught:
        built(project, CDN)
    assert re.search(r"\n    CACHE/css/output\.[0-9a-f]{12}\.css holds it$", caught.value.what)
    assert "CssRelativeFilter" in caught.value.mend
