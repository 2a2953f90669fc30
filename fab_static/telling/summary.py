"""What a run did, as one dict: hooks get it on standard input, the archive keeps it, the report shows it.

{"format": 1, "task", "event", "outcome": "started|failed|live|done", "app", "environment", "operator",
 "release": id|null, "revision", "since": the revision that was live|null, "commits": ["d0a90f8 Fix the cart"] after it,
 "previous": id|null (what was live when the run began), "started_at", "began": the same in seconds since 1970,
 "seconds", "error": str|null, "failed_after_flip": [{"what", "where", "mend"}],
 "hosts": [{"host", "roles"}], "without": [hosts that were left out], "timeline": [{"phase", "host", "started", "seconds", "outcome", "bytes", "goes_back"}],
 "difference": as `diff --json` prints it, with "sizes": {path: [bytes before|null, now|null]}; or null,
 "settings": what was baked into the files, or null, "probe": {"asked", "problems": []} or null,
 "pages": [{"page": URL, "requests", "bytes", "sent" (bytes as they go over the wire, compressed),
            "before": {"requests", "bytes", "sent"}|null, "assets": [{"path", "bytes", "sent"}]}],
 "deltas": what the seal made for returning visitors: {"made", "releases", "bytes", "instead", "seconds", "left_out",
            "at_most"}, or null,
 "downloads_history": [{"release", "at", "returning": {"deltas", "br", "gzip"}|null, "first"}], the last 20 deploys,
 "log": path|null, "report": path|null, "report_at": its URL in a bucket (s3://…)|null,
 "exit_code": how the task ends (null: it has only begun), "interrupted": bool,
 "ending": {"live", "undone", "next"} in words, or null}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from fab_static.errors import FabStaticError
from fab_static.looking.difference import difference_of
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.printed import Asset, Page, Weight
from fab_static.plan.release import File, Release

FORMAT = 1
# the caller knows these: where it keeps the run, and how it ended
NOT_KNOWN_YET: Mapping[str, bool | None] = {
    "log": None,
    "report": None,
    "report_at": None,
    "exit_code": None,
    "interrupted": False,
    "ending": None,
}


def summary(
    deploy: Deployment,
    *,
    task: str,
    event: str,
    outcome: str,
    error: str | None = None,
    before: Mapping[str, Any] | None = None,
    anyway: Callable[[str], AbstractContextManager[None]],
) -> dict[str, Any]:
    """Return what is known of a run now; reads nothing from hosts that may have failed.

    Args:
        deploy: the run.
        task: the word it was started by.
        event: the hook it is for.
        outcome: how it stands.
        error: what went wrong.
        before: the summary of the run that made live what this one replaced, where it is kept.
        anyway: the block in which a part is found that may be left out.
    """
    difference: dict[str, Any] | None = None
    pages: list[Page] = []
    with anyway("what this run changed could not be told"):
        difference = _difference(deploy) if outcome in ("live", "done") else None
    with anyway("what pages weigh could not be told"):
        pages = _pages(deploy, deploy.withdrawn or deploy.release, before)
    return {
        "format": FORMAT,
        "task": task,
        "event": event,
        "outcome": outcome,
        "error": error,
        **_of_run(deploy),
        "difference": difference,
        "pages": pages,
        **NOT_KNOWN_YET,
    }


def _of_run(deploy: Deployment) -> dict[str, Any]:
    """Return what stands of a run, however it ends."""
    release, timeline = deploy.withdrawn or deploy.release, deploy.timeline
    probed, source = deploy.probed, release or deploy.built
    return {
        "app": deploy.environment.app,
        "environment": deploy.environment.name,
        "operator": deploy.operator,
        "release": release.id if release else None,
        "revision": source.revision if source else None,
        "since": deploy.built.since if deploy.built else None,
        "commits": list(deploy.built.commits or ()) if deploy.built else [],
        "previous": deploy.was_live,
        "started_at": f"{datetime.fromtimestamp(timeline.began, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "began": round(timeline.began, 3),
        "seconds": round(timeline.now - timeline.began, 3),
        "failed_after_flip": [
            {"what": one.what, "where": one.where, "mend": one.mend} for one in deploy.after_flip
        ],
        "hosts": [{"host": host.name, "roles": list(host.roles)} for host in deploy.hosts()],
        "without": list(deploy.without),
        "timeline": timeline.to_json(),
        "settings": dict(release.settings) if release else None,
        "deltas": deploy.deltas,
        "probe": {key: probed[key] for key in ("asked", "problems")} if probed else None,
    }


def _difference(deploy: Deployment) -> dict[str, Any] | None:
    """Return what the run changed for visitors, or None if that cannot be known any more."""
    if deploy.release is None or deploy.was_live == deploy.release.id:
        return None
    try:
        before = deploy.seals.read(deploy.was_live) if deploy.was_live else None
        difference = difference_of(deploy, deploy.was_live, deploy.release)
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


def _pages(
    deploy: Deployment, release: Release | None, before: Mapping[str, Any] | None
) -> list[Page]:
    """Return what a first visit to each probed page downloads from the static root."""
    if deploy.probed is None or release is None:
        return []
    earlier = {page["page"]: page for page in (before or {}).get("pages", [])}
    return [
        _page(page, release, paths, earlier.get(page))
        for page, paths in deploy.probed["pages"].items()
    ]


def _page(page: str, release: Release, paths: Iterable[str], earlier: Weight | None) -> Page:
    files = ((path, release.files[path]) for path in paths if path in release.files)
    assets: list[Asset] = [
        {"path": path, "bytes": file.size, "sent": _sent(file)} for path, file in files
    ]
    return {
        "page": page,
        "requests": len(assets),
        "bytes": sum(asset["bytes"] for asset in assets),
        "sent": sum(asset["sent"] for asset in assets),
        "before": _weight(earlier) if earlier else None,
        "assets": assets,
    }


def _weight(page: Weight) -> Weight:
    return {"requests": page["requests"], "bytes": page["bytes"], "sent": page["sent"]}


def _sent(file: File) -> int:
    """Return the bytes that go over the wire: of the smallest encoding that the release holds."""
    return min([file.size, *(one.size for one in file.encodings.values())])
