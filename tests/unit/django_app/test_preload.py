"""{% static_preload %} in a project with Vite, webpack, a manifest of its own, and RequireJS."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.django_app.test_tags import OF_RELEASE, RELEASE, render

VERSIONS = "".join(
    f'- {{name: {name}, version: "0123456"}}\n'
    for name in ("css/site.css", "js/a.js", "one/js/page.js", "one/js/bundle.js", "one/js/config.js")
)  # fmt: skip
FACTS = {
    "format": 1,
    "integrity": {"js/a.js": "sha384-x"},
    "fonts": {
        "css/site.css": ["../fonts/a.woff2?v=1#x"],
        "dist/assets/m.css": ["/static/f.woff2"],
    },
}
VITE = {
    "src/main.ts": {"file": "assets/m.js", "imports": ["_s.js"], "css": ["assets/m.css"]},
    "_s.js": {"file": "assets/s.js"},
}
STATS = {
    "status": "done",
    "chunks": {"app": ["app.js", "app.js.map"]},
    "assets": {"app.js": {"name": "app.js", "integrity": "sha256-y"}},
}
FILES = {
    f"{RELEASE}/resource_versions.yml": VERSIONS,
    f"{RELEASE}/manifests/page_facts.json": json.dumps(FACTS),
    "vite.json": json.dumps(VITE),
    "stats.json": json.dumps(STATS),
    "own/manifest.json": json.dumps({"page": ["p.js", "/elsewhere/p.css"]}),
    "one/static/one/requirejs.yml": "mainConfigFile: one/js/config.js\n",
    "one/static/one/js/config.js": "requirejs.config({});",
}
SETTINGS = (
    OF_RELEASE
    + """
INSTALLED_APPS += ["django_vite", "webpack_loader"]
DJANGO_VITE = {"default": {"manifest_path": BASE_DIR / "vite.json", "static_url_prefix": "dist"}}
WEBPACK_LOADER = {"DEFAULT": {"BUNDLE_DIR_NAME": "wp/", "STATS_FILE": str(BASE_DIR / "stats.json"), "INTEGRITY": True}}
FAB_STATIC_PRELOAD_MANIFESTS = [{"path": "own/manifest.json", "below": "own"}]
"""
)


def test_each_kind_of_name_preloads_what_it_needs_at_once(make_project: Any) -> None:
    project = make_project(FILES, SETTINGS)
    names = ("src/main.ts", "app", "page", "css/site.css", "one/js/page", "nobody", "css/new.css")
    text = "|".join(f"{{% static_preload '{name}' %}}" for name in names)
    text += "|{% static_preload 'js/a.js' crossorigin='anonymous' %}"
    vite, webpack, own, plain, requirejs, nobody, new, checked = render(project, text).split("|")
    script = 'as="script" type="text/javascript"'
    style = 'as="style" type="text/css"'
    font = 'as="font" type="font/woff2" crossorigin="anonymous"'
    assert vite.splitlines() == [
        f'<link rel="preload" href="/static/dist/assets/m.css" {style}>',
        f'<link rel="preload" href="/static/f.woff2" {font}>',
        f'<link rel="modulepreload" href="/static/dist/assets/m.js" {script} crossorigin="anonymous">',
        f'<link rel="modulepreload" href="/static/dist/assets/s.js" {script} crossorigin="anonymous">',
    ]
    assert webpack == f'<link rel="preload" href="/static/wp/app.js" {script} integrity="sha256-y">'
    assert own.splitlines() == [
        f'<link rel="preload" href="/elsewhere/p.css" {style}>',
        f'<link rel="preload" href="/static/own/p.js" {script}>',
    ]
    assert plain.splitlines() == [
        f'<link rel="preload" href="/static/css/site.css?version=0123456" {style}>',
        f'<link rel="preload" href="/static/fonts/a.woff2?v=1" {font}>',
    ]
    assert requirejs.splitlines() == [
        f'<link rel="preload" href="/static/one/js/config.js?version=0123456" {script}>',
        f'<link rel="preload" href="/static/one/js/bundle.js?version=0123456" {script}>',
    ]
    assert nobody == ""
    assert new == f'<link rel="preload" href="/static/css/new.css" {style}>'
    assert checked.endswith(f'{script} crossorigin="anonymous" integrity="sha384-x">')


def test_link_headers_are_the_same_and_a_missing_manifest_breaks_no_page(make_project: Any) -> None:
    files = {name: text for name, text in FILES.items() if not name.endswith("s.json")}
    shown = make_project(files, SETTINGS.replace("vite.json", "gone.json")).python(
        "from fab_static.django_app.preload import link_headers\n"
        "print(*link_headers('css/site.css', 'app'), sep='\\n')"
    )
    assert shown.split("\n")[:-1] == [
        '</static/css/site.css?version=0123456>; rel=preload; as=style; type="text/css"'
    ]
