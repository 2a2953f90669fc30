"""What `status` found, in words and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fab_static.plan.ending import NOTHING, listed
from fab_static.report.terminal import Terminal

DISAGREE = "HOSTS DISAGREE"


def show_status(
    terminal: Terminal, status: Mapping[str, Any], *, without: Sequence[str] = ()
) -> None:
    """Print what `status` found; hosts that it went `without` were not asked."""
    words = _what_is_live(status, without)
    style = "bold red" if words.startswith(DISAGREE) else ""
    terminal.text(f"{status['app']} {status['environment']}: {words}", style)
    if status["agreed"]:
        before = {host["previous"] for host in status["hosts"] if host["previous"]}
        if before:
            terminal.text(f"before it: {', '.join(sorted(before))}")
    _show_hosts(terminal, status["hosts"])
    for origin in status["origins"]:
        _show_origin(terminal, origin)
    for host in status["hosts"]:
        if host["error"]:
            terminal.text(f"{host['host']}: {host['error']}")
        if host["provisional"]:
            terminal.text(
                f"{host['host']}: its flip to {host['live']} is not confirmed; unless a deploy is at "
                "work, it goes back on its own"
            )
    lock = status["lock"]
    if lock:
        terminal.text(f"locked by {lock['owner']} since {lock['since']}, now at {lock['phase']}")
    _show_what_to_do(terminal, status)


def _show_hosts(terminal: Terminal, hosts: Sequence[Mapping[str, Any]]) -> None:
    """Print a row for each host."""
    terminal.table(
        ("host", "roles", "live", "missing", "changed", "manifest", "versions"),
        [
            (
                host["host"],
                " ".join(host["roles"]),
                host["live"] or _no_release(host),
                *("-" if host["error"] else str(host[name]) for name in ("missing", "changed")),
                (host["offline_manifest_sha256"] or "-")[:8],
                (host["versions_sha256"] or "-")[:8],
            )
            for host in hosts
        ],
    )


def _no_release(host: Mapping[str, object]) -> str:
    if not host["reachable"]:
        return "unreachable"
    return "unknown" if host["error"] else "-"


def _show_origin(terminal: Terminal, origin: Mapping[str, Any]) -> None:
    """Print what is live in a bucket, and what it lacks."""
    name = origin["origin"]
    if origin["error"]:
        terminal.text(f"{name}: {origin['error']}")
        return
    terminal.text(f"{name}: live is {origin['live'] or NOTHING}")
    if origin["pending"]:
        terminal.text(
            f"{name}: a flip to {origin['pending']} began and did not end; unless a "
            "deploy is at work, the next one mends it"
        )
    if origin["missing"]:
        terminal.text(f"{name}: {origin['missing']} objects are missing")


def _show_what_to_do(terminal: Terminal, status: Mapping[str, Any]) -> None:
    """Print which commands mend what is not as it should be."""
    damaged = [host["host"] for host in status["hosts"] if host["missing"] or host["changed"]]
    damaged += [origin["origin"] for origin in status["origins"] if origin["missing"]]
    name = status["environment"]
    if damaged:
        terminal.text(f"{', '.join(damaged)}: not as sealed; mend it with: fab {name} deploy")
    silent, refusing = _unknown(status)
    if silent:
        terminal.text(
            f"see why {listed(silent)} cannot be reached: fab {name} check; what it missed, the next "
            "deploy or rollback gives it"
        )
    if refusing:
        terminal.text(f"see what mends {listed(refusing)}: fab {name} check")
    is_unknown = silent or refusing
    if not status["agreed"] and (not is_unknown or len(_live_on(status)) > 1):
        terminal.text(f"bring the hosts together with: fab {name} rollback, or fab {name} deploy")


def _what_is_live(status: Mapping[str, Any], without: Sequence[str]) -> str:
    """Return in words what is live where, and which hosts did not answer."""
    live, (silent, refusing) = _live_on(status), _unknown(status)
    if status["agreed"]:
        name = next(iter(live))
        where = f"on all hosts except {listed(without)}" if without else "on every host"
        where += " and in the bucket" if status["origins"] else ""
        return "nothing is live yet" if name == NOTHING else f"live is {name} {where}"
    words = "; ".join(f"{name} on {listed(some)}" for name, some in live.items())
    if len(live) == 1 and not (silent or refusing):
        words = f"live is {words}, and not for good: a flip has not ended"
    elif words:
        words = f"live is {words}"
    if len(live) > 1:
        words = f"{DISAGREE}: {words}"
    unreached = f"{listed(silent)} cannot be reached" if silent else ""
    unknown = f"what is live on {listed(refusing)} is unknown" if refusing else ""
    return "; ".join(filter(None, [words, unreached, unknown]))


def _live_on(status: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the releases that are live, each with the hosts and buckets that answered so."""
    found: dict[str, list[str]] = {}
    for one in (*status["hosts"], *status["origins"]):
        if one["reachable"] and not one["error"]:
            found.setdefault(one["live"] or NOTHING, []).append(one.get("host") or one["origin"])
    return found


def _unknown(status: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the hosts and buckets that cannot be reached, and those that answer and do not say what is live."""
    silent: list[str] = []
    refusing: list[str] = []
    for one in (*status["hosts"], *status["origins"]):
        if one["error"] or not one["reachable"]:
            some = refusing if one["reachable"] else silent
            some.append(one.get("host") or one["origin"])
    return silent, refusing
