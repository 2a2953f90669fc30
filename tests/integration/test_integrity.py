"""Integrity attributes: printed by tags, made by compressor and bundlers, and judged before a flip."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from pathlib import Path

import pytest

from fab_static.errors import BuildError
from tests.integration import plain_project
from tests.integration.conftest import on_this_machine, rendered

SETTINGS = """\
INSTALLED_APPS += ["compressor", "fab_static.django_app"]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.AppDirectoriesFinder", "compressor.finders.CompressorFinder"]
COMPRESS_ENABLED = COMPRESS_OFFLINE = True
COMPRESS_SRI_HASHES = ("sha384",)
COMPRESSORS = {
    "css": "fab_static.django_app.compressors.CssCompressor",
    "js": "fab_static.django_app.compressors.JsCompressor",
}
"""
PAGE = """\
{% load fab_static compress %}{% static_preload 'css/site.css' %}
<script src="{% static 'js/app.js' %}" integrity="{% static_integrity 'js/app.js' %}" crossorigin></script>
{% compress js %}<script src="{% static 'js/other.js' %}"></script>{% endcompress %}
"""
# rewrites what compress wrote: its integrity attribute is then that of other bytes
BANNER = {
    "name": "banner",
    "run": "for f in static_root/CACHE/js/output.*.js; do echo '/* (c) */' >> $f; done",
    "writes": ["static_root/CACHE"],
}
PHASES = ["collectstatic", "resource_static", "compress"]


def sri(data: bytes) -> str:
    return f"sha384-{base64.b64encode(hashlib.sha384(data).digest()).decode()}"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    files = {
        "shop/templates/page.html": PAGE,
        "shop/static/js/other.js": "other()\n",
        "shop/static/css/site.css": "@font-face{src:url(../fonts/a.woff2)}\n",
        "shop/static/fonts/a.woff2": "a font",
    }
    return plain_project.write(tmp_path / "code", SETTINGS, files)


def attributes(page: str) -> list[tuple[str, str]]:
    """Return the URL and the integrity of each script of a page, in the order of its URLs."""
    found = []
    for element in re.findall(r"<script[^>]*>", page):
        values = dict(re.findall(r'(\w+)="([^"]*)"', element))
        found.append((values["src"], values.get("integrity", "")))
    return sorted(found)


def test_pages_print_the_hashes_of_what_is_served_and_stale_ones_stop_a_deploy(
    tmp_path: Path, code: Path
) -> None:
    settings, static = "settings", Path(f"{code}.static")
    with on_this_machine(code, *PHASES, settings=settings) as (session, _):
        first = session.deploy().current_release()
        page = rendered(code, settings)
        assert '<link rel="preload" href="/static/fonts/a.woff2" as="font"' in page
        before = attributes(page)
        assert len(before) == 2
        for url, integrity in before:
            path = url.removeprefix("/static/").partition("?")[0]
            assert integrity == sri((static / "current/static" / path).read_bytes()), url
        (code / "shop/static/js/app.js").write_text("app(2)\n")
        session.deploy()
        now = attributes(rendered(code, settings))
        assert dict(now) != dict(before)
        assert sri(b"app(2)\n") in dict(now).values()
        session.rollback()
        assert attributes(rendered(code, settings)) == before
        assert session.status()["live"] == first.id

        template = code / "shop/templates/page.html"
        template.write_text(PAGE.replace("{% static_integrity 'js/app.js' %}", sri(b"app(1)")))
        with pytest.raises(BuildError) as refused:
            session.deploy()
        assert "page.html:2: js/app.js is promised as sha384-" in refused.value.what
        assert session.status()["live"] == first.id
        template.write_text(PAGE)
    asked = {"build": {"phases": [*PHASES, BANNER]}}
    with on_this_machine(code, settings=settings, **asked) as (session, _):
        with pytest.raises(
            BuildError, match=r"the offline manifest, key .*page.html, js 1"
        ) as refused:
            session.deploy()
        assert "run what rewrites it before" in refused.value.mend
        assert session.status()["live"] == first.id


@pytest.mark.parametrize(
    "manifest",
    [
        '{"status": "done", "chunks": {"main": ["js/app.js"]}, "assets": {"js/app.js": {"name": "js/app.js", "integrity": "%s"}}}',
        '{"main.ts": {"file": "js/app.js", "integrity": "%s"}}',
    ],
    ids=["webpack", "vite"],
)
def test_a_bundlers_stale_hash_stops_a_deploy(tmp_path: Path, manifest: str) -> None:
    code = plain_project.write(tmp_path / "code")
    bundle = {
        "name": "bundle",
        "run": f"{sys.executable} bundle.py",
        "writes": ["manifest.json"],
        "reads": ["bundle.py"],
    }

    def says(data: bytes) -> None:
        text = manifest % sri(data)
        (code / "bundle.py").write_text(f"open('manifest.json', 'w').write({text!r})\n")
        (code / "shop/static/css/site.css").write_text(text)  # so that collectstatic runs as well

    asked = {
        "build": {"phases": [bundle, "collectstatic"]},
        "web": {"manifests": ["manifest.json"]},
    }
    with on_this_machine(code, settings="settings", **asked) as (session, _):
        says(b"app()\n")
        live = session.deploy().current_release().id
        says(b"app(0)\n")
        with pytest.raises(
            BuildError, match=r"manifest.json, .*js/app.js is promised as"
        ) as refused:
            session.deploy()
        assert refused.value.exit_code == 1
        assert session.status()["live"] == live
