import pytest

RENDER = """
from django.template import engines
print(engines["django"].from_string('''{% load fab_static %}''' + '''TEXT''').render(VALUES))
"""


def render(project, text, context="{}", **environment):
    return project.python(
        RENDER.replace("TEXT", text).replace("VALUES", context), **environment
    ).strip()


VERSIONS = '- {name: a.js, version: "0123456"}\n- {name: a.less, version: "1234567"}\n'
CDN = "import os\nSTATIC_CDN = os.environ.get('CDN', '')\n"


def test_static_prints_the_cdn_the_url_and_the_version(make_project):
    project = make_project({"resource_versions.yml": VERSIONS}, CDN)
    text = "{% static 'a.js' %} {% static name %} {{ name|static }} {% static 'a.less' %} {% static '' %}"
    assert render(project, text, "{'name': 'b.png'}", CDN="https://cdn.example") == (
        "https://cdn.example/static/a.js?version=0123456 https://cdn.example/static/b.png"
        " https://cdn.example/static/b.png https://cdn.example/static/a.less https://cdn.example/static/"
    )
    text = "{% static 'a.js' as url %}{{ url }} {{ 'a.js'|static }}"
    assert render(project, text) == "/static/a.js?version=0123456 /static/a.js?version=0123456"


def test_cachebuster_prints_the_bare_version_or_nothing(make_project):
    project = make_project({"resource_versions.yml": VERSIONS})
    assert render(project, "{% cachebuster 'a.js' %}|{% cachebuster 'b.js' %}|") == "0123456||"


def test_without_a_versions_file_no_url_has_a_version(make_project):
    assert render(make_project({}), "{% static 'a.js' %}") == "/static/a.js"


def test_names_are_escaped(make_project):
    assert (
        render(make_project({}), """{% static name %}""", """{'name': '"><b'}""")
        == "/static/&quot;&gt;&lt;b"
    )


def test_a_process_reads_the_versions_once(make_project):
    """Both manifests of a release are read once: a file replaced under a worker changes no page of it."""
    project = make_project({"resource_versions.yml": VERSIONS})
    shown = project.python(
        "from fab_static.django_app import resource_versions as r\n"
        "print(r.version_of('a.js'))\n"
        "r.path().write_text('- {name: a.js, version: fffffff}')\n"
        "print(r.version_of('a.js'), r.read()['a.js'])"
    )
    assert shown.split() == ["0123456", "0123456", "fffffff"]


REQUIREJS = {
    "one/static/one/requirejs.yml": "mainConfigFile: one/js/config.js\ncommonModule: one/js/common\n",
    "one/static/one/js/config.js": "requirejs.config({});",
    "templates/base.html": "{% load fab_static %}{% requirejs_main %}"
    "{% if requirejs_main %}[{{ requirejs_main }}]{% else %}none{% endif %}{% block scripts %}{% endblock %}",
    "templates/page.html": '{% extends "base.html" %}{% load fab_static %}{% requirejs_main "one/js/page" %}',
    "templates/deeper.html": '{% extends "page.html" %}{% load fab_static %}{% requirejs_main "one/js/deeper" %}',
    "templates/scripts.html": '{% extends "page.html" %}{% load fab_static %}'
    "{% block scripts %}{% requirejs_scripts %}{% endblock %}",
}
SHOW = "from django.template.loader import render_to_string as r\nprint(r('NAME'))"


def test_a_page_names_its_main_module_to_its_base_template(make_project):
    project = make_project(REQUIREJS)
    shown = [
        project.python(SHOW.replace("NAME", name)).strip()
        for name in ("base.html", "page.html", "deeper.html")
    ]
    assert shown == ["none", "[one/js/page]", "[one/js/deeper]"]


def test_requirejs_scripts_start_a_page_file_by_file_until_bundles_are_built(make_project):
    project = make_project(REQUIREJS)
    before = project.python(SHOW.replace("NAME", "scripts.html"))
    assert before.strip() == (
        "[one/js/page]"
        '<script src="/static/requirejs/require.js"></script>\n'
        '<script>requirejs.config({"baseUrl": "/static/"});</script>\n'
        '<script src="/static/one/js/config.js"></script>\n'
        '<script>requirejs(["one/js/common"],function(){requirejs(["one/js/page"],function(){})});</script>'
    )
    project.write({"resource_versions.yml": "one/js/resource_versions.js: '0123456'"})
    after = project.python(SHOW.replace("NAME", "scripts.html"))
    assert '<script src="/static/one/js/resource_versions.js?version=0123456"></script>' in after


BLOCKS = (
    "{% load compress fab_static %}{% static 'a.js' %} {% compress js %}{% if 1 %}{% static 'a.js' %}"
    "{% endif %} {% static 'a.js' as url %}{{ url }} {{ 'a.js'|static }}{% endcompress %}"
)


@pytest.mark.parametrize("in_blocks", [True, False])
def test_inside_of_a_compress_block_the_cdn_may_be_left_out(make_project, in_blocks):
    """A filter cannot know where it stands."""
    settings = f"INSTALLED_APPS.append('compressor')\nCOMPRESS_ENABLED = False\n{CDN}"
    project = make_project(
        {"resource_versions.yml": VERSIONS},
        f"{settings}FAB_STATIC_CDN_IN_BLOCKS = {in_blocks}\n",
    )
    url = "/static/a.js?version=0123456"
    inside = f"https://cdn{url}" if in_blocks else url
    expected = f"https://cdn{url} {inside} {inside} https://cdn{url}"
    assert render(project, BLOCKS, CDN="https://cdn") == expected


RELEASE = "releases/20261122T170102Z-40b46b94"
FACTS = '{"format": 1, "integrity": {"a.js": "sha384-x"}, "fonts": {}}'
SEALED = {f"{RELEASE}/resource_versions.yml": VERSIONS, f"{RELEASE}/manifests/page_facts.json": FACTS}  # fmt: skip
COMPRESSOR = """
INSTALLED_APPS += ["compressor"]
STATICFILES_FINDERS = ["compressor.finders.CompressorFinder"]
COMPRESS_ENABLED = False
"""
OF_RELEASE = f"FAB_STATIC_VERSIONS_FILE = '{RELEASE}/resource_versions.yml'\n"


def test_static_integrity_prints_what_the_release_has_and_else_nothing(make_project):
    project = make_project(SEALED, OF_RELEASE)
    text = (
        "{% static_integrity 'a.js' %}|{{ 'a.js'|static_integrity }}|{% static_integrity 'b.js' %}|"
    )
    assert render(project, text) == "sha384-x|sha384-x||"
    assert render(make_project({"resource_versions.yml": VERSIONS}), text) == "|||"


def test_static_integrity_prints_nothing_in_a_compress_block(make_project):
    """Compressor drops the attribute, and the block's text is a key that must not change with the hash."""
    project = make_project(SEALED, OF_RELEASE + COMPRESSOR)
    text = (
        "{% load compress %}{% compress js %}<b>{% static_integrity 'a.js' %}</b>{% endcompress %}"
    )
    assert "sha384" not in render(project, text)


def test_page_facts_of_an_image_lie_beside_its_versions(make_project):
    project = make_project({"resource_versions.yml": VERSIONS, "page_facts.json": FACTS})
    assert render(project, "{% static_integrity 'a.js' %}") == "sha384-x"
