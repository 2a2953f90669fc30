"""What help() and generated documentation show of us: never the environment of whoever makes it (fleet A7)."""

import os
import subprocess
import sys

WALK = """
import inspect, os, pkgutil, pydoc, sys
import django
from django.conf import settings
settings.configure(
    STATIC_URL="/static/",
    STATIC_ROOT="/nowhere",
    INSTALLED_APPS=["compressor"],
)
django.setup()
import fab_static

marked, found, seen = os.environ["MARKED"], [], 0


def defaults(thing):
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return
    for one in signature.parameters.values():
        yield one.name, one.default


for info in pkgutil.walk_packages(fab_static.__path__, "fab_static."):
    module = __import__(info.name, fromlist=["_"])
    if marked in pydoc.render_doc(module):
        found.append(f"help({info.name})")
    things = dict(vars(module))
    for name, thing in list(things.items()):
        if inspect.isclass(thing) and thing.__module__ == info.name:
            things |= {f"{name}.{key}": value for key, value in vars(thing).items()}
    for name, thing in things.items():
        for parameter, default in defaults(thing):
            seen += 1
            if default is os.environ or marked in repr(default):
                found.append(f"{info.name}.{name}({parameter})")
assert seen > 1000, seen
print("\\n".join(found))
"""


def test_no_default_argument_and_no_help_shows_the_environment():
    ran = subprocess.run(
        [sys.executable, "-c", WALK],
        env={**os.environ, "MARKED": "s3cr3t-of-the-operator"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == ""
