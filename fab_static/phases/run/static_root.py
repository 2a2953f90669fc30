"""What is asked of the static root before a build may touch it, and of what collectstatic left in it.

A build empties STATIC_ROOT, and makes it what an earlier phase left. So it must hold nothing else, must lie apart
from all sources, and must be the folder that the project's storage writes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from fab_static.errors import BuildError, FabStaticError
from fab_static.phases.run import listings
from fab_static.phases.run.audit import lines
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.settings import static_root_of
from fab_static.plan.names import is_half_written, sha256_of_names
from fab_static.plan.sources import is_for_visitors
from fab_static.plan.wire import answers, asks, questions, verbs
from fab_static.plan.wire.kept import Left
from fab_static.plan.wording import counted


def refuse_unsafe(deploy: Deployment) -> None:
    """Refuse a static root that a build must not touch, before it does; once in a run.

    Raises:
        BuildError: the setting, what is wrong with it, and how to mend it.
    """
    if deploy.static_root is None:
        for fault in faults(deploy):
            raise fault


def faults(deploy: Deployment) -> Iterator[FabStaticError]:
    """Yield what is wrong with the static root and with what fills it; the worst first."""
    facts = deploy.facts(deploy.build)
    if not facts["static_root"]:
        yield BuildError(
            "the setting STATIC_ROOT is empty",
            where=_settings(deploy),
            mend="set it to a folder of its own, which collectstatic fills",
        )
        return
    try:
        answer, _ = deploy.build.ask(verbs.GUARD, guard_request(deploy))
    except FabStaticError as error:
        yield error
        return
    if "collectstatic" in deploy.environment.build.phases:
        yield from _of_settings(deploy, facts, is_written=answer["is_written"])
    if not _is_as_left(deploy, answer):
        yield from _of_files(deploy, answer["root"])
    deploy.static_root = answer["root"]


def _is_as_left(deploy: Deployment, answer: answers.Guarded) -> bool:
    """Tell whether the static root is empty, or holds what a build left there, which may have been interrupted."""
    if answer["names"] == sha256_of_names([]):
        return True
    if deploy.journal.static_root != answer["root"]:
        return False
    if not deploy.journal.is_whole or not deploy.journal.left:
        return True
    try:
        left = listings.read(deploy, deploy.journal.left)
    except listings.DamagedError:  # each file is looked at then
        return False
    return answer["names"] == sha256_of_names(left["files"])


def guard_request(deploy: Deployment) -> asks.Guard:
    """Return what the build host is asked of the static root."""
    facts = deploy.facts(deploy.build)
    root, written = str(facts["static_root"]), facts["storage"]["folder"]
    return asks.Guard(root=root, written=written, **kept(deploy))


def kept(deploy: Deployment) -> asks.Kept:
    """Return what must not lie in the static root, and what must lie apart from it, as the agent takes it."""
    facts = deploy.facts(deploy.build)
    project = {"the project": deploy.project(deploy.build).path}
    deploy_to = {"deploy_to": str(deploy.build.layout.deploy_to)}
    return {"keep": {**project, **deploy_to, **facts["held"]}, "sources": facts["sources"]}


def _of_settings(
    deploy: Deployment, facts: questions.Settings, *, is_written: bool
) -> Iterator[FabStaticError]:
    where = _settings(deploy)
    if facts["sources_unknown"]:
        yield BuildError(
            f"the finders cannot be asked what they read: {facts['sources_unknown']}",
            where=f"{where}: STATICFILES_FINDERS",
            mend="correct that finder: collectstatic needs it too",
        )
    if not facts["finders"]:
        yield BuildError(
            "STATICFILES_FINDERS is empty, so collectstatic would collect no file",
            where=where,
            mend="name the finders of your files there, or leave the setting out for Django's two",
        )
    storage = facts["storage"]
    if storage["error"]:
        yield BuildError(
            f"the staticfiles storage cannot be made: {storage['error']}",
            where=f'{where}: STORAGES["staticfiles"]',
            mend="correct the setting, or install what it needs: collectstatic needs it too",
        )
    elif storage["class"] and not storage["folder"]:
        yield BuildError(
            f"the staticfiles storage {storage['class']} does not write STATIC_ROOT, so a release would be empty",
            where=f'{where}: STORAGES["staticfiles"], with STATIC_ROOT = {facts["static_root"]}',
            mend="use a storage that writes STATIC_ROOT where files are built; a bucket is filled by "
            "origin.s3 in the inventory",
        )
    elif storage["class"] and not is_written:
        yield BuildError(
            f"the staticfiles storage {storage['class']} writes {storage['folder']}, and not STATIC_ROOT",
            where=f'{where}: STORAGES["staticfiles"], with STATIC_ROOT = {facts["static_root"]}',
            mend="set STATIC_ROOT to that folder, or leave the storage's location out: STATIC_ROOT is its default",
        )


def _of_files(deploy: Deployment, root: str) -> Iterator[FabStaticError]:
    """Yield the refusal of a folder that holds what no build, and no collectstatic, can have left there."""
    answer = deploy.project(deploy.build).ask(questions.UNLISTED)
    names, count, why = answer["tracked"], len(answer["tracked"]), "git tracks"
    unlisted = [
        one
        for one in answer["unlisted"]
        if not (_is_made_by_a_phase(deploy, one) or is_half_written(one))
    ]
    if not names and unlisted:
        head, _ = deploy.build.ask(
            verbs.NOT_OURS, asks.Root(root=root), json.dumps(unlisted).encode()
        )
        names, count = head["others"], head["count"]
        why = "no finder lists and no build has left there"
    if names:
        yield BuildError(
            f"STATIC_ROOT holds {counted(count, 'file')} that {why}, and a build starts by emptying it:\n"
            + lines(names, count),
            where=f"{deploy.build.name}: {root}",
            mend="set STATIC_ROOT to a folder of its own; where these files are left from an earlier build, "
            "move the folder away, and the build makes it again; where a program writes them, make it a phase after "
            "collectstatic: {name: …, run: …, writes: […]}",
        )


def _is_made_by_a_phase(deploy: Deployment, name: str) -> bool:
    """Tell whether a file of the static root lies in what a phase of the project's own makes there again."""
    root = PurePosixPath(static_root_of(deploy.facts(deploy.build)))
    folder = PurePosixPath(deploy.project(deploy.build).path)
    return any(
        root in (folder / path).parents and (root / name).is_relative_to(folder / path)
        for own in deploy.environment.build.own.values()
        for path in own.writes
    )


