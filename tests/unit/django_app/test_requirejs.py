"""What build_requirejs does before Node; its bundles are in tests/integration/test_django_commands.py."""

BASE = {
    "one/static/one/requirejs.yml": "mainConfigFile: one/js/config.js\n",
    "one/static/one/js/config.js": "requirejs.config({});",
    "one/static/one/js/cart.js": "define([], function () {});",
    "resource_versions.yml": "one/js/cart.js: '0123456'",
    "staticfiles/one/js/cart.js": "define([], function () {});",
    "templates/cart.html": '{% load fab_static %}{% requirejs_main "one/js/cart" %}',
}
MAINS = "from fab_static.django_app.requirejs.pages import mains\nprint(mains())"


def test_main_modules_are_read_from_every_loader_as_templates_have_them(make_project):
    settings = """
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": [
    ("django.template.loaders.cached.Loader", [
        ("django.template.loaders.locmem.Loader", {"memory.txt": '{% requirejs_main "two/js/memory" %}'}),
        ("django.template.loaders.filesystem.Loader", [BASE_DIR / "templates"]),
        "django.template.loaders.app_directories.Loader",
    ])]}}]
"""
    project = make_project(
        {
            "templates/a.html": "{# {% requirejs_main 'no/a' %} #}{% comment %}{% requirejs_main 'no/b' %}{% endcomment %}"
            "{% verbatim %}{% requirejs_main 'no/c' %}{% endverbatim %}\n{% requirejs_main 'two/js/a' %}",
            "templates/base.html": "{% requirejs_main %}",
            "templates/broken.html": "{% unknown %}{% requirejs_main 'two/js/broken' %}{% if %}",
            "templates/shadowed.html": "",
            "two/templates/shadowed.html": "{% requirejs_main 'no/shadowed' %}",
            "two/templates/two/page.xml": "{% requirejs_main 'two/js/page' %}",
            "two/templates/two/image.png": b"\xff\xd8requirejs_main",
        },
        settings,
    )
    assert project.python(MAINS).strip() == repr(
        {
            "two/js/a": "a.html:2",
            "two/js/broken": "broken.html:1",
            "two/js/memory": "memory.txt:1",
            "two/js/page": "two/page.xml:1",
        }
    )


def test_a_template_that_no_loader_lists_is_read_where_another_names_it(make_project):
    """Pages get it by that name, from a database, say."""
    settings = """
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "templates"],
    "OPTIONS": {"loaders": ["loading.Loader", "django.template.loaders.filesystem.Loader"]}}]
"""
    loader = """
from django.template import Origin, TemplateDoesNotExist
from django.template.loaders.base import Loader as Base

TEXTS = {"stored/base.html": "{% requirejs_main 'two/js/base' %}{% include '../stored/part.html' %}",
         "stored/part.html": "{% requirejs_main 'two/js/part' %}",
         "stored/unused.html": "{% requirejs_main 'no/unused' %}"}

class Loader(Base):
    def get_template_sources(self, name):
        yield Origin(name, name, self)
    def get_contents(self, origin):
        if origin.name not in TEXTS:
            raise TemplateDoesNotExist(origin)
        return TEXTS[origin.name]
"""
    project = make_project(
        {
            "loading.py": loader,
            "templates/a.html": "{% extends 'stored/base.html' %}{% include 'none.html' %}",
        },
        settings,
    )
    assert project.python(MAINS).strip() == repr(
        {"two/js/base": "stored/base.html:1", "two/js/part": "stored/part.html:1"}
    )


def test_each_engine_has_its_own_template_of_a_name(make_project):
    """Pages ask for it by `using`; and Jinja2 has the tag where the project gives it one."""
    settings = """
DJANGO = "django.template.backends.django.DjangoTemplates"
JINJA2 = "django.template.backends.jinja2.Jinja2"
TEMPLATES = [{"BACKEND": DJANGO, "NAME": "one", "DIRS": [BASE_DIR / "one"]},
             {"BACKEND": DJANGO, "NAME": "two", "DIRS": [BASE_DIR / "two"]},
             {"BACKEND": JINJA2, "DIRS": [BASE_DIR / "three"],
              "OPTIONS": {"block_start_string": "<%", "block_end_string": "%>"}}]
"""
    project = make_project(
        {
            "one/a.html": "{% requirejs_main 'two/js/one' %}",
            "two/a.html": "{% requirejs_main 'two/js/two' %}",
            "three/a.html": "<% requirejs_main 'two/js/tag' %>\n{{ requirejs_main('two/js/call') }}",
            "three/none.html": "{# <% requirejs_main 'no/a' %> #}<% raw %><% requirejs_main 'no/b' %><% endraw %>"
            "{% requirejs_main 'no/c' %}<% requirejs_main %>{{ requirejs_main }}{{ requirejs_main(page) }}",
            "three/broken.html": "<% requirejs_main 'no/d' ) %>",
        },
        settings,
    )
    assert project.python(MAINS).strip() == repr(
        {
            "two/js/one": "a.html:1",
            "two/js/two": "a.html:1",
            "two/js/tag": "a.html:1",
            "two/js/call": "a.html:2",
        }
    )


