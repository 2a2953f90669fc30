"""The lint of templates: on small templates alone, and on the sample shop through its own interpreter."""

import json
import os
from pathlib import Path

import pytest

from fab_static.host.loader import program
from fab_static.host.project.lint.pages import lint
from fab_static.phases.run.project_code import PROBE, project_archive
from tests.django_starts import run_python

SAMPLE = Path(__file__).parents[3] / "sample_project"
LOAD = "{% load fab_static compress %}"


def linted(templates, *, styles=None, static_url="/static/", is_hashed=False, own=None):
    answer = lint(
        own or sorted(templates),
        templates,
        style=(styles or {}).get,
        static_url=static_url,
        versioning=["fab_static"],
        is_hashed=is_hashed,
    )
    return {each["template"]: each for each in answer["templates"]}, answer["unversioned_tag"]


def one(text, **more):
    return linted({"t.html": text}, **more)[0]["t.html"]


def outside(text):
    return [(each["line"], each["kind"]) for each in one(text)["outside"]]


def hard_coded(text, **more):
    return [each["url"] for each in one(text, **more)["hard_coded"]]


# --- scripts and stylesheets outside compress blocks


def test_tags_outside_compress_blocks_are_found_with_their_lines():
    text = """{# {% compress js %} #}<script src="{% static "a.js" %}"></script>
{% compress js %}<script src="{% static "b.js" %}"></script>
{% endcompress %}
<link
  rel="stylesheet" href='{% static 'a.css' %}'>
<script src="/static/c.js" defer></script>{% compress css inline %}
<link rel="stylesheet" href="{% static 'b.css' %}">{% endcompress %}
<script src="{{ STATIC_URL }}d.js"></script>
<script src={{ "e.js"|static }}></script>"""
    assert outside(text) == [
        (1, "script"),
        (4, "stylesheet"),
        (6, "script"),
        (8, "script"),
        (9, "script"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://elsewhere.example/a.js"></script>',
        '<script src="//elsewhere.example/a.js"></script>',
        "<script>var a;</script>",
        '<script type="module" src="{% static "a.js" %}"></script>',
        '<link rel="icon" href="{% static "a.png" %}">',
        '<link rel="preconnect" href="/static/">',
        '<!-- <script src="{% static "a.js" %}"></script> -->',
        '{% comment "why" %}<script src="{% static "a.js" %}"></script>{% endcomment %}',
        "<script>document.write('<script src=\"{% static 'a.js' %}\">')</script>",
        '{% verbatim %}<script src="{{ url }}"></script>{% endverbatim %}',
    ],
)
def test_what_compress_cannot_take_in_is_no_advice(text):
    assert outside(text) == []


def test_a_url_that_stands_in_a_variable_is_known():
    text = (
        "{% static 'a.js' as url %}<script src='{{ url }}'></script><script src='{{ x }}'></script>"
    )
    assert outside(text) == [(1, "script")]


# --- URLs written out


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ('<img src="/static/a.png">', "/static/a.png"),
        ('<a href="/static/a.pdf">', "/static/a.pdf"),
        ('<div data-icons="{{ STATIC_URL }}icons/">', "{{ STATIC_URL }}icons/"),
        ('<img src="{% get_static_prefix %}a.png">', "{% get_static_prefix %}a.png"),
        ('<i style="background: url(/static/a.png)">', "/static/a.png"),
        ("<style>a { background: url('/static/a.png') }</style>", "/static/a.png"),
        ("<script>load('/static/a.js')</script>", "/static/a.js"),
    ],
)
def test_static_urls_that_are_written_out_are_found(text, url):
    assert hard_coded(text) == [url]


@pytest.mark.parametrize(
    "text",
    [
        '<img src="{% static "a.png" %}">',
        '{% compress js %}<script src="/static/a.js"></script>{% endcompress %}',
        '<img src="/statics/a.png"><img src="/media/static/a.png">',
        "<p>/static/ is a folder</p>",
    ],
)
def test_urls_that_are_none_of_ours_or_go_through_compress_are_not_written_out(text):
    assert hard_coded(text) == []


def test_where_static_files_stand_at_the_root_no_url_is_taken_for_one():
    assert hard_coded('<a href="/about/">', static_url="/") == []


# --- URLs without a version


def test_styles_name_files_without_a_version_unless_compress_rewrites_them():
    styles = {
        "a.css": "/* url(no.png) */ a { background: url(../a.png) } b { src: url('b.woff2?v=1') }\n"
        "c { background: url(data:image/png;base64,x), url(#id), url(https://x.example/y.png),"
        " url(../a.png) }"
    }
    link = '<link rel="stylesheet" href="{% static "a.css" %}">'
    assert one("\n" + link, styles=styles)["unversioned"] == [
        {"line": 2, "url": "../a.png", "in": "a.css"}
    ]
    assert one(f"{{% compress css %}}{link}{{% endcompress %}}", styles=styles)["unversioned"] == []
    assert one(link, styles=styles, is_hashed=True)["unversioned"] == []