def command_of_collectstatic(deploy: Deployment) -> str:
    """Return the inventory's command of collectstatic, or the usual one."""
    return deploy.environment.build.command_of("collectstatic")


def of_collectstatic(deploy: Deployment) -> questions.OfCollectstatic:
    """Return what the project is asked of the command that collects."""
    return questions.OfCollectstatic(words=words_of_collectstatic(deploy))


def words_of_collectstatic(deploy: Deployment) -> list[str] | None:
    """Return the words of the command that collects, from which the project tells what it leaves out.

    None stands for a shell line.
    """
    command = command_of_collectstatic(deploy)
    return shlex.split(command)[1:] if command.split(maxsplit=1)[0] == "manage.py" else None


def compare_with_finders(deploy: Deployment) -> Left:
    """Compare what collectstatic left with what the finders list.

    Returns:
        For the journal: `left_out` are the names that it did not collect, which may be meant so.

    Raises:
        BuildError: files are missing that it must have collected.
    """
    answer = deploy.project(deploy.build).ask(questions.COLLECTED, of_collectstatic(deploy))
    _refuse_nothing(deploy, answer)
    if answer["missing"]:
        _refuse_missing(deploy, answer)
    if answer["pointers"]:
        files = counted(len(answer["pointers"]), "file is", "files are")
        deploy.show.warn(
            f"{files} only what git-lfs leaves in place of a file that it has not fetched; run `git lfs pull` "
            f"in the checkout:\n{lines(answer['pointers'])}"
        )
    return {"left_out": answer["missing"]} if answer["missing"] else {}


