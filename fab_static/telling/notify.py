"""Tells others how a run ended: a webhook by a message, a bucket by the report.

Slack, Mattermost and Teams' workflows understand the message.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from fab_static import interruption
from fab_static.errors import CdnError
from fab_static.plan.inventory import S3
from fab_static.plan.wording import first_line, first_of

TIMEOUT_SECONDS = 10.0  # for a webhook's whole answer
REPORT_SECONDS = 60.0  # for the report's way into a bucket
SIGNS = {"live": ":white_check_mark:", "failed": ":x:", "done": ":information_source:"}


def message(summary: Mapping[str, Any]) -> str:
    """Return what to say, in two or three lines."""
    place = f"{summary['app']} {summary['environment']}"
    outcome, release, previous = summary["outcome"], summary["release"], summary["previous"]
    if outcome == "live":
        text = f"*{place}*: {summary['task']} made `{release}` live"
        text += f" (before it: `{previous}`)" if previous and previous != release else ""
    elif outcome == "failed":
        text = f"*{place}*: {summary['task']} failed; `{previous or 'nothing'}` was live before"
    else:
        text = f"*{place}*: {summary['task']} ended; nothing went live"
    text = f"{SIGNS[outcome]} {text}, by {summary['operator']}, in {summary['seconds']:.0f} s"
    text += _commits(summary)
    if summary["error"]:
        text += f"\n{first_line(summary['error'])}"
    for one in summary["failed_after_flip"]:
        text += f"\nfailed after the flip: {first_line(one['what'])} ({one['mend']})"
    return text


def _commits(summary: Mapping[str, Any]) -> str:
    """Return the revision and the first commits since the one that was live, a line for each."""
    commits = summary.get("commits") or []
    if not commits:
        return ""
    head = f"revision `{summary['revision'][:7]}`, since `{summary['since'][:7]}`:"
    return "".join(f"\n{line}" for line in (head, *first_of(commits, 5)))


def post(url: str, summary: Mapping[str, Any]) -> str | None:
    """Send the message; return why it could not be sent, without the URL: it is a secret."""
    data = json.dumps({"text": message(summary)}).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "fab_static"}

    def sent() -> str | None:
        try:
            request = urllib.request.Request(url, data, headers)  # noqa: S310 - http(s), by the inventory
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
                return None
        except urllib.error.HTTPError as error:
            return f"it answered {error.code} {error.reason}"
        except OSError as error:
            reason = getattr(error, "reason", error)
            return str(getattr(reason, "strerror", None) or reason)
        except Exception as error:
            return type(error).__name__  # no more: its text may hold the URL

    return within(TIMEOUT_SECONDS, sent)


def put_report(place: S3, name: str, page: bytes) -> str | None:
    """Put a run's report into the bucket; return why it could not be."""
    from fab_static.aws.s3 import Bucket  # not above: `status` puts no report anywhere

    # it names hosts and files: for those who may read the bucket, and for no cache
    headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "private, no-store"}

    def put() -> str | None:
        try:
            Bucket(place).put(name, page, headers=headers)
        except CdnError as error:
            return error.what
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    return within(REPORT_SECONDS, put)


def within(limit: float, work: Callable[[], str | None]) -> str | None:
    """Return what the work returns, or that it took too long.

    A socket's time-out bounds each wait alone: DNS has none, and an answer may come byte by byte.
    """
    answers: list[str | None] = []
    worker = threading.Thread(target=lambda: answers.append(work()), daemon=True)
    worker.start()
    with interruption.answerable():
        worker.join(limit)
    return answers[0] if answers else f"no whole answer came within {limit:g} seconds"
