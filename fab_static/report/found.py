"""What the looking tasks found, in words and tables; status.py has what `status` found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from fab_static.plan.downloads import PAGE
from fab_static.plan.wording import counted, first_of, left_out, some_of
from fab_static.report import amounts
from fab_static.report.terminal import Terminal

if TYPE_CHECKING:
    from fab_static.plan.bundles import Bundle
    from fab_static.plan.downloads import Cost, Downloads
    from fab_static.plan.printed import Difference, Finding, Forgotten, MadeOf, ReleaseLine, Step

Weight = Literal["bytes", "gzip", "brotli"]
KINDS: tuple[Literal["added", "changed", "removed"], ...] = ("added", "changed", "removed")
BROWSERS = ("deltas", "Brotli", "gzip")
Browser = Literal["deltas", "br", "gzip"]
COST: tuple[Browser, ...] = ("deltas", "br", "gzip")
WEIGHTS: tuple[Weight, ...] = ("bytes", "gzip", "brotli")


def show_releases(terminal: Terminal, releases: Sequence[ReleaseLine]) -> None:
    """Print the releases, newest first."""
    terminal.table(
        ("id", "state", "revision", "created", "by", "files", "bytes"),
        [
            (
                one["id"],
                one["state"],
                (one["revision"] or "-")[:10],
                one["created_at"].replace("T", " ").rstrip("Z"),
                one["created_by"],
                f"{one['files']:,}",
                f"{one['bytes']:,}",
            )
            for one in releases
        ],
        is_listing=True,
    )


def show_plan(terminal: Terminal, plan: Mapping[str, Any]) -> None:
    """Print what a deploy would do."""
    live = plan["live"] or "nothing"
    terminal.text(f"live now: {live}. Nothing below has been done.")
    if plan.get("revision"):
        _show_revision(terminal, plan["revision"], plan["since"], plan["commits"])
    terminal.text()
    terminal.table(
        ("phase", "runs", "why"),
        [(one["name"], "yes" if one["will_run"] else "no", one["why"]) for one in plan["phases"]],
    )
    terminal.text()
    unbuilt = plan["unbuilt"]
    if unbuilt:
        terminal.text(
            f"what {' and '.join(unbuilt)} will make is known once built, and is not in what follows: "
            f"fab {plan['environment']} prepare"
        )
    if not plan["exact"]:
        terminal.text("files as collectstatic would collect them; later phases change some:")
    show_files(terminal, plan["files"])
    if plan["bundles"] is None and not unbuilt:
        terminal.text(
            f"what bundles will weigh is known once they are built: fab {plan['environment']} prepare"
        )
    elif plan["bundles"] is not None:
        show_bundles(terminal, plan["bundles"])
    show_downloads(terminal, plan.get("downloads"))
    show_urls(terminal, plan["urls"])
    terminal.text()
    terminal.table(
        ("host", "objects", "bytes"),
        [
            (str(one.get("host") or one["origin"]), f"{one['objects']:,}", f"{one['bytes']:,}")
            for one in (*plan["hosts"], *plan["origins"])
        ],
    )
    show_flip(terminal, plan["flip"])
    if plan.get("has_cdn", True) and (plan["invalidation"]["paths"] or not unbuilt):
        show_invalidation(terminal, plan["invalidation"])


def _show_revision(
    terminal: Terminal, revision: str, since: str | None, commits: Sequence[str]
) -> None:
    """Print the revision of the checkout, and the commits since the one that is live."""
    text = f"revision {revision[:7]}"
    if revision == since:
        text += ", as what is live"
    elif since and commits:
        text += f"; {counted(len(commits), 'commit')} since {since[:7]}, which is live:"
    terminal.text(text)
    for line in first_of(commits, 5):
        terminal.text(f"  {line}")


def show_flip(terminal: Terminal, steps: Sequence[Step]) -> None:
    """Print the order in which hosts would go live, where any would."""
    if not steps:
        return
    terminal.text()
    terminal.text("it goes live in this order:")
    flipped: set[str] = set()
    for step in steps:
        hosts = " ".join(step.get("hosts", ()))
        then = [word for word in ("reload", "check") if step.get(f"{word}s")]
        if step["do"] == "flip":
            if flipped.issuperset(step["hosts"]) and not then:
                continue  # nothing moves: the build host notes in its record what is live
            flipped.update(step["hosts"])
        terminal.text(
            {
                "flip": ", ".join((f"  flip {hosts}", *then)),
                "publish": f"  copy to the live keys of {step.get('bucket')}",
                "invalidate": "  ask CloudFront to forget",
                "confirm": f"  confirm: {hosts}",
            }[step["do"]]
        )


def show_files(terminal: Terminal, files: Mapping[str, Sequence[str]], most: int = 20) -> None:
    """Print the files added, changed and removed; of each kind the first few."""
    for kind, sign in (("added", "+"), ("changed", "~"), ("removed", "-")):
        paths = files[kind]
        terminal.text(f"{counted(len(paths), 'file')} {kind}" + (":" if paths else ""))
        for line in first_of([f"{sign} {path}" for path in paths], most):
            terminal.text(f"  {line}")


def show_bundles(terminal: Terminal, bundles: Sequence[Bundle], most: int = 20) -> None:
    """Print which bundles grew or shrank, and by how much as they are and as they are sent."""
    if not bundles:
        return
    terminal.text()
    terminal.text(f"{_told_apart(bundles)}:")
    terminal.table(
        ("bundle", "bytes", "gzip", "brotli"),
        [(one["bundle"], *(_growth(one, kind) for kind in WEIGHTS)) for one in bundles[:most]],
    )
    for line in left_out(len(bundles) - most):
        terminal.text(f"  {line}")


def _told_apart(bundles: Sequence[Bundle]) -> str:
    """Return how many bundles are new, how many changed, how many are gone."""
    new = sum(one["before"] is None for one in bundles)
    gone = sum(one["now"] is None for one in bundles)
    changed = len(bundles) - new - gone
    words = (
        (changed, f"{counted(changed, 'bundle')} changed"),
        (new, counted(new, "new bundle")),
        (gone, f"{counted(gone, 'bundle')} gone"),
    )
    return ", ".join(text for count, text in words if count)


def _growth(bundle: Bundle, kind: Weight) -> str:
    """Return a bundle's size now and how it changed: 12.3 kB (+1.1 kB); "-" where it has none."""
    before, now = (one and one[kind] for one in (bundle["before"], bundle["now"]))
    if bundle["now"] is None:
        return "gone" if kind == "bytes" else "-"
    if now is None:
        return "-"
    if before is None:
        return amounts.size(now) + (" (new)" if bundle["before"] is None else "")
    return f"{amounts.size(now)} ({'+' if now >= before else '-'}{amounts.size(abs(now - before))})"