def _refuse_nothing(deploy: Deployment, answer: questions.Collected) -> None:
    if not answer["listed"] and (answer["is_empty"] or not answer["unjudged"]):
        finders = ", ".join(deploy.facts(deploy.build)["finders"])
        raise BuildError(
            "no finder lists a file, so the release would hold none",
            where=f"{_settings(deploy)}: STATICFILES_FINDERS = {finders}",
            mend="name the folders of your files in STATICFILES_DIRS, or the finder that finds them",
        )


def _refuse_missing(deploy: Deployment, answer: questions.Collected) -> None:
    """Refuse what collectstatic left out; only warn where that may be meant so."""
    facts = deploy.facts(deploy.build)
    if answer["promised"]:
        files = counted(len(answer["promised"]), "file")
        raise BuildError(
            f"the storage gives URLs below STATIC_URL to {files} that it has not stored in STATIC_ROOT:\n"
            f"{lines(answer['promised'])}",
            where=f"{deploy.build.name}: {facts['storage']['class']}, with STATIC_ROOT = {facts['static_root']}",
            mend="let its url() lead to where it stores them, or leave them out of what is collected: "
            "build.commands: {collectstatic: \"manage.py collectstatic --noinput --ignore 'PATTERN'\"}",
        )
    left_out = counted(answer["count"], "file")
    what = f"collectstatic left out {left_out} that the finders list:\n{lines(answer['missing'])}"
    if not answer["unjudged"] or answer["is_empty"]:
        raise BuildError(
            what,
            where=f"{deploy.build.name}: {facts['static_root']}, after {command_of_collectstatic(deploy)}",
            mend="run that command there with -v 2, and see why it does not copy them",
        )
    deploy.show.warn(f"{what}\n({answer['unjudged']}, so that may be meant so)")


def refuse_faulty_sources(deploy: Deployment, failure: BuildError) -> None:
    """Name the sources that collectstatic fails of: in place of its error where that names one, else below it.

    Raises:
        BuildError: in place of the command's own.
    """
    try:
        answer = deploy.project(deploy.build).ask(questions.FAULTS, of_collectstatic(deploy))
    except BuildError:  # what has failed says more
        return
    faults = answer["faults"]
    why = [one for one in faults if any(path in failure.what for path in one["paths"])]
    listed = [one for one in faults if one["is_listed"] and one not in why]
    told = f"sources cannot be collected:\n{lines([one['what'] for one in (*why, *listed)])}"
    if why:
        raise BuildError(
            told,
            where=f"{deploy.build.name}: {deploy.project(deploy.build).path}",
            mend="remove, mend or rename what is named above",
        ) from failure
    if listed and told != failure.what:
        raise BuildError(
            f"{failure.what}\nbesides, {told}", where=failure.where, mend=failure.mend
        ) from failure


def among_sources(deploy: Deployment, written: Sequence[str]) -> list[str]:
    """Return those of a phase's files, by their real paths, that lie in folders that finders read."""
    folders = tuple(f"{one}/" for one in deploy.facts(deploy.build)["real_sources"])
    return [path for path in written if path.startswith(folders)]


def tell_of_written_elsewhere(deploy: Deployment, name: str, written: Sequence[str]) -> None:
    """Warn of what a phase wrote that changed nothing in the static root, where visitors could ask for it.

    Args:
        deploy: of whose build host.
        name: the phase.
        written: files outside the static root, their real paths.
    """
    facts = deploy.facts(deploy.build)
    sources = among_sources(deploy, written)
    elsewhere = [
        path
        for path in written
        if path.startswith(f"{facts['folder']}/")
        and path not in sources
        and is_for_visitors(path.removeprefix(f"{facts['folder']}/"))
    ]
    if elsewhere:
        deploy.show.warn(
            f"{name} changed nothing in STATIC_ROOT, and wrote elsewhere, where no release has it:\n"
            + lines(elsewhere)
        )


def _settings(deploy: Deployment) -> str:
    return f"{deploy.build.name}: settings {deploy.environment.project.settings or 'of manage.py'}"
