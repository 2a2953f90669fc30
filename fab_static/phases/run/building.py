"""How every build phase runs: on the state that the phase before it left, and keeping the state it leaves.

The static root is the project's own. After each phase its state is kept as objects. So a phase can be rerun
by hand, or resumed after a failure, on exactly what it would have met in a whole build: neither r.js nor a
LESS fix that is not idempotent ever works on its own output.

For the same reason a phase need not run at all when nothing that it read has changed, here or elsewhere
(host/project/reads). What it leaves is known, or what it did to that state is done to this one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from fab_static.errors import BuildError
from fab_static.phases.run import listings, writes
from fab_static.phases.run.audit import refuse_unusable_names
from fab_static.phases.run.carried import known_elsewhere, leave
from fab_static.phases.run.carried_copies import bring_copies
from fab_static.phases.run.compiling_ahead import to_compile_ahead
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.foreseeing import foresee_build, of_next_seal
from fab_static.phases.run.journal import left_by
from fab_static.phases.run.reuse import Known, command_of, refuse_another, what_is_known
from fab_static.phases.run.settings import beside_root, static_root_of
from fab_static.phases.run.static_root import (
    among_sources,
    kept,
    refuse_unsafe,
    tell_of_written_elsewhere,
)
from fab_static.plan.build_order import BUILD_PHASES, before, command_missing, is_of_sources
from fab_static.plan.precompressed import to_encode_ahead
from fab_static.plan.spelling import task_name
from fab_static.plan.wire import answers, asks, verbs
from fab_static.plan.wire.kept import Kept, Left
from fab_static.plan.wire.verbs import Verb
from fab_static.plan.wording import left_out
from fab_static.remote import Question, Ran

SHOWN = 20  # paths named in one message
WARNING = "warning: "  # begins a line of our commands that the operator should read


def build_phase(
    deploy: Deployment,
    name: str,
    *,
    check: Callable[[], Left] = Left,
    compare: Callable[[], Left] = Left,
    will_ask: Callable[[], Sequence[Question]] = tuple,
) -> None:
    """Run one build phase on the build host, and keep the static root's state after it.

    Args:
        deploy: what to work on.
        name: the phase.
        check: looks at the result before it counts; raises BuildError. What it returns is kept in the journal.
        compare: looks at what a run has left; raises BuildError. What is used again was looked at then. What it
            returns is kept in the journal as well.
        will_ask: returns what both will ask the project, as `ProjectOnHost.to_ask` does; the trip that ends the phase
            asks it.

    Raises:
        BuildError: the command is missing, failed, or its result does not hold.
    """
    if deploy.static_root is None:
        foresee_build(deploy)
    refuse_unsafe(deploy)
    configured, order = deploy.phases, deploy.order
    _commands_exist(deploy, name)
    then = will_ask if deploy.reuse != "no" and not deploy.by_itself else tuple
    started = time.monotonic()
    base = deploy.journal.base_of(name, configured, order)
    earlier = before(name, configured, order)
    if base is None and (earlier or name not in configured):
        raise _base_missing(deploy, name, (*earlier, *configured)[0])
    known = Known(None)
    if deploy.reuse != "no" and not deploy.by_itself:
        known = what_is_known(deploy, name, base)
        if not known.entry:
            known = known_elsewhere(deploy, name, base) or known
    is_reused = known.entry is not None and deploy.reuse == "yes"
    if deploy.static_root:
        writes_there = not is_reused and not is_of_sources(name, order)
        deploy.journal.fills(deploy.static_root, writes=writes_there)
    if known.entry and is_reused:
        wrote = known.entry.get("wrote")
        if name == configured[-1] or wrote:
            with writes.manifests_as_files(deploy):
                if wrote:
                    writes.put_back(deploy, wrote)
                if name == configured[-1]:
                    _restore(deploy, known.listing, [*then(), *of_next_seal(deploy, known.listing)])
                    deploy.journal.is_whole = True
                    check()
        deploy.show.say("reused: nothing that it reads has changed")
        left = left_by(known.entry)
        left["reused"] = True
        left["base"] = deploy.journal.phases[base]["listing"] if base else None
        left["listing"] = known.listing or None
    else:
        if known.why and name in deploy.journal.phases:
            deploy.show.say(f"runs: {known.why}")
        deploy.carrying.has_run = True
        left = _run(deploy, name, base, check, compare, then)
        if known.entry and (known.listing or left.get("wrote")):
            refuse_another(deploy, name, known, left)
            left["listing"] = known.listing or None  # for the next phase to be compared as well
        if left["listing"]:
            deploy.journal.is_whole = True
    deploy.journal.done(
        name,
        at=time.time(),
        seconds=round(time.monotonic() - started, 3),
        by=deploy.operator,
        **left,
    )
    if name == configured[-1]:
        leave(deploy)


def _base_missing(deploy: Deployment, name: str, first: str) -> BuildError:
    """Return the refusal of a phase by hand: the first that fills the static root has not run, or is stale."""
    ran = deploy.journal.ran
    sources = [one for one in deploy.phases if is_of_sources(one, deploy.order)]
    since = [one for one in sources if ran.get(one, 0) > ran.get(first, 0)]
    if first in ran and since:
        why, words = f"{since[-1]} ran after it", [first, name]
    else:
        why, words = "that never ran", [*sources, first, name]
    called = " ".join(map(task_name, words))
    return BuildError(
        f"{name} works on what {first} leaves, and {why}",
        where=f"{deploy.build.name}: {static_root_of(deploy.facts(deploy.build))}",
        mend=f"run it first: fab {deploy.environment.name} {called}",
        instead=called,
    )


def _run(
    deploy: Deployment,
    name: str,
    base: str | None,
    check: Callable[[], Left],
    compare: Callable[[], Left],
    then: Callable[[], Sequence[Question]],
) -> Left:
    """Run a phase's command; return what the journal keeps of it."""
    facts = deploy.facts(deploy.build)
    own = deploy.environment.build.own.get(name)
    deploy.set_up_web_hosts()
    of_sources = is_of_sources(name, deploy.order)
    worked_on = deploy.journal.phases[base]["listing"] if base else None
    beside = beside_root(facts, deploy.bundler_manifests(deploy.build))
    inside = [] if of_sources else [static_root_of(facts)]
    # Django's manifest is collectstatic's own; the other phases read it as any input
    inside += [path for path in beside if base and path != facts["staticfiles_manifest"]]
    known, collect = worked_on, None
    with writes.manifests_as_files(deploy):
        writes.put_back_of_earlier(deploy, name)
        first: list[Question] = []
        if worked_on is not None:
            first += [_to_restore(deploy, worked_on), *to_compile_ahead(deploy, name, worked_on)]
        elif name == "collectstatic":
            known, to_empty, collect = _begin_anew(deploy)
            first.append(to_empty)
        if own:
            with listings.needed(deploy, known):
                for verb, request, *_ in first:
                    deploy.build.ask(verb, request)
            first = []
            writes.refuse_leading_out(deploy, own)
        snapshot = asks.Snapshot(before=known, root=static_root_of(facts), extra=beside)
        with listings.needed(deploy, known):
            ran = deploy.project(deploy.build).run(
                command_of(deploy, name),
                lambda data: deploy.show.output(deploy.build.name, data),
                name=name,
                inside=inside,
                builds=[*beside, *writes.made_by_builds(deploy)],
                collect=collect,
                own=own,
                before=first,
                after=[*(() if of_sources else [(verbs.SNAPSHOT, snapshot)]), *then()],
            )
        _pass_on_warnings(deploy, ran)
        left = None if of_sources else _kept_as_it_is(deploy, snapshot)
        found = check()
        # first: finders and storages may spell such a name in two ways
        if left and name == "collectstatic":
            files = listings.read(deploy, left["listing"])["files"]
            refuse_unusable_names(deploy, files)
            _encode_ahead(deploy, files)
        found = {**found, **compare()}
        if own:
            found = {**found, "is_own": True, "wrote": writes.keep(deploy, own)}
    if worked_on and left and left["listing"] == worked_on:
        tell_of_written_elsewhere(deploy, name, ran.written)
    late = [] if of_sources or not worked_on else among_sources(deploy, ran.written)
    written = [path for path in facts["versions_files"] if left and left["extra"].get(path)]
    if written and facts["resource_versions"] not in written:
        deploy.forget_facts(deploy.build)  # it has the name that the project's own command gave it
    noted: Left = {
        "listing": left["listing"] if left else None,
        "base": worked_on,
        "record": ran.token,
    }
    if ran.unseen:
        noted["unseen"] = ran.unseen
    if late:
        noted["wrote_sources"] = late
    return {**noted, **found}


