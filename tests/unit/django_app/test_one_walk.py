"""The gate, the LESS fixer and build_requirejs see the same templates: two that disagree are a fault waiting.

Each case is a block that pages render, beside a main module of the same name. The gate is asked for the block's text,
the fixer for the LESS file that it links to, and build_requirejs for the module.
"""

import json
import os
import re

import pytest

from fab_static.host.loader import program
from fab_static.phases.run.project_code import PROBE, project_archive
from tests.django_starts import run_python

COMPRESS = """
INSTALLED_APPS += ["compressor"]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.AppDirectoriesFinder",
                       "compressor.finders.CompressorFinder"]
COMPRESS_ENABLED = COMPRESS_OFFLINE = True
COMPRESS_OFFLINE_CONTEXT = [{"theme": "dark"}]
"""
LOADERS = """
TEMPLATES[0]["APP_DIRS"] = False
TEMPLATES[0]["OPTIONS"] = {"loaders": LOADERS}
"""
OWN_LOADER = """
from django.template import Origin, TemplateDoesNotExist
from django.template.loaders.base import Loader as Base

class Loader(Base):  # it lists its folder alone: there is no get_dirs()
    def get_template_sources(self, name):
        yield Origin(name=f"FOLDER/{name}", template_name=name, loader=self)

    def get_contents(self, origin):
        try:
            with open(origin.name) as file:
                return file.read()
        except OSError:
            raise TemplateDoesNotExist(origin)
"""
JINJA2 = """
TEMPLATES.append({"BACKEND": "django.template.backends.jinja2.Jinja2", "NAME": "pages", "DIRS": [BASE_DIR / "jinja"],
                  "OPTIONS": {"environment": "proj.jinja2.environment"}})
"""
ENVIRONMENT = """
from jinja2 import ChoiceLoader, DictLoader, Environment

def environment(**options):
    memory = DictLoader({"memory.html": MEMORY})
    options["loader"] = ChoiceLoader([options["loader"], memory])
    made = Environment(extensions=["compressor.contrib.jinja2ext.CompressorExtension"], **options)
    made.globals["requirejs_main"] = str
    return made
"""
TAGS = """
from django import template

register = template.Library()

@register.tag
def styles(parser, token):
    from compressor.templatetags.compress import CompressorNode
    body = parser.parse(("endstyles",))
    parser.delete_first_token()
    return CompressorNode(body, "css")
"""


def block(name, load="{% load compress fab_static %}"):
    link = f'<link rel="stylesheet" type="text/less" href="/static/{name}.less">'
    main = f"{{% requirejs_main '{name}' %}}" if load else f"{{{{ requirejs_main('{name}') }}}}"
    return f"{load}{{% compress css %}}{link}{{% endcompress %}}{main}"


