"""The project's answers in the cache that travels: what it would say here, since it said so of the same elsewhere.

A build asks the project for its settings, for what its pages find in the manifest, and for what its templates promise.
To answer, the project must be set up, which may take longer than all else of a build in which no phase runs. So an
answer travels with the record of all that was read for it, and is given where all of that is the same: by the same
proof as a phase's result (host/project/reads/portable).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from fab_static.errors import FabStaticError
from fab_static.phases.run.carried import leaving, newest, tell
from fab_static.phases.run.carried_objects import bucket_of
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.project_code import PROBE
from fab_static.phases.run.settings import static_root_of
from fab_static.plan import carried
from fab_static.plan import carried_answers as plan
from fab_static.plan.carried_answers import Answers, Candidate
from fab_static.plan.names import sha256_of_names
from fab_static.plan.wire import answers, asks, questions, verbs
from fab_static.remote import Question as HostQuestion

FOLDER = "answers/"
Request = Mapping[str, object]
Asked = tuple[questions.Question[Any, Any], Request]
SETTINGS: Asked = (questions.SETTINGS, {})


def known_settings(deploy: Deployment) -> questions.Settings | None:
    """Return what the project on the build host would say of its settings, where it need not be asked; else None.

    Another machine's answer is taken where nothing was built yet. A build that verifies the cache has it taken, and asks
    the project anyway: it compares the two.
    """
    project = deploy.project(deploy.build)
    known = project.recall_answer(questions.SETTINGS, questions.Nothing())
    has_built = not deploy.journal.phases.keys().isdisjoint(deploy.environment.build.phases)
    if known or has_built or not _takes(deploy):
        return known
    try:
        taken = _take_settings(deploy)
    except FabStaticError as error:
        tell(deploy, f"the settings are not taken from the cache: {error.what}")
        return None
    return project.recall_answer(questions.SETTINGS, questions.Nothing()) if taken else None


def _take_settings(deploy: Deployment) -> bool:
    """Have the build host take another machine's settings; tell whether it did.

    They say which folder a build empties, and which files it writes: that is judged before they count.
    """
    root = deploy.project(deploy.build).path  # STATIC_ROOT is not known yet
    candidates = _candidates(deploy, SETTINGS)
    head = _unpacked(deploy, SETTINGS, candidates, root, keep=False)
    deploy.carrying.places = head["places"]
    if not 0 <= head["chosen"] < len(candidates):
        if head["why"]:
            deploy.show.say(f"the settings are not in the cache: {head['why']}")
        return False
    candidate = candidates[head["chosen"]]
    why = _fault_of(deploy, candidate)
    if why:
        tell(deploy, f"the settings are not taken from the cache: {why}")
        return False
    return _unpacked(deploy, SETTINGS, [candidate], root, keep=True)["chosen"] == 0


def _fault_of(deploy: Deployment, candidate: Candidate) -> str | None:
    """Return why settings of another machine must not count here, or None if they may."""
    settings = plan.settings_in(candidate["record"], deploy.carrying.places)
    if settings is None:
        return "what they say cannot be read here"
    why = plan.fault(settings, deploy.project(deploy.build).path)
    if why:
        return why
    guard = asks.Guard(root=static_root_of(settings), written=None, keep={}, sources={})
    there, _ = deploy.build.ask(verbs.GUARD, guard)
    is_ours = there["names"] == sha256_of_names([]) or deploy.journal.static_root == there["root"]
    return None if is_ours else f"{there['root']} holds files, and no build of ours has left them"


def to_take(deploy: Deployment, asked: Asked) -> list[HostQuestion]:
    """Return how the build host is asked to take another machine's answer, before it is asked itself; [] for no such.

    Only in a build that took all from the cache so far, or that verifies it: where a phase ran, the project is set up
    anyway.
    """
    has_run = deploy.carrying.has_run and deploy.reuse != "verify"
    if deploy.carrying.builds is None or has_run or not _takes(deploy):
        return []
    candidates = _candidates(deploy, asked)
    if not candidates:
        return []
    root = static_root_of(deploy.facts(deploy.build))
    return [_to_unpack(deploy, asked, candidates, root, keep=True)]


def take_answers(deploy: Deployment, *asked: Asked) -> None:
    """Have the build host take another machine's answers, where they hold there; nobody waits for it."""
    for one in asked:
        for verb, request, *body in to_take(deploy, one):
            deploy.build.later(verb, body[0], request)


def leave_answers(deploy: Deployment, asked: Iterable[Asked]) -> None:
    """Leave in the cache what the project has answered, where a phase of this build ran."""
    if deploy.environment.cache is None or deploy.by_itself or not deploy.carrying.has_run:
        return
    with leaving(deploy):
        _leave(deploy, {deploy.project(deploy.build).record_of(*one): one for one in asked})


def _leave(deploy: Deployment, asked: Mapping[str, Asked]) -> None:
    here = deploy.project(deploy.build).here(static_root_of(deploy.facts(deploy.build)))
    head, body = deploy.build.ask(
        verbs.PACK, here, json.dumps({name: [] for name in asked}).encode()
    )
    packed, places = json.loads(body), head["places"]
    for name, why in head["why"].items():
        question, _ = asked[name]
        deploy.show.say(f"the answer of {question.name} stays out of the cache: {why}")
    found: Answers = {
        "format": carried.FORMAT,
        "given": head["given"],
        "places": places,
        "answers": [
            {
                "question": asked[name][0].name,
                "request": plan.asked(asked[name][1], places),
                "record": record,
            }
            for name, record in packed.items()
        ],
    }
    if found["answers"]:
        data = carried.written(found)
        name = f"{FOLDER}{_key(deploy)}/{carried.name_of(data, time.time())}"
        bucket_of(deploy).put(name, data, headers=carried.HEADERS)


def _takes(deploy: Deployment) -> bool:
    return bool(
        deploy.environment.cache and deploy.lock and deploy.reuse != "no" and not deploy.by_itself
    )


def _candidates(deploy: Deployment, asked: Asked) -> list[Candidate]:
    """Return what machines have answered to a question; the cache is asked once."""
    carrying = deploy.carrying
    if carrying.answers is None:
        carrying.answers = []  # what fails now is not tried again
        carrying.answers = newest(deploy, f"{FOLDER}{_key(deploy)}/", plan.read)
    question, request = asked
    wanted = question.name, plan.asked(request, carrying.places)
    return [
        Candidate(record=one["record"], given=of_one["given"], places={}, there=of_one["places"])
        for of_one in carrying.answers
        for one in of_one["answers"]
        if (one["question"], one["request"]) == wanted
    ]


def _key(deploy: Deployment) -> str:
    return carried.key_of({"answers": deploy.project(deploy.build).what(PROBE)})


def _to_unpack(
    deploy: Deployment, asked: Asked, candidates: list[Candidate], root: str, *, keep: bool
) -> tuple[verbs.Verb[asks.Unpack, answers.Unpacked], asks.Unpack, bytes]:
    project = deploy.project(deploy.build)
    name, what, here = project.record_of(*asked), project.what(PROBE), project.here(root)
    request = asks.Unpack(name=name, what=what, keep=keep, **here)
    return verbs.UNPACK, request, json.dumps(candidates).encode()


def _unpacked(
    deploy: Deployment, asked: Asked, candidates: list[Candidate], root: str, *, keep: bool
) -> answers.Unpacked:
    return deploy.build.ask(*_to_unpack(deploy, asked, candidates, root, keep=keep))[0]
