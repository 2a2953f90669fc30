"""Two CI runners that deploy two changes at once: one wins, the other changes nothing, and nothing is half-live.

In every other race both find the lock free, and ask for it in step. In the others the second one comes when the first has
made so many requests, and the first goes on when the second has ended.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from chaos.operator import Task
from chaos.runners import LOCKED, RUN_SECONDS, STATIC, Course, Runners, may_be_a_beat
from fab_static.plan.bucket_lock import LOCK
from fab_static.plan.publication import MANIFEST
from tests.strict_s3 import Stored

IN_STEP = 6  # requests of both for the lock: each looks and asks for it; one makes sure, and one sees who has it


def race(runners: Runners, number: int) -> Course:
    """Let two runners deploy at once; return how it went."""
    marks = [f"race {number}, {which}" for which in ("first", "second")]
    if number % 2:
        course = Course(f"race {number}", "two at the lock")
        winner = _at_the_lock(runners, course, marks)
    else:
        at = random.Random(number).randrange(1, runners.requests)  # noqa: S311 - no secret
        course = Course(f"race {number}", f"a second one at request {at}")
        winner = _at_a_request(runners, course, marks, at)
    store = runners.store
    if winner is None:
        course.violations.append(f"one of two must win: they ended with {course.codes}")
    elif marks[winner] not in store.body(STATIC + "logo.svg").decode():
        course.violations.append(f"what is live is not of {marks[winner]}")
    elif LOCKED in course.codes:
        loser = marks[course.codes.index(LOCKED)]
        course.violations += [
            f"{key} is of {loser}, who was told to wait"
            for key, there in store.all().items()
            if loser.encode() in there.body
        ]
    course.violations += runners.problems()
    return course


def half_live(objects: Mapping[str, Stored]) -> Iterator[str]:
    """Yield what a bucket has no bytes of, or other ones, though its manifest says that visitors get them."""
    manifest = json.loads(objects[STATIC + MANIFEST].body)
    for key, (sha256, *_) in manifest["files"].items():
        there = objects.get(STATIC + key)
        held = there and hashlib.sha256(there.body).hexdigest()
        if sha256 not in (None, held):  # None: a flip is about to write it
            yield f"{key} is {'another' if held else 'missing'} while {manifest['release']} is live"


def _at_the_lock(runners: Runners, course: Course, marks: list[str]) -> int | None:
    """Let both ask for the lock in step, until one has it and the other knows; return who won."""
    both, asked = threading.Barrier(2), itertools.count()

    def meet(method: str, key: str) -> None:
        del method
        if key.endswith(LOCK) and next(asked) < IN_STEP:
            both.wait(RUN_SECONDS)

    with _watched(runners, course, meet):
        tasks = [_changed(runners, mark) for mark in marks]
        course.add(*(task.ended(RUN_SECONDS) for task in tasks))
    return course.codes.index(0) if sorted(course.codes) == [0, LOCKED] else None


def _at_a_request(runners: Runners, course: Course, marks: list[str], at: int) -> int | None:
    """Let the second one come at a request of the first, which waits; return whose change must be live."""
    asked, comes, is_over = itertools.count(1), threading.Event(), threading.Event()

    def stop(method: str, key: str) -> None:
        if not may_be_a_beat(method, key) and next(asked) == at:
            comes.set()
            is_over.wait(RUN_SECONDS)

    with _watched(runners, course, stop), ThreadPoolExecutor(1) as waiting:
        unlocked = runners.store.all()[STATIC + LOCK]
        first = waiting.submit(_changed(runners, marks[0]).ended, RUN_SECONDS)
        first.add_done_callback(lambda _: comes.set())  # it made fewer requests
        comes.wait()
        lock = runners.store.all()[STATIC + LOCK]
        second = _changed(runners, marks[1]).ended(RUN_SECONDS)
        is_over.set()
        course.add(first.result(), second)
    is_free = json.loads(lock.body)["released"]
    came_after = is_free and lock != unlocked
    return int(came_after) if course.codes == [0, 0 if is_free else LOCKED] else None


@contextmanager
def _watched(
    runners: Runners, course: Course, before: Callable[[str, str], None]
) -> Iterator[None]:
    """See before each request that nothing is half-live."""
    seen: set[str] = set()

    def look(method: str, key: str) -> None:
        seen.update(half_live(runners.store.all()))
        before(method, key)

    runners.store.before = look
    try:
        yield
    finally:
        runners.store.before = lambda *_: None
        course.violations += sorted(seen)


def _changed(runners: Runners, mark: str) -> Task:
    runners.change(mark)
    return runners.start("deploy")
