"""Asks web.check once before anything flips: a wrong URL costs seconds, and no flip."""

from __future__ import annotations

from collections.abc import Collection

from fab_static.errors import RemoteError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.flipping import patience
from fab_static.plan.inventory import expand_url
from fab_static.plan.wire import asks, verbs
from fab_static.remote import Question, RemoteHost

FIRST_SECONDS = 5.0  # for the one answer before the flip
# RFC 9110 and 6585: too slow, too early, too many; the URL may be right
PASSING = ("408", "425", "429")


def unwell_before(deploy: Deployment) -> Collection[RemoteHost]:
    """Ask web.check on each web host; return those that do not answer 200 now.

    A process that redirects, or answers 4xx, is up: the URL is wrong, and after the flip it would be wrong still.
    A process that answers 5xx, or nothing, may be what this run mends. A way back is never refused, and
    neither is what brings hosts together, nor a first release.

    Raises:
        RemoteError: the URL is wrong.
    """
    check = deploy.environment.web.check
    if not check:
        return ()
    urls = {host: expand_url(check, host.host) for host in deploy.hosts("web")}
    answers = deploy.on(urls, lambda host: _answer(host, urls[host]))
    wrong = [host for host, answer in answers.items() if _is_wrong(answer)]
    live = {state["current"] for state in deploy.states.values()} - {None}  # a new host has none
    if wrong and len(live) == 1 and not deploy.goes_back:
        raise RemoteError(
            "before anything flipped " + _told(wrong, urls, answers) + ", not 200",
            where=f"web.check in inventories/{deploy.environment.name}.yml",
            mend="correct web.check, then deploy again; where only newer code has this URL, take web.check out "
            "for this one deploy",
        )
    unwell = [host for host, answer in answers.items() if answer != "200"]
    if unwell:
        deploy.show.warn(
            _told(unwell, urls, answers)
            + f" before the flip; where that is not 200 within {patience(deploy):.0f} s after it, all goes back"
        )
    return unwell


def to_ask_before(deploy: Deployment, host: RemoteHost) -> list[Question]:
    """Return what `unwell_before` will ask a host."""
    check = deploy.environment.web.check
    if not check or "web" not in host.roles:
        return []
    return [(verbs.HTTP, _request(expand_url(check, host.host)))]


def _request(url: str) -> asks.Http:
    return asks.Http(url=url, timeout=FIRST_SECONDS, once=True)


def _answer(host: RemoteHost, url: str) -> str:
    return host.ask(verbs.HTTP, _request(url))[0]["answer"]


def _is_wrong(answer: str) -> bool:
    return answer[:1] in ("3", "4") and answer.isdigit() and answer not in PASSING


def _told(
    hosts: Collection[RemoteHost], urls: dict[RemoteHost, str], answers: dict[RemoteHost, str]
) -> str:
    """Return which URL answered what, on which hosts."""
    found: dict[tuple[str, str], list[str]] = {}
    for host in hosts:
        found.setdefault((urls[host], answers[host]), []).append(host.name)
    return "; ".join(
        f"{url} answered {answer} on {', '.join(names)}" for (url, answer), names in found.items()
    )
