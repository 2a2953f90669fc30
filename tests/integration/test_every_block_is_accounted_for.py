"""Every {% compress %} block that stands in a template is built, or refused by name before anything is shipped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fab_static.errors import BuildError
from tests.integration.conftest import on_this_machine
from tests.integration.test_unseen_projects import write

PLAIN = """{% load compress %}
{% compress js %}<script>var plain = 1;</script>{% endcompress %}
"""
SEKIZAI = """
INSTALLED_APPS += ["sekizai"]
TEMPLATES[0]["OPTIONS"] = {"context_processors": ["sekizai.context_processors.sekizai"]}
"""
BASE = """{% load sekizai_tags %}<!doctype html>
{% block body %}{% endblock %}
{% render_block "js" PROCESSOR %}
"""
ADDING = """{% extends "base.html" %}{% load sekizai_tags compress %}
{% block body %}{% addtoblock "js" %}SCRIPT{% endaddtoblock %}{% endblock %}
"""
SCRIPT = "<script>var added = 1;</script>"
BLOCK = "{% compress js %}" + SCRIPT + "{% endcompress %}"


def answered(code: Path, page: str) -> subprocess.CompletedProcess[str]:
    """Render a page as a web process does."""
    return subprocess.run(
        [
            sys.executable,
            *("-Wignore", "-c"),
            "import django; django.setup()\n"
            "from django.test import RequestFactory\n"
            "from django.shortcuts import render\n"
            f"print(render(RequestFactory().get('/'), '{page}').content.decode())",
        ],
        cwd=code,
        env={"DJANGO_SETTINGS_MODULE": "tiny.settings", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


def test_sekizais_postprocessor_is_refused_and_the_cure_makes_pages_answer(tmp_path: Path) -> None:
    """(build A5): the gate passed, the release went live, and every page answered 500."""
    processor = 'postprocessor "compressor.contrib.sekizai.compress"'
    code = write(
        tmp_path,
        SEKIZAI,
        **{
            "templates/plain.html": PLAIN,
            "templates/base.html": BASE.replace("PROCESSOR", processor),
            "templates/page.html": ADDING.replace("SCRIPT", SCRIPT),
        },
    )
    with on_this_machine(code, "collectstatic", "compress") as (session, _):
        with pytest.raises(BuildError) as caught:
            session.deploy()
        assert str(caught.value) == (
            "a compress block would raise OfflineGenerationError:\n"
            f'    base.html, line 3: {{% render_block "js" {processor} %}} has compressor look up the text that '
            "each page puts together, and compress builds no such text\n"
            "  where: here: phase compress\n"
            "  mend:  take the processor out, and compress where the files are named: {% addtoblock … %}"
            "{% compress … %}…{% endcompress %}{% endaddtoblock %}"
        )
        assert "OfflineGenerationError" in answered(code, "page.html").stderr

    (code / "templates/base.html").write_text(BASE.replace("PROCESSOR", ""))
    (code / "templates/page.html").write_text(ADDING.replace("SCRIPT", BLOCK))
    with on_this_machine(code, "collectstatic", "compress") as (session, told):
        release = session.deploy().current_release()
    assert told.warned == []
    page = answered(code, "page.html")
    assert page.returncode == 0, page.stderr
    assert any(name in page.stdout for name in release.named)


def test_a_project_whose_blocks_no_phase_builds_is_refused_at_the_seal(tmp_path: Path) -> None:
    """Such a release has no offline manifest, and no gate ever looked: every page answered 500."""
    code = write(tmp_path, "", **{"templates/page.html": PLAIN})
    with (
        on_this_machine(code, "collectstatic") as (session, _),
        pytest.raises(BuildError) as caught,
    ):
        session.deploy()
    assert "page.html, block 0, line 2: its key" in caught.value.what
    assert caught.value.where == "here: phase seal"
    assert caught.value.mend == "add compress to build.phases in the inventory"


def test_that_a_release_with_blocks_is_live_hides_nothing_of_a_build_without_them(
    tmp_path: Path,
) -> None:
    """The project was asked of the manifest that its pages read, which was the live release's: every page failed."""
    code = write(tmp_path, "", **{"templates/page.html": PLAIN})
    with on_this_machine(code, "collectstatic", "compress") as (session, _):
        live = session.deploy().current_release()
    with on_this_machine(code, "collectstatic") as (session, _):
        with pytest.raises(BuildError) as caught:
            session.deploy()
        assert caught.value.where == "here: phase seal"
        assert caught.value.mend == "add compress to build.phases in the inventory"
        found = [one for one in session.check() if not one["ok"]]
        assert [(one["subject"], one["mend"]) for one in found] == [
            ("compress blocks", "add compress to build.phases in the inventory")
        ]
    page = answered(code, "page.html")
    assert page.returncode == 0, page.stderr
    assert any(name in page.stdout for name in live.named)