def show_downloads(terminal: Terminal, found: Downloads | None, most: int = 20) -> None:
    """Print what a returning visitor downloads for a deploy, page by page, and what a first visit costs."""
    if not found or not found["pages"]:
        return
    asked = "as they are now" if found["expected"] else "as this release prints them"
    are_pages = found["pages"][0]["kind"] == PAGE
    of = f"pages, {asked}" if are_pages else "the compress blocks of templates"
    terminal.text()
    terminal.text(f"what visitors download ({of}):")
    terminal.table(
        (
            "page" if are_pages else "template",
            *(f"back, {name}" for name in BROWSERS),
            "first visit",
        ),
        [
            (
                one["page"],
                *(_cost(one["returning"], browser) for browser in COST),
                _cost(one["first"], "br"),
            )
            for one in found["pages"][:most]
        ],
    )
    for line in left_out(len(found["pages"]) - most):
        terminal.text(f"  {line}")


def _cost(cost: Cost | None, browser: Browser) -> str:
    return "-" if cost is None else amounts.size(cost[browser])


def show_urls(terminal: Terminal, urls: Sequence[Mapping[str, str | None]], most: int = 20) -> None:
    """Print the URLs that pages print otherwise from then on."""
    if not urls:
        return
    terminal.text()
    terminal.text(f"{counted(len(urls), 'URL changes', 'URLs change')}:")
    lines = [f"{one['before'] or '(none)'} -> {one['now'] or '(known once built)'}" for one in urls]
    for line in first_of(lines, most):
        terminal.text(f"  {line}")


