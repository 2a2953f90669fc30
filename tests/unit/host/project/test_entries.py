"""What templates ask bundlers' manifests for, with the real tag libraries and in the project's own interpreter."""

import pytest

from tests.unit.host.project.test_probe import MANAGE, Project

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent.parent
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.staticfiles", "django_vite", "webpack_loader", "manifest_loader", "proj"]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "root"
STATICFILES_DIRS = [BASE_DIR / "assets"]
TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates",
     "DIRS": [BASE_DIR / "first", BASE_DIR / "second"], "APP_DIRS": True},
    {"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [BASE_DIR / "jinja"],
     "OPTIONS": {"environment": "proj.jinja.environment"}},
]
DJANGO_VITE = {"default": {"manifest_path": BASE_DIR / "vite.json"},
               "admin": {"manifest_path": BASE_DIR / "admin.json"},
               "dev": {"dev_mode": True}, "own": {"app_client_class": "proj.clients.Own"}}
WEBPACK_LOADER = {"DEFAULT": {"STATS_FILE": str(BASE_DIR / "stats.json")},
                  "OTHER": {"STATS_FILE": str(BASE_DIR / "other.json"), "BUNDLE_DIR_NAME": "other/"},
                  "OWN": {"LOADER_CLASS": "proj.clients.Loader"}}
MANIFEST_LOADER = {"output_dir": str(BASE_DIR / "dist")}
"""
JINJA = """
from django_vite.templatetags.django_vite import vite_asset
from jinja2 import Environment
def environment(**options):
    made = Environment(extensions=["webpack_loader.contrib.jinja2ext.WebpackExtension"], **options)
    made.globals["asset"] = vite_asset
    return made
"""
CLIENTS = """
from django_vite.core.asset_loader import DjangoViteAppClient, ManifestClient
from webpack_loader.loaders import WebpackLoader
class Own(DjangoViteAppClient):
    class ManifestClient(ManifestClient):
        def get(self, path): return None
class Loader(WebpackLoader):
    def get_bundle(self, name): return []
