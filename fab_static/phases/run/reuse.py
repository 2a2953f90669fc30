"""What a phase would leave, by an earlier run that read the same: then it need not run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from fab_static.errors import BuildError, ManifestError
from fab_static.phases.run import listings, tracing, writes
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.project_failures import REBUILD
from fab_static.phases.run.settings import manifest_path, static_root_of
from fab_static.plan import versions
from fab_static.plan.text import decoded
from fab_static.plan.wire import answers, asks, verbs
from fab_static.plan.wire.kept import Entry, Left
from fab_static.plan.wording import indented
from fab_static.remote import Question

NOT_SEEN = "it is a shell line, and what that reads is not seen"  # host/project/reads/shell_line.py
INSTALL = "; mend that on the build host, or name what it reads in its `reads`"
SHOWN = 20  # paths named in one message


def command_of(deploy: Deployment, name: str) -> str:
    """Return the command of a phase."""
    return deploy.environment.build.command_of(name)


@dataclass(frozen=True)
class Known:
    """What a phase would leave, by an earlier run that read the same; else why that is not known."""

    entry: Entry | None
    why: str = ""
    listing: str = ""  # of what it would leave


def what_is_known(deploy: Deployment, name: str, base: str | None) -> Known:
    """Return what a phase would leave, where it need not run to know.

    Args:
        deploy: asked, not changed.
        name: the phase.
        base: the phase whose static root it works on; None for the first.
    """
    try:
        known = _what_is_known(deploy, name, base)
    except listings.DamagedError as error:
        return Known(None, f"what the last build left cannot be read: {error.what}")
    return replace(known, why=deploy.project(deploy.build).in_short(known.why))


def _what_is_known(deploy: Deployment, name: str, base: str | None) -> Known:
    phases = deploy.journal.phases
    entry = phases.get(name)
    if entry is None:
        return Known(None, "it never ran here")
    own = deploy.environment.build.own.get(name)
    if entry.get("unseen"):
        is_hidden = own and not own.reads and str(entry["unseen"]).startswith(NOT_SEEN)
        return Known(None, tracing.in_words(str(entry["unseen"])) + (INSTALL if is_hidden else ""))
    if not entry.get("record"):
        return Known(None, "what it reads is not known")
    left: dict[str, list[str | None]] = {}
    if base is None and entry["listing"]:
        left = versions_files_left(deploy, entry)
        since = writes.made_since(deploy, name, entry["listing"])
        if since:
            return Known(None, f"{since} is another, which goes with the release")
    given = phases[base]["listing"] if base else None
    project, shown = deploy.project(deploy.build), writes.manifests_before(deploy, name)
    replay = _to_replay(deploy, name, entry, given) if given and entry["base"] else None
    if given and replay and entry["base"] != given:  # all in one trip
        recall = project.to_recall_run(command_of(deploy, name), name, left, own, shown)
        deploy.build.foresee([recall, (verbs.REPLAY, replay), *_of_versions(deploy, given)])
    token, why = project.recall(command_of(deploy, name), name, left, own, shown)
    if token is None:
        return Known(None, why)
    if token != entry["record"]:
        return Known(None, "its last run did not end well")
    if entry["base"] == given:
        return Known(entry, listing=entry["listing"] or "")
    if not replay:
        return Known(None, "the phases before it are others")
    return _replayed(deploy, entry, replay)


def _to_replay(deploy: Deployment, name: str, entry: Entry, given: str) -> asks.Replay:
    """Return how the host is asked what a phase would leave of another state of the static root."""
    return asks.Replay(
        name=name,
        token=str(entry["record"]),
        root=static_root_of(deploy.facts(deploy.build)),
        was=str(entry["base"]),
        left=entry["listing"],
        now=given,
        keep=deploy.lock is not None,
    )


def _of_versions(deploy: Deployment, given: str) -> Iterator[Question]:
    """Yield how the host is asked for the versions file that a phase meets: see `_other_part`."""
    file = listings.read(deploy, given)["extra"].get(
        deploy.facts(deploy.build)["resource_versions"]
    )
    if file:
        yield verbs.READ_OBJECT, asks.Object(object=file[0])


def _replayed(deploy: Deployment, entry: Entry, replay: asks.Replay) -> Known:
    """Return what a phase would leave of another state of the static root, where all that it reads there is as it was."""
    with listings.needed(deploy, replay["was"], replay["left"], replay["now"]):
        head, told = deploy.build.ask(verbs.REPLAY, replay)
    listings.learn(deploy, head.get("listing"), replay["now"], told)
    other: str | None = head.get("why") or _other_part(deploy, head["parts"])
    return Known(None, other) if other else Known(entry, listing=head["listing"])


def _other_part(deploy: Deployment, parts: Mapping[str, answers.Part]) -> str | None:
    """Return what has another version now of all that a phase asked the versions files for; None: nothing."""
    for path, part in parts.items():
        found: Mapping[str, str] = {}
        if part["object"]:
            _, data = deploy.build.ask(verbs.READ_OBJECT, asks.Object(object=part["object"]))
            found = versions.parse(decoded(data, where=path, error=ManifestError), where=path)
        for name, version in part["asked"].items():
            if found.get(name) != version:
                return f"the version of {name} is another"
    return None


def versions_files_left(
    deploy: Deployment, entry: Entry, last: str | None = None
) -> dict[str, list[str | None]]:
    """Return the states in which a build may meet the versions files: as then, or as it left them.

    The first phase finds what the last build wrote. In any other state somebody else wrote them, git for one.
    `last` is what the last phase leaves, where the journal does not say that yet.
    """
    first, *others = _around(deploy, entry)
    extras = [_beside(deploy, listing) for listing in (first, *([last] if last else others))]
    return {
        path: list(dict.fromkeys(known[path] for known in extras))
        for path in extras[0]
        if all(path in known for known in extras)
    }


def is_known_what_is_left(deploy: Deployment, entry: Entry) -> bool:
    """Tell whether `versions_files_left` knows without a question to the host."""
    return all(listing in deploy.journal.beside for listing in _around(deploy, entry))


def _around(deploy: Deployment, entry: Entry) -> list[str]:
    """Return the listings between which the versions files may stand: of this phase, and of the last."""
    last = deploy.journal.phases.get(deploy.phases[-1], entry)
    return [one["listing"] for one in (entry, last) if one["listing"]]


def _beside(deploy: Deployment, listing: str) -> Mapping[str, str | None]:
    """Return the objects of the files beside the static root, by a listing; the journal keeps that."""
    known = deploy.journal.beside
    if listing not in known:
        extra = listings.read(deploy, listing)["extra"]
        known[listing] = {path: file[0] if file else None for path, file in extra.items()}
    return known[listing]


def refuse_another(deploy: Deployment, name: str, known: Known, left: Left) -> None:
    """Refuse to go on when a phase, run to verify, left something else than would have been used again.

    Raises:
        BuildError: naming the files that differ.
    """
    made = left["listing"] or ""
    then = known.entry["wrote"] if known.entry and "wrote" in known.entry else None
    paths = writes.differing(deploy, then, left.get("wrote"))
    if known.listing != made:
        paths += _differing(deploy, known, made)
    if paths:
        raise BuildError(
            f"{name} was to be used again, but a new run leaves {len(paths)} other files:\n"
            + indented(paths, SHOWN),
            where=f"{deploy.build.name}: {deploy.facts(deploy.build)['static_root']}",
            mend=f"what it reads was not seen, or it does not always make the same of it; {REBUILD}",
        )


def _differing(deploy: Deployment, known: Known, made: str) -> list[str]:
    """Return the files of the static root that a run left otherwise than would have been used again."""
    then, now = (listings.read(deploy, listing) for listing in (known.listing, made))
    manifest = manifest_path(deploy.facts(deploy.build))
    files = {path: known[0] for path, known in then["files"].items()}
    others = {path: known[0] for path, known in now["files"].items()}
    paths = [
        path
        for path in sorted({*files, *others})
        if files.get(path) != others.get(path)
        and not (path == manifest and _is_same_json(deploy, files.get(path), others.get(path)))
    ]
    if known.entry and known.entry["base"]:  # the first phase finds what the last build wrote
        paths += [path for path in now["extra"] if now["extra"][path] != then["extra"].get(path)]
    return paths


def _is_same_json(deploy: Deployment, one: str | None, other: str | None) -> bool:
    """Tell whether two objects differ in the order of their keys only: compress writes them in any."""
    if one is None or other is None:
        return False
    texts = [
        deploy.build.ask(verbs.READ_OBJECT, asks.Object(object=each))[1] for each in (one, other)
    ]
    return bool(json.loads(texts[0]) == json.loads(texts[1]))
