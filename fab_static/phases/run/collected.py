"""Whether the static root still holds what the finders list, when it is sealed.

Later phases may have removed what collectstatic left there, or may have written sources that it has collected
before. Also what they do unseen counts: a shell line, a child process, a link to a folder of sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fab_static.errors import BuildError
from fab_static.phases.run import writes
from fab_static.phases.run.audit import lines
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.listings import listing_of
from fab_static.phases.run.reuse import what_is_known
from fab_static.phases.run.settings import beside_root, staticfiles_manifest_path
from fab_static.phases.run.static_root import words_of_collectstatic
from fab_static.phases.run.stored import text_of
from fab_static.plan import staticfiles_manifest
from fab_static.plan.sources import not_held
from fab_static.plan.wire import questions
from fab_static.plan.wire.kept import Entry, Kept, Listing
from fab_static.plan.wording import counted


def refuse_what_is_not_held(deploy: Deployment) -> None:
    """Refuse to seal what lacks a file that the finders list, or holds an older one.

    The project is asked only where a file is gone, or where collectstatic would read other things now.

    Raises:
        BuildError: naming the files, and the phase where it is known.
    """
    if "collectstatic" not in deploy.phases:
        return
    with writes.manifests_as_files(deploy):  # a source may be one: its link leads to what is live
        writes.put_back_of_earlier(deploy, "collectstatic")
        _refuse_what_is_not_held(deploy)


def _refuse_what_is_not_held(deploy: Deployment) -> None:
    entry = deploy.journal.phases["collectstatic"]
    collected = listing_of(deploy, "collectstatic")
    last = listing_of(deploy, deploy.phases[-1])
    is_whole = collected["files"].keys() <= last["files"].keys()
    if is_whole and what_is_known(deploy, "collectstatic", None).entry:
        return
    words = words_of_collectstatic(deploy)
    answer = deploy.project(deploy.build).ask(
        questions.SOURCES_WITH_PLACES, questions.Placed(words=words, places=True)
    )
    below, unjudged, left_out = answer["below"], answer["unjudged"], entry.get("left_out", ())
    beside = beside_root(deploy.facts(deploy.build), deploy.bundler_manifests(deploy.build))
    sources = {
        name: (sha256, place)
        for name, (sha256, _, place) in answer["files"].items()
        if place not in beside
    }
    found = not_held(
        {name: sha256 for name, (sha256, _) in sources.items()},
        collected=_named(collected, below),
        last=_named(last, below),
        hashed=hashed_names(deploy, collected),
        left_out=left_out,
        keeps_bytes=not unjudged,
    )
    if found.removed:
        _refuse_removed(deploy, [below + name for name in found.removed])
    late = [sources[name][1] for name in found.late]
    if late and unjudged and left_out:
        deploy.show.warn(
            f"{counted(len(late), 'source')} came after collectstatic, which has not collected "
            f"{'it' if len(late) == 1 else 'them'}:\n{lines(late)}\n({unjudged}, so that may be meant so)"
        )
    elif late:
        _refuse_late(deploy, late)


def _refuse_removed(deploy: Deployment, paths: list[str]) -> None:
    removed = _removed_by(deploy, paths)
    raise BuildError(
        f"{counted(len(paths), 'file')} that the finders list {'was' if len(paths) == 1 else 'were'} removed "
        "from STATIC_ROOT after collectstatic:\n"
        + lines(f"{path} ({removed[path]})" if path in removed else path for path in paths),
        where=f"{deploy.build.name}: {deploy.facts(deploy.build)['static_root']}",
        mend="have that phase leave it there; or leave it out of what is collected: build.commands: "
        "{collectstatic: \"manage.py collectstatic --noinput --ignore 'PATTERN'\"}",
    )


def _refuse_late(deploy: Deployment, paths: list[str]) -> None:
    phase = _written_late_by(deploy, paths)
    left_all = phase and _left_all(deploy.journal.phases[phase])
    did = "changed nothing in STATIC_ROOT, and " if left_all else ""
    raise BuildError(
        f"{phase or 'something'} {did}wrote sources that collectstatic has collected already:\n{lines(paths)}",
        where=f"{deploy.build.name}: "
        + (f"phase {phase}" if phase else "the folders that the finders read"),
        mend="have it written before collectstatic runs: before the deploy, or below STATIC_ROOT (of "
        "compilejsi18n: STATICI18N_ROOT or --output); where somebody has edited sources meanwhile, deploy again",
    )


def _left_all(entry: Entry) -> bool:
    return entry["listing"] == entry["base"]


def _removed_by(deploy: Deployment, paths: Iterable[str]) -> dict[str, str]:
    """Return which phase took each file out of the static root last."""
    found: dict[str, str] = {}
    before: Mapping[str, Kept] = {}
    wanted = set(paths)
    for phase in deploy.phases:
        if deploy.journal.phases[phase]["listing"]:
            files = listing_of(deploy, phase)["files"]
            found.update((path, phase) for path in wanted & before.keys() - files.keys())
            before = files
    return found


def _written_late_by(deploy: Deployment, paths: Iterable[str]) -> str | None:
    """Return the phase that was seen to write some of these sources."""
    for phase in deploy.phases:
        if not set(paths).isdisjoint(deploy.journal.phases[phase].get("wrote_sources", ())):
            return phase
    return None


def hashed_names(deploy: Deployment, listing: Listing) -> Mapping[str, str]:
    """Return name -> name with a hash, as Django's manifest in a listing has them, or nothing if there is none."""
    facts = deploy.facts(deploy.build)
    path = staticfiles_manifest_path(facts)
    if path is None:
        return {}
    known = listing["files"].get(path) or listing["extra"].get(str(facts["staticfiles_manifest"]))
    if known is None:
        return {}
    where = f"{deploy.build.name}: {facts['staticfiles_manifest']}"
    return staticfiles_manifest.paths(text_of(deploy.build, known[0], where), where=where)


def _named(listing: Listing, below: str) -> dict[str, str]:
    """Return name -> SHA-256 of the files that a storage keeps at some place below the static root."""
    return {
        path.removeprefix(below): known[0]
        for path, known in listing["files"].items()
        if path.startswith(below)
    }