def show_invalidation(terminal: Terminal, invalidation: Forgotten) -> None:
    """Print what CloudFront would be asked to forget, and the price."""
    paths = invalidation["paths"]
    terminal.text()
    if not paths:
        terminal.text("CloudFront keeps all it has: no URL keeps its name with other bytes")
        return
    terminal.text(
        f"CloudFront forgets {counted(len(paths), 'path')}, at most ${invalidation['price_usd']:g}:"
    )
    for line in first_of(paths, 20):
        terminal.text(f"  {line}")


def show_difference(terminal: Terminal, difference: Difference) -> None:
    """Print what differs between two releases."""
    terminal.text(f"{difference['old'] or 'nothing'} -> {difference['new']}")
    terminal.text()
    show_files(terminal, {kind: difference[kind] for kind in KINDS})
    show_bundles(terminal, difference["bundles"])
    show_downloads(terminal, difference.get("downloads"))
    show_urls(terminal, difference["urls"])
    if difference.get("has_cdn", True):
        show_invalidation(terminal, difference["invalidation"])


ADVICE_SHOWN = 20
PLACES_SHOWN = 4  # of those where one thing is well


def show_findings(terminal: Terminal, findings: Sequence[Finding]) -> None:
    """Print the doctor's findings: what is well in a line, what is not with its cure; advice apart."""
    advice = [one for one in findings if one.get("advice")]
    rest = [one for one in findings if not one.get("advice")]
    for places, one in _together(rest):
        sign, style = ("ok ", "") if one["ok"] else ("BAD", "bold red")
        where = some_of(places, PLACES_SHOWN if one["ok"] else len(places))
        terminal.text(f"{sign}  {where}: {one['subject']}: {one['what']}", style)
        if one["mend"]:
            terminal.text(f"       mend: {one['mend']}")
    if advice:
        _show_advice(terminal, advice)
    bad = sum(not one["ok"] for one in rest)
    terminal.text(f"{bad} of {len(rest)} findings need mending" if bad else "all is well")


def _together(findings: Sequence[Finding]) -> Iterator[tuple[list[str], Finding]]:
    """Yield each finding once, where the first one stands, with all the places that it was made at."""
    places: dict[tuple[object, ...], list[str]] = {}
    firsts: dict[tuple[object, ...], Finding] = {}
    for one in findings:
        key = (one["subject"], one["ok"], one["what"], one["mend"])
        places.setdefault(key, []).append(one["where"])
        firsts.setdefault(key, one)
    return zip(places.values(), firsts.values(), strict=True)


def _show_advice(terminal: Terminal, advice: Sequence[Finding]) -> None:
    """Print the first few pieces of advice; those with the same cures stand together, above them."""
    terminal.text()
    terminal.text("advice; a deploy does well without it:")
    shown = advice[:ADVICE_SHOWN]
    for mend in dict.fromkeys(one["mend"] or "" for one in shown):
        for one in shown:
            if (one["mend"] or "") == mend:
                terminal.text(f"tip  {one['where']}: {one['subject']}: {one['what']}")
        for cure in filter(None, mend.split("; ")):
            terminal.text(f"       {cure}")
    for line in left_out(len(advice) - ADVICE_SHOWN):
        terminal.text(f"     {line}: check --json has them all")
    terminal.text()


def show_why(terminal: Terminal, known: Mapping[str, Any]) -> None:
    """Print what is known of a URL or a key."""
    terminal.text(str(known["verdict"]))
    if "key" in known:
        _show_key(terminal, known)
    else:
        _show_path(terminal, known)


