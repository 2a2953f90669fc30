"""A Django project on a host of its own, and the agent there: what tests of one start share."""

from __future__ import annotations

import os
import sys
import textwrap
import time

from fab_static.host.agent.store import Host
from fab_static.host.agent.wire import Agent, function_of
from fab_static.host.archive import packed
from fab_static.host.loader import sources_in
from fab_static.phases.run.project_code import PRECOMPILERS, RECORDER, project_archive

MANAGE = """
    import os, sys
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
    print("after", sys.argv[1])
"""
SETTINGS = """
    import atexit, os
    SECRET_KEY = "x"
    INSTALLED_APPS = ["own"]
    STATIC_ROOT = "static"
    with open("starts", "a") as file:
        file.write("set up\\n")
    print("settings")
    atexit.register(print, "the end")
"""
COMMAND = """
    import os, sys
    from django.core.management.base import BaseCommand, CommandError
    from django.conf import settings
    import site_settings

    class Command(BaseCommand):
        def add_arguments(self, parser):
            parser.add_argument("words", nargs="*")
        def handle(self, words, **options):
            {body}
"""


ALONE = b"""
import os
os.environ.pop("FAB_STATIC_RECORD")
print("by itself", flush=True)
"""


PROGRAMS = "fab_static_sent.host.project.programs"


def with_programs(archive):
    """Return the archive with a module that runs what a test has written."""
    sources = sources_in(archive)
    sources["fab_static/host/project/programs.py"] = (
        "import os\ndef main():\n    exec(os.environ.pop('PROGRAM'), {})\n"
    )
    return packed(sources)


class Project(Agent):
    """A Django project on a host of its own, and the agent there."""

    def __init__(self, folder):
        super().__init__(-1, -1)
        self.folder = folder / "code"
        self.host = Host(str(folder / "deploy_to"), "shop", "production")
        self.printed = b""
        self.environment = {}
        self.trust = []
        self.write("manage.py", MANAGE)
        self.write("site_settings.py", SETTINGS)
        self.write("own/__init__.py", "")
        self.write("own/management/__init__.py", "")
        self.write("own/management/commands/__init__.py", "")
        self.command("hello", 'print("hello", *words)')
        self.do("learn", with_programs(project_archive()))

    def send(self, head, body=b""):
        self.printed += bytes(body)

    def do(self, verb, body=b"", **params):
        return function_of(verb)(self, {"do": verb, **params}, body)[0]

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        old = time.time() - 100  # no racy stamps
        os.utime(path, (old, old))
        return path

    def settings(self, text):
        self.write("site_settings.py", SETTINGS + textwrap.indent(text, "    "))

    def command(self, name, body):
        self.write(f"own/management/commands/{name}.py", COMMAND.format(body=body))

    def run(self, *words, timeout=120):
        """Run a command; return its exit code and what it printed."""
        self.printed = b""
        answer = self.do(
            "run",
            main=RECORDER,
            command=[sys.executable, "-"],
            folder=str(self.folder),
            environment=self.environment,
            timeout=timeout,
            shares_start=True,
            record={
                "name": words[0],
                "what": [sys.executable, " ".join(words)],
                "manage": list(words),
                "inside": [str(self.folder / "static")],
                "trust": self.trust,
                **({"begins": PRECOMPILERS} if words[0] == "compress" else {}),
            },
        )
        return answer["code"], self.printed.decode()

    def why(self, *words):
        """Return why the command would be run again, or None if it would not."""
        return self.do(
            "recall",
            name=words[0],
            what=[sys.executable, " ".join(words)],
            folder=str(self.folder),
            environment=self.environment,
        ).get("why")

    def set_up(self, record=None, **more):
        """Have the project set up by itself: for a program to come that shows it other files, unless a record is told."""
        self.do(
            "set_up",
            command=[sys.executable, "-"],
            folder=str(self.folder),
            environment=self.environment,
            timeout=120,
            record=record or {"trust": self.trust, "redirected": []},
            **more,
        )

    def ask(self, program, redirected=None, **variables):
        """Run a program that ends its process; return its answer's record and what it printed."""
        self.printed = b""
        record = {"name": "asked", "what": ["asked"], "inside": [], "trust": self.trust}
        if redirected is not None:
            record["redirected"] = redirected
        self.do(
            "run",
            ALONE,
            command=[sys.executable, "-"],
            folder=str(self.folder),
            environment=self.environment,
            timeout=120,
            shares_start=True,
            record={
                **record,
                "main": PROGRAMS,
                "variables": {**variables, "PROGRAM": textwrap.dedent(program)},
            },
        )
        asked = {"folder": str(self.folder), "environment": self.environment}
        _, answer = function_of("recall")(self, {"do": "recall", **record, **asked}, b"")
        return answer.decode(), self.printed.decode()

    @property
    def starts(self):
        return (self.folder / "starts").read_text().count("set up")