def _kept_as_it_is(deploy: Deployment, snapshot: asks.Snapshot) -> answers.Snapshot:
    """Have the static root kept; what its listing says is known then."""
    left, told = deploy.build.ask(verbs.SNAPSHOT, snapshot)
    listings.learn(deploy, left["listing"], snapshot.get("before"), told)
    return left


def _encode_ahead(deploy: Deployment, files: Mapping[str, Kept]) -> None:
    """Have the build host compress what will be sealed, while the other phases run."""
    wanted = to_encode_ahead(files, deploy.environment.build.precompress)
    if wanted and not deploy.by_itself:
        bring_copies(deploy, wanted)
        deploy.build.later(verbs.ENCODE_AHEAD, json.dumps(wanted).encode())


def _pass_on_warnings(deploy: Deployment, ran: Ran) -> None:
    """Tell the operator what a management command warned of; the rest of what it printed is in the log."""
    lines = [line for line in ran.output.splitlines() if line.startswith(WARNING)]
    for line in lines[:SHOWN]:
        deploy.show.warn(line.removeprefix(WARNING))
    for line in left_out(len(lines) - SHOWN):
        deploy.show.warn(f"{line} warnings, in the log")


def all_stale(deploy: Deployment) -> tuple[str, ...]:
    """Return what must run before what was built can go live: what `deploy --resume` runs of the build."""
    return (*deploy.journal.stale(deploy.phases, deploy.order), "seal")