def test_what_a_block_depends_on_and_loses_is_told_while_the_release_goes_live(
    tmp_path: Path,
) -> None:
    """(build A6, build B): nothing was said; the dated page failed the next day."""
    code = write(
        tmp_path,
        "",
        **{
            "templates/page.html": "{% load compress %}\n{% compress js %}<script>var a;</script>"
            "{% if request.GET.staff %}<script>var b;</script>{% endif %}{% endcompress %}\n"
            '{% compress js %}<script>var d = "{% now "Y-m-d" %}";</script>{% endcompress %}\n'
            '{% compress js %}<script type="module" src="/static/app.js"></script>{% endcompress %}\n'
        },
    )
    with on_this_machine(code, "collectstatic", "compress") as (session, told):
        session.deploy()
    assert [line.split(":")[0] for line in told.warned if line.startswith("page.html")] == [
        "page.html, block 0, line 2",
        "page.html, block 1, line 3 asks the clock (datetime.now)",
        "page.html, block 2, line 4",
    ]


SURROUNDED = {
    "autoescape": "{% autoescape off %}BLOCK{% endautoescape %}",
    "cycle": "{% for i in 'ab' %}BLOCK{% endfor %}",
    "included": "{% for item in 'ab' %}{% include 'part.html' %}{% endfor %}",
}
HELD = {"autoescape": "{{ '&'|upper }}", "cycle": "{% cycle 'a' 'b' %}", "included": ""}


def test_blocks_that_pages_render_otherwise_are_refused_and_the_cure_makes_pages_answer(
    tmp_path: Path,
) -> None:
    """The gate looked at no tag that sets no variable: such a release went live, and pages answered 500."""

    def block(text: str) -> str:
        return '{% compress js %}<script>var a = "' + text + '";</script>{% endcompress %}'

    code = write(
        tmp_path,
        "",
        **{
            f"templates/{name}.html": "{% load compress %}\n"
            + text.replace("BLOCK", block(HELD[name]))
            for name, text in SURROUNDED.items()
        },
        **{"templates/part.html": "{% load compress %}" + block("{{ item }}")},
    )
    with on_this_machine(code, "collectstatic", "compress") as (session, _):
        with pytest.raises(BuildError) as caught:
            session.deploy()
        assert str(caught.value) == (
            "3 compress blocks would raise OfflineGenerationError:\n"
            "    part.html, block 0, line 1 uses item, which {% for %} outside of the block sets: compress "
            "renders the block alone, without it\n"
            "    autoescape.html, block 0, line 2 is another text within {% autoescape off %}, and compress "
            'renders the block alone; pages render it as\n        <script>var a = "&";</script>\n'
            "    cycle.html, block 0, line 2 is another text within {% for i in 'ab' %}, and compress "
            'renders the block alone; pages render it as\n        <script>var a = "b";</script>\n'
            "  where: here: phase compress\n"
            "  mend:  set these variables within the block, or give their values in COMPRESS_OFFLINE_CONTEXT; "
            "write within each block the tags that change its text, not around it"
        )
        for name in SURROUNDED:
            assert "OfflineGenerationError" in answered(code, f"{name}.html").stderr

    for name, text in SURROUNDED.items():
        cured = block(text.replace("BLOCK", HELD[name]))
        (code / f"templates/{name}.html").write_text("{% load compress %}\n" + cured)
    (code / "templates/part.html").write_text("")
    (code / "templates/included.html").write_text(
        "{% load compress %}" + block("{% for item in 'ab' %}{{ item }}{% endfor %}")
    )
    with on_this_machine(code, "collectstatic", "compress") as (session, told):
        session.deploy()
    assert told.warned == []
    for name in SURROUNDED:
        assert answered(code, f"{name}.html").returncode == 0
