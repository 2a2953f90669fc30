"""Makes the report of a run: its summary, the last lines of its log where it failed, the images that changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from fab_static.errors import FabStaticError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.stored import bytes_of
from fab_static.plan.pictures import KINDS, pictures
from fab_static.report.html import More
from fab_static.report.pictures import Pictures
from fab_static.report.pieces import Summary
from fab_static.telling.notify import within

LOG_LINES = 40  # of a run that failed
LOG_BYTES = 64_000  # of the log's end, in which they are looked for
PICTURES_SECONDS = 10.0  # for the way of all images to this machine

Anyway = Callable[[str], AbstractContextManager[None]]


def more(deploy: Deployment, known: Summary, log: Path | None, anyway: Anyway) -> More:
    """Return what the report shows beyond the summary; whatever of it cannot be had is left out.

    Args:
        deploy: the run.
        known: its summary.
        log: where its log is kept; None: nowhere.
        anyway: the block in which a part is found that may be left out.
    """
    lines: list[str] = []
    found = Pictures()
    with anyway("the report lacks the end of the log"):
        if log and known["outcome"] == "failed":
            lines = _last_lines(log)
    with anyway("the report shows no images"):
        found = _pictures(deploy, known)
    return More(lines, found)


def _last_lines(log: Path) -> list[str]:
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LOG_BYTES))
        text = file.read().decode("utf-8", "replace")
    lines = text.splitlines()
    if size > LOG_BYTES:
        del lines[:1]  # it may be the rest of one
    return list(deque(lines, LOG_LINES))


def _pictures(deploy: Deployment, known: Summary) -> Pictures:
    """Fetch the images that changed from the build host, which holds the objects of both releases."""
    difference = known["difference"]
    if not difference or deploy.release is None:
        return Pictures()
    before = deploy.seals.read(deploy.was_live) if deploy.was_live else None
    found = pictures({kind: difference[kind] for kind in KINDS}, before, deploy.release)
    wanted = {file.sha256: file.size for one in found for file in one.files}
    data: dict[str, bytes] = {}

    def fetch() -> str | None:
        try:
            data.update(bytes_of(deploy.build, wanted))
        except FabStaticError as error:
            return error.what
        except Exception as error:  # a thread of its own must not print a traceback
            return f"{type(error).__name__}: {error}"
        return None

    if wanted:
        why_not = within(PICTURES_SECONDS, fetch)
        if why_not:
            deploy.show.warn(f"the report shows no images: {why_not}")
            return Pictures()
    return Pictures(found, data)
