"""What a deploy will ask for certain: asked together, in one trip, before the first of it is wanted.

A question to a host takes as long as the line to it. Those below need no answer of each other. Where nothing has
changed they are all that a build asks; where something has, those after it are asked again (remote/foreseen.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.listings import listing_of
from fab_static.phases.run.project_code import project_archive
from fab_static.phases.run.reuse import command_of, versions_files_left
from fab_static.phases.run.revisions import LAST_COMMIT, REVISION, to_ask_git
from fab_static.phases.run.settings import manifest_path
from fab_static.phases.run.static_root import guard_request, of_collectstatic
from fab_static.plan.wire import asks, questions, verbs
from fab_static.remote import Question, RemoteHost
from fab_static.workers import Workers

FIRST = "collectstatic"
BUILDS = ("deploy", "prepare")
BUILDS_OR_RENDERS = {"build", "web"}


@contextmanager
def packing(deploy: Deployment) -> Iterator[None]:
    """Pack what projects' interpreters will be sent, while hosts far away are connected to."""
    variants = {"build" in host.roles for host in deploy.hosts(*BUILDS_OR_RENDERS)}
    with Workers(1, "packing") as workers:
        for builds in variants:
            workers.submit(partial(project_archive, builds=builds))
        yield


def foresee_beginning(deploy: Deployment) -> None:
    """Ask every host what a run begins with: its state, its facts, the project's settings, and its revision."""

    def asked(host: RemoteHost) -> None:
        wanted: list[Question] = [(verbs.STATE, None), (verbs.FACTS, None)]
        if deploy.reuse == "yes" and not deploy.by_itself and BUILDS_OR_RENDERS & {*host.roles}:
            wanted.append(deploy.project(host).to_recall(questions.SETTINGS))
            if host == deploy.build and (deploy.command or "").startswith(BUILDS):
                wanted.append(to_ask_git(deploy, LAST_COMMIT))
        host.foresee(wanted)

    deploy.on(deploy.hosts(), asked)


def foresee_rollback(deploy: Deployment, release: str) -> None:
    """Ask the build host for the seals of a release that is to go live, and of what is live."""
    held = deploy.states[deploy.build]["releases"]
    names = [name for name in (release, deploy.last_live) if name in held]
    deploy.build.foresee(
        (verbs.READ_RELEASE, asks.Release(release=str(name))) for name in dict.fromkeys(names)
    )


def foresee_build(deploy: Deployment) -> None:
    """Ask the build host what a build asks in which no phase need run.

    That is whether the static root may be touched, what each phase left, whether it would read the same, and the
    seals that the new release is compared with.
    """
    if deploy.reuse == "yes" and not deploy.by_itself:
        deploy.build.foresee(_of_build(deploy))


def foresee_seal(deploy: Deployment) -> None:
    """Ask the build host for what a seal needs.

    That is the manifests that the build left, the seals it is compared with, what is asked of the project, and
    whether sources have come since they were collected.
    """
    if deploy.reuse == "yes" and not deploy.by_itself:
        question = of_collectstatic(deploy)
        project = deploy.project(deploy.build)
        wanted = [*_manifests(deploy), *_seals(deploy)]
        wanted.append(project.to_ask(questions.SHADOWED, question))
        wanted.append(project.to_ask(questions.INTEGRITY))
        wanted.append(to_ask_git(deploy, REVISION))
        entry = deploy.journal.phases.get(FIRST)
        if deploy.phases[:1] == (FIRST,) and entry and entry["listing"]:
            left = versions_files_left(deploy, entry)
            wanted.append(project.to_recall_run(command_of(deploy, FIRST), FIRST, left))
        deploy.build.foresee(wanted)


def _manifests(deploy: Deployment) -> Iterator[Question]:
    """Yield the questions for what the last build phase left of the versions file and compress's manifest."""
    facts, listing = deploy.facts(deploy.build), listing_of(deploy, deploy.phases[-1])
    inside = listing["files"].get(manifest_path(facts) or "")
    known = [listing["extra"].get(facts["resource_versions"]), inside]
    known.append(listing["extra"].get(facts["offline_manifest"] or ""))
    for file in filter(None, known):
        yield verbs.READ_OBJECT, asks.Object(object=file[0])


def _seals(deploy: Deployment) -> Iterator[Question]:
    held = deploy.states[deploy.build]["releases"]
    for name in dict.fromkeys((deploy.last_live, deploy.journal.release)):
        if name and name in held and not deploy.seals.knows(name):
            yield verbs.READ_RELEASE, asks.Release(release=name)


def _of_build(deploy: Deployment) -> Iterator[Question]:
    phases, entries = deploy.phases, deploy.journal.phases
    if deploy.static_root is None and deploy.facts(deploy.build)["static_root"]:
        yield verbs.GUARD, guard_request(deploy)
    known = [entries[name] for name in phases if name in entries]
    listings = [entry["listing"] for entry in known] + [entry["base"] for entry in known]
    names = list(dict.fromkeys(filter(None, listings)))
    for at, name in enumerate(names):  # each is nearly as the one before
        like = asks.Object(object=name, like=names[at - 1]) if at else asks.Object(object=name)
        yield verbs.READ_OBJECT, like
    project, own = deploy.project(deploy.build), deploy.environment.build.own
    for name in phases[1:]:  # the first is asked with what stands in a listing
        if name in entries and entries[name].get("record") and name not in own:
            yield project.to_recall_run(command_of(deploy, name), name)