@pytest.mark.parametrize(
    "url",
    [
        "{% statici18n LANGUAGE_CODE %}",
        "{% url 'javascript-catalog' %}",
        "/static/jsi18n/de/djangojs.js",
    ],
)
def test_catalogues_have_no_version(url):
    found = one(f'<script src="{url}"></script>')
    assert [each["url"] for each in found["unversioned"]] == [url]
    assert found["outside"] == found["hard_coded"] == []  # no compress block, no tag would help


def test_a_static_tag_that_prints_no_version_is_told_once_for_all_templates():
    plain = '{% load static %}<img src="{% static "a.png" %}">'
    templates = {"a.html": plain, "b.html": LOAD + plain, "c.html": "<p>", "d.html": plain}
    assert linted(templates)[1] == ["a.html", "d.html"]
    assert linted(templates, is_hashed=True)[1] == []


# --- what a page asks for


def test_a_page_is_what_has_html_or_extends_it():
    templates = {
        "base.html": "<!doctype html><html>{% block b %}{% endblock %}</html>",
        "child.html": '{% extends "base.html" %}',
        "grandchild.html": "{% extends 'child.html' %}",
        "part.html": "<p>",
        "variable.html": "{% extends parent %}",
        "orphan.html": '{% extends "gone.html" %}',
        "round.html": '{% extends "round.html" %}',
    }
    found, _ = linted(templates)
    assert [name for name, each in found.items() if each["page"]] == [
        "base.html",
        "child.html",
        "grandchild.html",
    ]
    assert found["part.html"]["requests"] is None


def script(name):
    return f'<script src="{{% static "{name}" %}}"></script>'


def test_requests_are_those_of_the_whole_page():
    templates = {
        "base.html": "<html>{% block css %}{% compress css %}{% endcompress %}{% endblock %}"
        f"{{% block js %}}{script('base.js')}{{% block inner %}}{script('inner.js')}{{% endblock %}}"
        "{% endblock %}{% include 'nav.html' %}<link rel='icon' href='/static/i.png'></html>",
        "nav.html": "<img src='{% static 'logo.svg' %}'><img src='/media/user.png'>"
        "{% include 'nav.html' %}",
        "replaces.html": "{% extends 'base.html' %}{% block js %}{% endblock %}",
        "adds.html": f"{{% extends 'base.html' %}}{{% block js %}}{{{{ block.super }}}}{script('more.js')}"
        "{% endblock js %}",
        "within.html": "{% extends 'adds.html' %}{% block inner %}"
        "{% compress js %}x{% endcompress %}{% compress js inline %}y{% endcompress %}{% endblock %}",
        "twice.html": f"<html>{script('a.js')}{script('a.js')}",
    }
    found, _ = linted(templates)

    def requests(name):
        each = found[name]["requests"]
        return [each[kind] for kind in ("scripts", "stylesheets", "images", "other", "total")]

    assert requests("base.html") == [2, 1, 1, 1, 5]
    assert requests("replaces.html") == [0, 1, 1, 1, 3]
    assert requests("adds.html") == [3, 1, 1, 1, 6]
    assert requests("within.html") == [3, 1, 1, 1, 6]
    assert requests("twice.html") == [1, 0, 0, 0, 1]


def test_of_the_branches_of_an_if_the_dearest_counts():
    text = f"""<html>{{% if a %}}{script("1.js")}{{% elif b %}}{script("2.js")}
        {{% if c %}}{script("3.js")}{script("4.js")}{{% else %}}{script("5.js")}{{% endif %}}
        {{% else %}}{{% for x in y %}}{script("6.js")}{{% empty %}}{script("7.js")}{{% endfor %}}
        {{% endif %}}{script("8.js")}"""
    assert one(text)["requests"]["total"] == 4


def test_jinja2_is_read_as_well():
    templates = {
        "base.html": "<html>{%- block js -%}<script src=\"{{ static('a.js') }}\"></script>{%- endblock %}",
        "page.html": "{%- extends 'base.html' %}{% block js %}{{ super() }}"
        "{% compress js, inline %}x{% endcompress %}{% compress js %}{% endcompress %}{% endblock %}",
    }
    found, _ = linted(templates)
    assert found["page.html"]["requests"]["total"] == 2
    assert found["base.html"]["outside"][0]["url"] == "{{ static('a.js') }}"


def test_only_the_projects_own_templates_are_told_of_and_all_are_read():
    templates = {"base.html": "<html>" + script("a.js"), "page.html": "{% extends 'base.html' %}"}
    found, _ = linted(templates, own=["page.html"])
    assert list(found) == ["page.html"]
    assert found["page.html"]["requests"]["total"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "{% block",
        "<script",
        "{% block a %}",
        "{% endblock %}{% endif %}",
        "<a {% if %}{{",
        "\0{#",
        "",
    ],
)
def test_text_that_is_no_whole_template_is_survived(text):
    assert one(text)["page"] is False


