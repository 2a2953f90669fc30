"""Asks a Django project, in its own interpreter, what a deploy must know. Nothing is installed there.

It is run in the project's folder, which holds manage.py, with the question in the environment:

    DJANGO_SETTINGS_MODULE=shop.settings FAB_STATIC_PROBE='{"ask": "settings"}'

The project's manage.py is run, since it may prepare sys.path and more. The management command that it finds is ours.
The answer is one line of standard output, whatever else the project prints:

    FAB_STATIC_PROBE {"ok": true, …}      or {"ok": false, "error": {"what", "where", "mend"}}

The questions; `words` are those of collectstatic's command, or null:

    {"ask": "settings"}       {"ask": "sources", "words", "places": false}      {"ask": "shadowed", "words"}
    {"ask": "unlisted"}       {"ask": "find", "name": "js/a.js"}                {"ask": "collected", "words"}
    {"ask": "lint"}           {"ask": "faults", "words"}        {"ask": "integrity"}
    {"ask": "entries", "lacking": [paths]}
    {"ask": "coverage", "manifest": path or null, "redirect": {path: path}, "texts": false, "places": false,
     "made": false, "other_cdn": a prefix, or null: says which blocks and files would not serve behind it}

Python 3.8 or later, standard library, and the project's Django and django-compressor.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, Callable, Mapping

from fab_static.host.project.imports import MANAGEMENT, add_command
from fab_static.host.project.redirect import redirect
from fab_static.host.project.refusals import ProbeError, in_words, place_of, told

MARKER = "FAB_STATIC_PROBE "
COMMAND = "fab_static_probe"
# question -> the module whose ask_… answers it; a question compiles no more than it needs
ANSWERS = {
    "settings": "settings",
    "sources": "sources",
    "find": "sources",
    "shadowed": "sources",
    "unlisted": "static_root",
    "collected": "static_root",
    "faults": "faults",
    "coverage": "coverage.question",
    "lint": "lint.question",
    "entries": "entries.question",
    "integrity": "integrity",
}


def main() -> None:
    """Answer the request in the environment, and end the process: no thread of the project's keeps it."""
    out = os.dup(1)  # the project may replace sys.stdout
    answer: dict[str, Any]
    try:
        request = json.loads(os.environ.pop("FAB_STATIC_PROBE", "null"))
        if not isinstance(request, dict) or request.get("ask") not in ANSWERS:
            raise ProbeError(
                f"no such request: {request!r}",
                "FAB_STATIC_PROBE",
                "ask one of: " + ", ".join(ANSWERS),
            )
        redirect(request.get("redirect") or {})
        answer = {"ok": True}
        answer.update(in_project(lambda: answer_to(request)))
    except ProbeError as error:
        answer = {"ok": False, "error": error.error}
    except BaseException as error:  # SystemExit of a manage.py too
        answer = {"ok": False, "error": told(error)}
    if answer["ok"]:
        sys.audit("fab_static.end", json.dumps(answer, default=str))
    with suppress(Exception):
        sys.stdout.flush()
    line = "\n" + MARKER + json.dumps(answer, default=str) + "\n"
    with os.fdopen(out, "wb") as stream:
        stream.write(line.encode("ascii"))
    os._exit(0)


def answer_to(request: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the module that knows."""
    ask = request["ask"]
    module = import_module(f"fab_static.host.project.{ANSWERS[ask]}")
    answer: dict[str, Any] = getattr(module, f"ask_{ask}")(request)
    return answer


def in_project(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what `ask` returns when called as a management command of the project in this folder."""
    folder = os.getcwd()
    sys.path[:] = [folder] + [entry for entry in sys.path if entry not in ("", folder)]
    manage = os.path.join(folder, "manage.py")
    if not os.path.isfile(manage):
        raise ProbeError(
            "there is no manage.py",
            folder,
            "project.path must name the folder that holds manage.py; what pip installed needs one: docs/how-to.md",
        )
    answers: list[dict[str, Any]] = []

    class Command:
        def run_from_argv(self, _argv: list[str]) -> None:
            check_settings()
            answers.append(ask())

    add_command(COMMAND, Command())
    sys.argv = ["manage.py", COMMAND]
    try:
        runpy.run_path("manage.py", run_name="__main__")
    except SystemExit:
        if not answers:
            raise
    except ImportError as error:
        if MANAGEMENT not in sys.modules:
            refuse_without_django(error)
        raise
    if not answers:
        raise ProbeError(
            "manage.py ran no management command",
            manage,
            "let it call django.core.management.execute_from_command_line(sys.argv)",
        )
    return answers[0]


def refuse_without_django(error: ImportError) -> None:
    """Say that Django cannot be imported, where that is so; Django's own manage.py raises another error of it."""
    cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    if (cause.name or "").split(".")[0] == "django":
        raise ProbeError(
            f"{sys.executable} cannot import Django: {cause}",
            os.getcwd(),
            "project.python must name the interpreter of the project's virtual environment",
        ) from error


def check_settings() -> None:
    """Say why the settings cannot be used, which Django keeps for itself until they are."""
    from django.conf import settings

    name = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    try:
        settings.INSTALLED_APPS  # noqa: B018  # imports the module
    except Exception as error:
        raise ProbeError(
            f"the settings {name} cannot be loaded: {in_words(error)}",
            place_of(error),
            "run manage.py check there, with the same project.settings, environment and secrets",
        ) from error