def _commands_exist(deploy: Deployment, name: str) -> None:
    """Refuse a command that the project lacks: this phase's, and those of phases that follow in this run."""
    commands = deploy.facts(deploy.build)["commands"]
    for phase in (name, *_foreseen_after(deploy, name)):
        words = command_of(deploy, phase).split()
        if words[0] == "manage.py" and words[1] not in commands:
            inventory = f"inventories/{deploy.environment.name}.yml"
            what, mend = command_missing(words[1], phase, inventory)
            raise BuildError(what, where=f"{deploy.build.name}: phase {phase}", mend=mend)


def _foreseen_after(deploy: Deployment, name: str) -> Iterator[str]:
    """Yield the phases after this one, up to one of the project's own, which may install what others need."""
    if deploy.by_itself or name not in BUILD_PHASES:
        return
    for phase in deploy.order[deploy.order.index(name) + 1 :]:
        if phase not in BUILD_PHASES:
            return
        if phase in deploy.phases:
            yield phase


def _begin_anew(deploy: Deployment) -> tuple[str | None, Question, asks.Collect]:
    """Return how the static root is emptied, or made what collectstatic left there; and what collectstatic is told.

    The first of three is the listing of what it left, where it is used.

    A warm collectstatic trusts file times, and keeps what was removed. host/project/collecting.py does not; where it
    cannot do the work, it empties the root itself.
    """
    root = static_root_of(deploy.facts(deploy.build))
    entry = deploy.journal.phases.get("collectstatic")
    is_recorded = deploy.project(deploy.build).is_recorded(command_of(deploy, "collectstatic"))
    listing = onto = None
    if entry and deploy.reuse == "yes" and not deploy.by_itself and is_recorded:
        onto = entry.get("record") or None
        listing = entry["listing"] if onto else None
    request = asks.Empty(root=root, listing=listing, **kept(deploy))
    return listing, (verbs.EMPTY, request), {"root": root, "onto": onto}


def _restore(deploy: Deployment, listing: str, then: Sequence[Question]) -> None:
    """Make the static root what a listing says; what is asked of it then goes along."""
    verb, request = _to_restore(deploy, listing)
    with listings.needed(deploy, listing):
        deploy.build.ask_then(verb, request, then)


def _to_restore(
    deploy: Deployment, listing: str
) -> tuple[Verb[asks.Restore, answers.Changed], asks.Restore]:
    """Return how the static root is made what a listing says."""
    root = static_root_of(deploy.facts(deploy.build))
    return verbs.RESTORE, asks.Restore(listing=listing, root=root)
