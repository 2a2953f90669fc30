"""The project's answers in the cache that travels: what was asked, what was read for it, and what was said.

They come from outside, as builds do. What another machine says of the settings decides where a build writes, so that
is believed below the checkout alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import TypedDict, cast

from fab_static.plan import carried
from fab_static.plan.carried import Record
from fab_static.plan.wire.questions import Settings
from fab_static.plan.wire.shapes import misshapen

# as host/project/reads/portable has them
_PLACE = re.compile(r"\{((?:real_)?(?:project|deploy_to|home|static_root|venv))\}")
_WRITTEN = (".json", ".yaml", ".yml")  # the manifests and versions that a build writes end so


class Answer(TypedDict):
    """One answer: the question's name, its request as JSON with names of places, and the record, which holds it."""

    question: str
    request: str
    record: Record


class Candidate(TypedDict):
    """An answer as the host is asked to judge it: `places` must lie here as there, `there` are all of that machine."""

    record: Record
    given: str
    places: dict[str, str]
    there: dict[str, str]


class Answers(TypedDict):
    """What the project on one machine answered; `places` are those of that machine: name -> path."""

    format: int
    given: str  # stands for the interpreter and the variables
    places: dict[str, str]
    answers: list[Answer]


def read(data: bytes) -> Answers | None:
    """Return the answers that an object of a bucket holds, or None if it is not ours."""
    return carried.read_as(data, Answers)


def asked(request: Mapping[str, object] | None, places: Mapping[str, str]) -> str:
    """Return a request as it is told to other machines: with names in place of places."""
    return json.dumps(_changed(dict(request or {}), carried.naming(places)), sort_keys=True)


def settings_in(record: Record, places: Mapping[str, str]) -> Settings | None:
    """Return the answer in a record as settings, with this machine's places; None where it cannot be read as such."""
    try:
        answer = json.loads(str(record.get("answer")))
        found = _changed(answer, lambda text: _PLACE.sub(lambda name: places[name[1]], text))
    except (KeyError, ValueError, RecursionError):
        return None
    is_one = isinstance(found, dict) and found.get("ok") is True
    return cast("Settings", found) if is_one and misshapen(Settings, found) is None else None


def _changed(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_changed(one, change) for one in value]
    if isinstance(value, dict):
        return {change(str(key)): _changed(one, change) for key, one in value.items()}
    return value


def fault(found: Settings, folder: str) -> str | None:
    """Return why another machine must not say where a build writes here, or None if it may.

    Args:
        found: its answer, with this machine's places.
        folder: the checkout here.
    """
    compress = found["compress"]
    folders = [found["static_root"], found["storage"]["folder"], compress and compress["root"]]
    files = [found["resource_versions"], *found["versions_files"]]
    files += [one["path"] for one in found["bundler_manifests"]]
    files += filter(None, (found["offline_manifest"], found["staticfiles_manifest"]))
    if not found["static_root"]:
        return "it names no STATIC_ROOT"
    outside = [path for path in (*folders, *files) if path and not _lies_in(path, folder)]
    strange = [path for path in files if not path.endswith(_WRITTEN)]
    wrong = [*outside, *strange]
    return f"a build would write {wrong[0]}" if wrong else None


def _lies_in(path: str, folder: str) -> bool:
    place = PurePosixPath(path)
    return ".." not in place.parts and PurePosixPath(folder) in place.parents