"""
OTHER = """
from django import template
register = template.Library()
@register.simple_tag
def manifest(name): return name
"""
LOAD = "{% load django_vite webpack_loader manifest %}"
TEMPLATES = {
    "first/vite.html": LOAD
    + """
{% vite_asset 'src/a.ts' %}{% vite_asset "src/b.ts" app='admin' %}{% vite_asset path='src/c.ts' %}
{% vite_asset_url 'src/d.ts' 'admin' %}{% vite_preload_asset 'src/e.ts' %}{% vite_legacy_asset 'src/f.ts' %}
{% vite_legacy_polyfills %}{% vite_react_refresh app='adnim' %}{% vite_asset 'src/g.ts' async='' as tags %}""",
    "first/left.html": LOAD
    + """{% vite_asset name %}{% vite_asset 'a'|add:x %}{% vite_asset 'a.ts' app=which %}{% vite_asset 'a' app='dev' %}
{# {% vite_asset 'comment' %} #}{% comment %}{% vite_asset 'comment' %}{% endcomment %}
{% verbatim %}{% vite_asset 'verbatim' %}{% endverbatim %}{% vite_hmr_client %}{% vite_asset 'a' app='own' %}
{% render_bundle 'a' config='OWN' %}""",
    "first/webpack.html": LOAD
    + """{% render_bundle 'main' 'css' config='OTHER' %}{% render_bundle 'main' 'js' 'OTHER' %}{% get_files "m" %}
{% webpack_static 'logo.svg' %}{% webpack_asset 'src/logo.svg' %}{% manifest 'main.js' %}
{% manifest_match '*.css' '<link href="{match}">' %}""",
    "first/own.html": "{% js_entry 'shop/js/cart' %}\n{% js_entry_b3 \"shop/js/old\" %}{% webpack_main %}",
    "first/not_loaded.html": "{% vite_asset 'nobody.ts' %}",
    "first/from.html": "{% load vite_asset from django_vite %}{% vite_asset 'yes.ts' %}{% render_bundle 'no' %}",
    "first/another.html": "{% load manifest other %}{% manifest 'of-another-library' %}",
    "second/vite.html": LOAD + "{% vite_asset 'hidden-by-the-first' %}",
    "jinja/page.jinja": "{# {{ asset('comment') }} #}\n{{ asset('j.ts', app='admin') }}{{ asset(name) }}"
    "{% raw %}{{ asset('raw') }}{% endraw %}{% if x %}{{ render_bundle('main', 'css', config='OTHER') }}{% endif %}",
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("entries"))
    project.write(
        {
            "manage.py": MANAGE,
            "src/proj/__init__.py": "",
            "src/proj/settings.py": SETTINGS,
            "src/proj/jinja.py": JINJA,
            "src/proj/clients.py": CLIENTS,
            "src/proj/templatetags/__init__.py": "",
            "src/proj/templatetags/other.py": OTHER,
            **TEMPLATES,
        }
    )
    return (
        project.path,
        project.answer("entries", lacking=[])["uses"],
        project.answer("settings")["bundler_manifests"],
    )


def of(asked, template):
    path, uses, _ = asked
    return [
        (
            one["line"],
            one["tag"],
            one["name"],
            one["lookup"],
            (one["manifest"] or "").removeprefix(f"{path}/"),
        )
        for one in uses
        if one["template"] == template
    ]


def test_each_tag_of_django_vite_is_told_with_the_manifest_that_it_reads(asked):
    entry = "named entry"
    assert of(asked, "vite.html") == [
        (2, "vite_asset", "src/a.ts", entry, "vite.json"),
        (2, "vite_asset", "src/b.ts", entry, "admin.json"),
        (2, "vite_asset", "src/c.ts", entry, "vite.json"),
        (3, "vite_asset_url", "src/d.ts", entry, "admin.json"),
        (3, "vite_preload_asset", "src/e.ts", entry, "vite.json"),
        (3, "vite_legacy_asset", "src/f.ts", entry, "vite.json"),
        (4, "vite_legacy_polyfills", "legacy-polyfills", "polyfills", "vite.json"),
        (4, "vite_react_refresh", "", "config", ""),
        (4, "vite_asset", "src/g.ts", entry, "vite.json"),
    ]


def test_of_a_name_that_a_page_alone_would_know_the_manifest_is_told(asked):
    """Comments, text, configurations that develop, and loaders of the project's own are left out."""
    assert of(asked, "left.html") == [
        (1, "vite_asset", "", "something", "vite.json"),
        (1, "vite_asset", "", "something", "vite.json"),
        (3, "vite_hmr_client", "", "nothing", "vite.json"),
    ]


def test_each_tag_of_webpack_loader_and_manifest_loader_is_told(asked):
    assert of(asked, "webpack.html") == [
        (1, "render_bundle", "main", "entry", "other.json"),
        (1, "render_bundle", "main", "entry", "other.json"),
        (1, "get_files", "m", "entry", "stats.json"),
        (2, "webpack_static", "logo.svg", "file", "stats.json"),
        (2, "webpack_asset", "src/logo.svg", "source", "stats.json"),
        (2, "manifest", "main.js", "entry or file", "dist/manifest.json"),
        (3, "manifest_match", "*.css", "pattern", "dist/manifest.json"),
    ]


def test_tags_of_the_projects_own_read_what_the_inventory_names(asked):
    assert of(asked, "own.html") == [
        (1, "js_entry", "shop/js/cart", "entry", ""),
        (2, "js_entry_b3", "shop/js/old", "entry", ""),
        (2, "webpack_main", "", "something", ""),
    ]


def test_a_tag_counts_where_its_library_is_loaded(asked):
    assert of(asked, "not_loaded.html") == []
    assert [one[2] for one in of(asked, "from.html")] == ["yes.ts"]
    assert of(asked, "another.html") == []


def test_calls_in_jinja2_are_told(asked):
    assert of(asked, "page.jinja") == [
        (2, "asset", "j.ts", "named entry", "admin.json"),
        (2, "asset", "", "something", "vite.json"),
        (2, "render_bundle", "main", "entry", "other.json"),
    ]


def test_the_project_owns_its_templates(asked):
    assert {one["is_own"] for one in asked[1]} == {True}


def test_webpack_loaders_names_are_below_the_folder_that_it_takes_by_itself(asked):
    belows = {one["path"].rpartition("/")[2]: one["below"] for one in asked[2]}
    assert (belows["stats.json"], belows["other.json"]) == ("webpack_bundles/", "other/")


def bare(folder, settings=SETTINGS):
    """Return a project without templates."""
    project = Project(folder)
    code = {"__init__": "", "jinja": JINJA, "clients": CLIENTS, "settings": settings}
    sources = {f"src/proj/{name}.py": text for name, text in code.items()}
    project.write({"manage.py": MANAGE, "own.json": "{}", **sources})
    return project


def test_of_manifests_that_a_release_lacks_those_are_told_that_are_there(tmp_path):
    """Of a link it is told where it leads: into the live release, perhaps, whose manifest will be gone."""
    (tmp_path / "linked.json").symlink_to("own.json")
    (tmp_path / "dangling.json").symlink_to("gone.json")
    names = ("own.json", "linked.json", "dangling.json", "nowhere.json")
    own, linked, *others = (f"{tmp_path}/{name}" for name in names)
    told = bare(tmp_path).answer("entries", lacking=[own, linked, *others])
    assert told["there"] == {own: "", linked: "own.json"}


def test_the_one_folder_of_manifest_loader_is_known_before_its_manifest_is_there(tmp_path):
    """A web host has none before its first release with one."""
    settings = SETTINGS.replace('MANIFEST_LOADER = {"output_dir"', 'OTHER = {"output_dir"')
    found = bare(tmp_path, settings).answer("settings")["bundler_manifests"]
    paths = [one["path"] for one in found if one["reader"] == "manifest_loader"]
    assert paths == [f"{tmp_path}/assets/manifest.json"]