def test_a_loader_that_lists_nothing_is_asked_first_where_it_stands_first(make_project):
    """Templates from a database, say, which shadow those on disk."""
    settings = """
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "templates"],
    "OPTIONS": {"file_charset": "latin-1", "loaders": [
        "loading.Loader", "django.template.loaders.filesystem.Loader"]}}]
"""
    loader = """
from django.template import Origin, TemplateDoesNotExist
from django.template.loaders.base import Loader as Base

class Loader(Base):
    def get_template_sources(self, name):
        yield Origin(name, name, self)
    def get_contents(self, origin):
        if origin.name != "a.html":
            raise TemplateDoesNotExist(origin)
        return "{% requirejs_main 'two/js/stored' %}"
"""
    project = make_project(
        {
            "loading.py": loader,
            "templates/a.html": "{% requirejs_main 'no/a' %}",
            "templates/b.html": "caf\xe9 {% requirejs_main 'two/js/b' %}".encode("latin-1"),
        },
        settings,
    )
    assert project.python(MAINS).strip() == repr(
        {"two/js/stored": "a.html:1", "two/js/b": "b.html:1"}
    )


def test_a_main_module_that_is_no_literal_is_refused(make_project):
    project = make_project({**BASE, "templates/cart.html": "\n{% requirejs_main page %}"})
    assert project.fails("build_requirejs") == (
        "CommandError: {% requirejs_main page %} names no module in quotes\n"
        "  where: cart.html:2\n"
        '  mend:  write the module out: {% requirejs_main "shop/js/cart" %}\n'
    )


def test_a_main_module_that_is_not_there_is_named_with_its_template(make_project):
    project = make_project({**BASE, "templates/two.html": "{% requirejs_main 'two/js/none' %}"})
    assert project.fails("build_requirejs") == (
        "CommandError: the main module two/js/none is not in the static root\n"
        "  where: two.html:1\n"
        "  mend:  collect two/js/none.js, or correct the template\n"
    )


def test_without_node_it_says_how_to_get_it(make_project):
    project = make_project(BASE, "FAB_STATIC_NODE = 'no-such-node'\n")
    assert project.fails("build_requirejs") == (
        "CommandError: there is no program 'no-such-node'\n"
        "  where: build_requirejs, which runs r.js\n"
        "  mend:  install Node.js 18 or later on the build host, or name it: FAB_STATIC_NODE\n"
    )


def test_without_versions_it_says_what_to_run_first(make_project):
    project = make_project({**BASE, "resource_versions.yml": "[]"})
    assert "mend:  run before it: manage.py resource_static" in project.fails("build_requirejs")


def test_without_a_requirejs_yml_or_with_two_it_asks_for_the_setting(make_project):
    project = make_project(
        {**BASE, "two/static/two/yaml/requirejs.yaml": "mainConfigFile: one/js/config.js"}
    )
    assert project.fails("build_requirejs") == (
        "CommandError: there are 2 files that could be the requirejs.yml\n"
        f"  where: {project.path}/one/static/one/requirejs.yml, {project.path}/two/static/two/yaml/requirejs.yaml\n"
        '  mend:  name it in the settings: FAB_STATIC_REQUIREJS = "shop/yaml/requirejs.yml"\n'
    )
    (project.path / "one/static/one/requirejs.yml").unlink()
    (project.path / "two/static/two/yaml/requirejs.yaml").unlink()
    assert project.fails("build_requirejs").startswith("CommandError: there is no requirejs.yml\n")


def test_a_configuration_that_names_no_file_is_refused(make_project):
    project = make_project(
        {**BASE, "one/static/one/requirejs.yml": "mainConfigFile: one/js/none.js"}
    )
    assert project.fails("build_requirejs") == (
        "CommandError: mainConfigFile: there is no one/js/none.js\n"
        f"  where: {project.path}/one/static/one/requirejs.yml\n"
        "  mend:  give its name under the static root: mainConfigFile: shop/js/requirejs_config.js\n"
    )