def _show_path(terminal: Terminal, known: Mapping[str, Any]) -> None:
    def short(digest: str | None) -> str:
        return digest[:12] if digest else "-"

    terminal.text(f"path: {known['path']}")
    terminal.text(f"kind: {known['kind']}")
    if known["in_release"]:
        version = known["version"] or "none"
        terminal.text(f"version: {version}, {known['size']:,} bytes")
        terminal.text(f"sha256: {known['sha256']}")
    for number, one in enumerate(known["phases"]):
        verb = "removed by" if one["sha256"] is None else "changed by" if number else "made by"
        if verb == "made by" and one["phase"] != "collectstatic":
            verb = "written by"
        bytes_of = "" if one["sha256"] is None else f", sha256 {short(one['sha256'])}"
        terminal.text(f"{verb}: {one['phase']}{bytes_of}")
    if known["source"]:
        terminal.text(f"source: {known['source']}")
    _show_blocks(terminal, known.get("blocks", ()))
    _show_modules(terminal, known.get("modules", ()), known.get("rebuilt"))
    for path in known["shadowed"]:
        terminal.text(f"shadowed: {path}: collectstatic takes the first of this name")
    terminal.text(f"live release: {known['release']}")
    terminal.text(f"releases that hold it: {', '.join(known['releases']) or 'none'}")
    version = known["asked_version"] or known["version"]
    if version:
        held = ", ".join(known["releases_of_version"]) or "none"
        terminal.text(f"releases with version {version}: {held}")
    terminal.table(
        ("host", "current", "pool", "named", "gone", "as sealed"),
        [
            (one["host"], one["error"], "", "", "", "")
            if "error" in one
            else (
                one["host"],
                *(short(one[name]) for name in ("current", "pool", "named", "gone")),
                "-" if _is_nowhere(known, one) else "yes" if one["as_sealed"] else "NO",
            )
            for one in known["hosts"]
        ],
    )


def _show_blocks(terminal: Terminal, blocks: Sequence[MadeOf]) -> None:
    """Print the compress blocks that a file is the output of, and what they take in."""
    for one in blocks:
        line = "" if one["line"] is None else f", line {one['line']}"
        language = f", in language {one['language']}" if one["language"] else ""
        terminal.text(
            f"output of: {one['template']}, block {one['block']}{line}{language}, which takes in"
        )
        for url in one["sources"]:
            terminal.text(f"    {url}")
        for line in first_of(one["imports"], 20):
            terminal.text(f"    imported: {line}")


def _show_modules(
    terminal: Terminal, modules: Sequence[str], rebuilt: Mapping[str, Any] | None
) -> None:
    """Print the modules of a RequireJS bundle, and what made it, or one of compress, another one than before."""
    if modules:
        terminal.text(f"takes in {counted(len(modules), 'module')}:")
    for line in first_of(modules, 20):
        terminal.text(f"    {line}")
    if rebuilt:
        kinds = ("added", "changed", "removed")
        told = [f"{kind} {', '.join(rebuilt[kind])}" for kind in kinds if rebuilt[kind]]
        other = "module: the minifier" if modules else "file: the block, a compiler"
        what = "; ".join(told) or f"no {other} or its options"
        terminal.text(f"other bytes than in {rebuilt['since']}: {what}")


def _is_nowhere(known: Mapping[str, object], host: Mapping[str, object]) -> bool:
    """Tell whether the live release lacks a path, and a host has nothing there either."""
    return not known["in_release"] and host["current"] is None


def _show_key(terminal: Terminal, known: Mapping[str, Any]) -> None:
    terminal.text(f"key: {known['key']}")
    terminal.text(f"live release: {known['release']}")
    for release, html in known["releases"].items():
        terminal.text(f"in {release}: {html.strip()}")
    for one in known["asked_by"]:
        within = "" if one["in"] == one["template"] else f" of {one['in']}"
        line = "" if one["line"] is None else f", line {one['line']}"
        language = f", in language {one['language']}" if one["language"] else ""
        terminal.text(
            f"rendered on {one['host']} by {one['template']}, block {one['block']}{line}{within}{language}:"
        )
        for text in one["text"].strip().splitlines()[:12]:
            terminal.text(f"    {text}")
        for text in one["nearest"]:
            terminal.text(f"  {text}")
    for one in known["unasked"]:
        terminal.text(f"{one['host']} did not answer: {one['error']}")
