"""Templates of compress are rendered in turn, beside those that wait for another program."""

import os
import textwrap

import pytest

from tests.django_starts import run_python

SCRIPT = """
    import sys, threading, time
    from pathlib import Path
    from fab_static.host.project.compressing import begin
    import django
    from django.conf import settings
    settings.configure(
        INSTALLED_APPS=["compressor"], STATIC_URL="/static/", STATIC_ROOT="static",
        COMPRESS_ENABLED=True, COMPRESS_OFFLINE=True, COMPRESS_FILTERS={"js": ["__main__.Watch"]},
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": ["pages"]}],
        STATICFILES_FINDERS=["compressor.finders.CompressorFinder"],
    )
    django.setup()
    from compressor.filters import FilterBase
    from django.core.management import call_command

    class Watch(FilterBase):
        active = most = 0
        together = threading.Barrier(4)
        def input(self, **kwargs):
            Watch.active += 1
            Watch.most = max(Watch.most, Watch.active)
            if "fails" in self.content:
                raise ValueError("no such colour")
            WAIT
            Watch.active -= 1
            return self.content

    begin()
    try:
        call_command("compress", verbosity=0)
    finally:
        print(Watch.most, len(list(Path("static/CACHE/js").glob("*.js"))))
"""


def compressed(folder, wait, page="page", before=""):
    """Compress eight pages, each with a filter that does `wait`; return what was printed, and standard error."""
    (folder / "pages").mkdir()
    for number in range(8):
        block = (
            "{% load compress %}{% compress js %}<script>var NAME = 1;</script>{% endcompress %}"
        )
        (folder / f"pages/{number}.html").write_text(block.replace("NAME", f"{page}{number}"))
    script = textwrap.dedent(SCRIPT.replace("WAIT", wait)).replace(
        "begin()\ntry", f"{before}begin()\ntry"
    )
    ran = run_python("-c", script, cwd=folder, env=os.environ, text=True)
    return ran.stdout.split(), ran.stderr


def test_one_is_rendered_at_a_time(tmp_path):
    assert compressed(tmp_path, "time.sleep(0.01)")[0] == ["1", "8"]


@pytest.mark.parametrize(
    "begins", ["sys.audit('fab_static.waits')", "__import__('subprocess').run('true')"]
)
def test_those_that_wait_for_a_program_do_so_together(tmp_path, begins):
    """The barrier opens when all four threads of compress have come to it."""
    assert compressed(tmp_path, f"{begins}; Watch.together.wait(120)")[0] == ["4", "8"]


def test_a_failure_gives_the_turn_away(tmp_path):
    _, errors = compressed(tmp_path, "pass", page="fails")
    assert "no such colour" in errors


def test_another_versions_compress_is_left_as_it_is(tmp_path):
    other = "from compressor.management.commands.compress import Command; Command._compress_template = None\n"
    _, errors = compressed(tmp_path, "pass", before=other)
    assert "begin" not in errors
