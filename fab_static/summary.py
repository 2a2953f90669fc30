"""What a run did, as one dict: hooks get it on standard input, the archive keeps it, the report shows it.

{"format": 1, "task", "event", "outcome": "started|failed|live|done", "app", "environment", "operator",
 "release": id|null, "revision", "previous": id|null (what was live when the run began), "started_at",
 "seconds", "error": str|null, "failed_after_flip": [{"what", "where", "mend"}],
 "hosts": [{"host", "roles"}], "timeline": [{"phase", "host", "started", "seconds", "outcome", "bytes"}],
 "difference": as `diff --json` prints it, with "sizes": {path: [bytes before|null, now|null]}; or null,
 "settings": what was baked into the files, or null, "log": path|null, "report": path|null}
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fab_static import look
from fab_static.errors import FabStaticError
from fab_static.phases.deployment import Deployment
from fab_static.plan.release import Release

FORMAT = 1


def summary(
    deploy: Deployment, *, task: str, event: str, outcome: str, error: str | None = None
) -> dict[str, Any]:
    """Return what is known of a run now; reads nothing from hosts that may have failed.

    Args:
        deploy: the run.
        task: the word it was started by.
        event: the hook it is for.
        outcome: how it stands.
        error: what went wrong.
    """
    release, timeline = deploy.release, deploy.timeline
    return {
        "format": FORMAT,
        "task": task,
        "event": event,
        "outcome": outcome,
        "app": deploy.environment.app,
        "environment": deploy.environment.name,
        "operator": deploy.operator,
        "release": release.id if release else None,
        "revision": release.revision if release else None,
        "previous": deploy.was_live,
        "started_at": f"{datetime.fromtimestamp(timeline.began, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "seconds": round(timeline.now - timeline.began, 3),
        "error": error,
        "failed_after_flip": [
            {"what": one.what, "where": one.where, "mend": one.mend} for one in deploy.after_flip
        ],
        "hosts": [{"host": host.name, "roles": list(host.roles)} for host in deploy.hosts()],
        "timeline": timeline.to_json(),
        "difference": _difference(deploy) if outcome in ("live", "done") else None,
        "settings": dict(release.settings) if release else None,
        "log": None,
        "report": None,
    }


def _difference(deploy: Deployment) -> dict[str, Any] | None:
    """Return what the run changed for visitors; None where that cannot be known any more."""
    if deploy.release is None or deploy.was_live == deploy.release.id:
        return None
    try:
        before = deploy.read_release(deploy.was_live) if deploy.was_live else None
        difference = look.difference_of(deploy, deploy.was_live, deploy.release)
    except FabStaticError:  # pruned meanwhile, or its host is gone: the run itself went well
        return None
    paths = (path for kind in ("added", "changed", "removed") for path in difference[kind])
    return {
        **difference,
        "sizes": {path: [_size(before, path), _size(deploy.release, path)] for path in paths},
    }


def _size(release: Release | None, path: str) -> int | None:
    file = release.files.get(path) if release else None
    return file.size if file else None