# --- asked of a project


def ask(folder, settings):
    done = run_python(
        "-",
        input=program(project_archive(), PROBE),
        cwd=folder,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": settings,
            "FAB_STATIC_PROBE": '{"ask": "lint"}',
        },
    )
    answer = json.loads(done.stdout.decode().partition("FAB_STATIC_PROBE ")[2])
    assert answer["ok"], answer
    return answer


def test_the_sample_shop_is_told_of_what_it_leaves_outside():
    answer = ask(SAMPLE, "shop.settings")
    found = {each["template"]: each for each in answer["templates"]}
    assert {name: each["outside"] for name, each in found.items() if each["outside"]} == {
        "shop/base.html": [
            {"line": 42, "kind": "script", "url": "{% static 'shop/js/awesome.js' %}"}
        ],
        "styleguide/styleguide.html": [
            {"line": 74, "kind": "script", "url": "{% static 'shop/js/awesome.js' %}"}
        ],
        "traps/same-url-new-bytes.html": [
            {"line": 4, "kind": "script", "url": "{% static 'traps/js/by_itself.js' %}"}
        ],
        "traps/two-apps.html": [
            {"line": 5, "kind": "script", "url": "{% static 'traps/js/greeting.js' %}"}
        ],
    }
    assert [name for name, each in found.items() if each["unversioned"]] == ["shop/base.html"]
    assert not any(each["hard_coded"] for each in found.values())
    assert answer["unversioned_tag"] == []
    assert found["cart/cart.html"]["page"]
    assert not found["shop/includes/navbar.html"]["page"]
    assert not [name for name in found if name.startswith("admin/")]


def test_templates_of_every_engine_and_loader_are_read(tmp_path):
    for name, text in {
        "manage.py": "from django.core.management import execute_from_command_line as run\n"
        "import sys\nrun(sys.argv)\n",
        "own.py": """
from pathlib import Path
SECRET_KEY, STATIC_URL, STATIC_ROOT = "x", "/static/", "built"
INSTALLED_APPS = ["django.contrib.staticfiles", "compressor", "django.contrib.admin",
                  "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages"]
STATICFILES_DIRS = [Path("assets").absolute()]
TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": [
        ("django.template.loaders.cached.Loader", [
            ("django.template.loaders.filesystem.Loader", ["templates"]),
            ("django.template.loaders.locmem.Loader", {"memory.html": "<img src='/static/a.png'>"}),
            "django.template.loaders.app_directories.Loader"])]}},
    {"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [Path("jinja").absolute()]}]
""",
        "templates/page.html": "{% load static %}<html>"
        "<link rel='stylesheet' href='{% static 'a.css' %}'>",
        "templates/image.png": "",
        "assets/a.css": "a { background: url(a.png) }",
        "jinja/page.jinja": "<html><img src='/static/b.png'>",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "templates/image.png").write_bytes(b"\x89PNG\xff\xfe")
    answer = ask(tmp_path, "own")
    found = {each["template"]: each for each in answer["templates"]}
    assert set(found) == {"page.html", "memory.html", "page.jinja"}
    assert found["page.html"]["unversioned"] == [{"line": 1, "url": "a.png", "in": "a.css"}]
    assert found["memory.html"]["hard_coded"] == [{"line": 1, "url": "/static/a.png"}]
    assert found["page.jinja"]["hard_coded"] == [{"line": 1, "url": "/static/b.png"}]
    assert answer["unversioned_tag"] == ["page.html"]


# --- scripts without integrity


def test_scripts_without_integrity_are_found_wherever_they_come_from():
    text = """<script src="{% static 'a.js' %}"></script>
<script src="https://cdn.example.com/b.js"></script>
<script src="{% static 'c.js' %}" integrity="{% static_integrity 'c.js' %}"></script>
{% compress js %}<script src="{% static 'd.js' %}"></script>{% endcompress %}
{% compress css %}<link rel="stylesheet" href="/static/e.css">{% endcompress %}
<script>inline()</script>"""
    assert [(each["line"], each["url"]) for each in one(text)["unchecked"]] == [
        (1, "{% static 'a.js' %}"),
        (2, "https://cdn.example.com/b.js"),
        (4, "{% compress js %}"),
    ]


def test_blocks_that_compressor_gives_integrity_are_well():
    text = "{% compress js %}<script src=\"{% static 'd.js' %}\"></script>{% endcompress %}"
    options = {"style": {}.get, "static_url": "/static/", "versioning": [], "is_hashed": False}
    answer = lint(["t.html"], {"t.html": text}, **options, blocks_promise=True)
    assert answer["templates"][0]["unchecked"] == []