CHILD = '{% extends "parent.html" %}{% block css %}BLOCK{% endblock %}'
CASES = {
    "a folder of DIRS": ("", {"templates/page.html": block("page")}, {"page"}),
    "an app": ("", {"one/templates/one/page.html": block("page")}, {"page"}),
    "a file of any name": ("", {"templates/page.txt": block("page")}, {"page"}),
    "a folder with a dot": ("", {"templates/.mail/page.html": block("page")}, {"page"}),
    "a folder that is a link": (
        "",
        {
            "shared/page.html": block("page"),
            "templates/there.html": "",
            "templates/linked": "../shared",
        },
        {"page"},
    ),
    "a name of several apps": (
        "",
        {"templates/a.html": block("shown"), "one/templates/a.html": block("hidden")},
        {"shown"},
    ),
    "a template that extends what it hides": (
        "",
        {
            "templates/a.html": CHILD.replace("parent.html", "a.html").replace("BLOCK", block("a")),
            "one/templates/a.html": "{% block css %}{% endblock %}" + block("behind"),
            "two/templates/a.html": block("hidden"),
        },
        {"a", "behind"},
    ),
    "an encoding of its own": (
        'TEMPLATES[0]["OPTIONS"] = {"file_charset": "utf-16"}\n',
        {"templates/page.html": block("page").encode("utf-16")},
        {"page"},
    ),
    "a loader in memory": (
        LOADERS.replace(
            "LOADERS}",
            f"[('django.template.loaders.locmem.Loader', {{'a.html': {block('page')!r}}})]}}",
        ),
        {"templates/page.html": ""},
        {"page"},
    ),
    "a cached loader": (
        LOADERS.replace(
            "LOADERS}",
            "[('django.template.loaders.cached.Loader', ['django.template.loaders.filesystem.Loader'])]}",
        ),
        {"templates/page.html": block("page")},
        {"page"},
    ),
    "a loader of the project's own": (
        LOADERS.replace("LOADERS}", "['proj.loader.Loader']}"),
        {"elsewhere/page.html": block("page"), "proj/loader.py": OWN_LOADER},
        {"page"},
    ),
    "a tag of the project's own": (
        "",
        {
            "one/templatetags/__init__.py": "",
            "one/templatetags/tags.py": TAGS,
            "templates/page.html": "{% load tags fab_static %}{% styles %}"
            '<link type="text/less" href="/static/page.less">{% endstyles %}{% requirejs_main "page" %}',
        },
        {"page"},
    ),
    "children of one parent with an if": (
        "",
        {
            "templates/parent.html": "{% if 1 %}{% block css %}{% endblock %}{% endif %}",
            "templates/a.html": CHILD.replace("BLOCK", block("a")),
            "templates/b.html": CHILD.replace("BLOCK", block("b")),
        },
        {"a", "b"},
    ),
    "a language that a context function has chosen": (
        'COMPRESS_OFFLINE_CONTEXT = "proj.contexts.contexts"\n',
        {
            "proj/contexts.py": "from django.utils.translation import activate\n\n"
            "def contexts():\n    activate('de')\n    return [{}]\n",
            "templates/page.html": '{% load compress fab_static i18n %}{% requirejs_main "en" %}{% compress css %}'
            '{% get_current_language as code %}<link type="text/less" '
            'href="/static/{{ code|slice:":2" }}.less">{% endcompress %}',
        },
        {"en"},
    ),
    "jinja2": (
        JINJA2,
        {
            "templates/page.html": "",
            "proj/jinja2.py": ENVIRONMENT.replace("MEMORY", repr("")),
            "jinja/page.html": block("page", ""),
        },
        {"page"},
    ),
    "jinja2 in memory": (
        JINJA2,
        {
            "templates/page.html": "",
            "jinja/page.html": "",
            "proj/jinja2.py": ENVIRONMENT.replace("MEMORY", repr(block("page", ""))),
        },
        {"page"},
    ),
}


def python(project, *words, stdin=b"", **environment):
    ran = run_python(
        *words,
        input=stdin,
        cwd=project.path,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "proj.settings", **environment},
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.decode()


def seen_by_gate(project):
    question = json.dumps(
        {"ask": "coverage", "manifest": str(project.path / "none.json"), "texts": True}
    )
    told = python(
        project, "-", stdin=program(project_archive(), PROBE), FAB_STATIC_PROBE=question
    ).partition("FAB_STATIC_PROBE ")[2]
    answer = json.loads(told)
    broken = [each for each in answer.get("broken", ()) if each["has_compress"]]
    assert (answer["ok"], answer.get("failed"), broken) == (True, [], []), told
    return {name for text in answer["texts"].values() for name in re.findall(r"/(\w+)\.less", text)}


def seen_by_commands(project):
    script = (
        "import django, json; django.setup()\n"
        "from fab_static.django_app import compress_blocks\n"
        "from fab_static.django_app.requirejs import pages\n"
        "blocks = compress_blocks.read()\n"
        "print(json.dumps([sorted(blocks.entries), blocks.unknown, pages.mains()]))"
    )
    entries, unknown, mains = json.loads(python(project, "-c", script))
    assert unknown == []
    return {entry.removesuffix(".less") for entry in entries}, {*mains}


@pytest.mark.parametrize("case", CASES)
def test_the_gate_and_the_commands_see_the_same_templates(make_project, case):
    settings, files, expected = CASES[case]
    project = make_project({}, COMPRESS + settings)
    project.write({"none.json": "{}"})
    for name, content in files.items():
        if content == "../shared":
            (project.path / name).symlink_to(content)
        else:
            text = content if isinstance(content, bytes) else content.encode()
            project.write({name: text.replace(b"FOLDER", str(project.path / "elsewhere").encode())})
    assert seen_by_gate(project) == expected
    assert seen_by_commands(project) == (expected, expected)
