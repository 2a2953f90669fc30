"""What a deploy will ask for certain: asked together, in one trip, before the first of it is wanted.

A question to a host takes as long as the line to it. Those below need no answer of each other. Where nothing has
changed they are all that a build asks; where something has, those after it are asked again (remote/foreseen.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from fab_static.phases.run import listings
from fab_static.phases.run.carried_answers import to_take
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.project_code import project_archive
from fab_static.phases.run.reuse import command_of, is_known_what_is_left, versions_files_left
from fab_static.phases.run.revisions import LAST_COMMIT, REVISION, to_ask_git
from fab_static.phases.run.settings import manifest_path
from fab_static.phases.run.signing import host_with_signers
from fab_static.phases.run.static_root import guard_request, of_collectstatic
from fab_static.plan.wire import asks, questions, verbs
from fab_static.plan.wire.kept import Listing
from fab_static.remote import Question, RemoteHost
from fab_static.workers import Workers

FIRST = "collectstatic"
BUILDS = ("deploy", "prepare")
BUILDS_OR_RENDERS = {"build", "web"}


@contextmanager
def packing(deploy: Deployment) -> Iterator[None]:
    """Pack what projects' interpreters will be sent, while hosts far away are connected to."""
    far = (host for host in deploy.hosts(*BUILDS_OR_RENDERS) if not host.is_here)
    variants = {"build" in host.roles for host in far}
    with Workers(1, "packing") as workers:
        for builds in variants:
            workers.submit(partial(project_archive, builds=builds))
        yield


def foresee_beginning(deploy: Deployment) -> None:
    """Ask every host what a run begins with: its state, its facts, the project's settings, and its revision."""
    of_signers = host_with_signers(deploy) if (deploy.command or "").startswith("deploy") else None

    def asked(host: RemoteHost) -> None:
        wanted: list[Question] = [(verbs.STATE, None), (verbs.FACTS, None)]
        if deploy.reuse == "yes" and not deploy.by_itself and BUILDS_OR_RENDERS & {*host.roles}:
            wanted.append(deploy.project(host).to_recall(questions.SETTINGS))
            if host == deploy.build and (deploy.command or "").startswith(BUILDS):
                wanted.append(to_ask_git(deploy, LAST_COMMIT))
        if host == of_signers:
            wanted.append((verbs.SIGNERS, None))
        host.forget_foreseen()  # of an earlier run: somebody may have changed the checkout since
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

    That is the manifests that the build left, the live seal, what is asked of the project, and whether sources have come
    since they were collected.
    """
    if deploy.reuse == "yes" and not deploy.by_itself:
        listing = deploy.journal.phases[deploy.phases[-1]]["listing"]
        deploy.build.foresee(_of_seal(deploy, str(listing)))


def of_next_seal(deploy: Deployment, listing: str) -> Sequence[Question]:
    """Return what the seal will ask, where it follows the phase that left this listing: both take one trip then."""
    if deploy.by_itself or deploy.to_come[:1] != ("seal",):
        return ()
    return [*_of_seal(deploy, listing)]


def _of_seal(deploy: Deployment, listing: str) -> Iterator[Question]:
    project = deploy.project(deploy.build)
    yield from _manifests(deploy, listings.read(deploy, listing))
    yield from _live_seal(deploy)
    of_shadowed = of_collectstatic(deploy)
    # each after what may answer it: who is asked sets the project up
    yield from to_take(deploy, (questions.SHADOWED, of_shadowed))
    yield project.to_ask(questions.SHADOWED, of_shadowed)
    yield from to_take(deploy, (questions.INTEGRITY, {}))
    yield project.to_ask(questions.INTEGRITY)
    entry = deploy.journal.phases.get(FIRST)
    if deploy.phases[:1] == (FIRST,) and entry and entry["listing"]:
        left = versions_files_left(deploy, entry, listing)
        yield project.to_recall_run(command_of(deploy, FIRST), FIRST, left)
    # last: it fails where git keeps no checkout, and what follows it in a chain would not be asked
    yield to_ask_git(deploy, REVISION)


def _manifests(deploy: Deployment, listing: Listing) -> Iterator[Question]:
    """Yield the questions for what the last build phase left of the versions file and compress's manifest."""
    facts = deploy.facts(deploy.build)
    inside = listing["files"].get(manifest_path(facts) or "")
    known = [listing["extra"].get(facts["resource_versions"]), inside]
    known.append(listing["extra"].get(facts["offline_manifest"] or ""))
    for file in filter(None, known):
        yield verbs.READ_OBJECT, asks.Object(object=file[0])


def _live_seal(deploy: Deployment) -> Iterator[Question]:
    name = deploy.last_live
    if name in deploy.states[deploy.build]["releases"] and not deploy.seals.knows(name):
        yield verbs.READ_RELEASE, asks.Release(release=str(name))


def _of_build(deploy: Deployment) -> Iterator[Question]:
    phases, entries = deploy.phases, deploy.journal.phases
    if deploy.static_root is None and deploy.facts(deploy.build)["static_root"]:
        yield verbs.GUARD, guard_request(deploy)
    known = [entries[name] for name in phases if name in entries]
    left = [entry["listing"] for entry in known] + [entry["base"] for entry in known]
    names = list(dict.fromkeys(filter(None, left)))
    for at, name in enumerate(names):  # each is nearly as the one before
        like = asks.Object(object=name, like=names[at - 1]) if at else asks.Object(object=name)
        yield verbs.READ_OBJECT, like
    project, own = deploy.project(deploy.build), deploy.environment.build.own
    first = entries.get(FIRST) if phases[:1] == (FIRST,) else None
    if first and first["listing"] and first.get("record") and is_known_what_is_left(deploy, first):
        met = versions_files_left(deploy, first)
        yield project.to_recall_run(command_of(deploy, FIRST), FIRST, met)
    for name in phases[1:]:
        if name in entries and entries[name].get("record") and name not in own:
            yield project.to_recall_run(command_of(deploy, name), name)
