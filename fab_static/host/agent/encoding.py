"""Makes the precompressed copies of a release: at the seal, and ahead of it, while the phases of a build run.

The operator names objects as soon as a phase has left them. Threads with little priority make their copies. The seal
takes what is made by then, and makes the rest. A copy depends on the bytes of its object alone, so no copy can be out
of date.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque

from fab_static.host.agent.claims import claim
from fab_static.host.agent.copies import (
    NAMES,
    PROGRAMS,
    encoded,
    encodings_of,
    reads_back,
    refuse_no_program,
)
from fab_static.host.agent.disk import is_program
from fab_static.host.agent.names import ENDING, OBJECT, checked
from fab_static.host.agent.objects import has_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Deque, Tuple

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Copy, Host, Wanted
    from fab_static.host.agent.wire import Agent

    Fresh = Deque[Tuple[Wanted, Future[Copy]]]  # whose copies nobody makes yet

NICER = 5  # than the phases that run meanwhile: they get three times as much of a busy processor


def encode(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make precompressed copies of objects. Body: {SHA-256: [ending]}.

    Answers {SHA-256: {ending: [SHA-256, size], or null where it saves too little}}. A copy that a
    release here has is taken over: so an object has one copy as long as any release names it. Another zlib
    would make other bytes. Copies that `encode_ahead` has made are taken over as well.
    """
    from concurrent.futures import ThreadPoolExecutor

    host = agent.host
    claim(host)
    wanted = wanted_of(body)
    for encoding in sorted({NAMES[ending] for _sha256, ending in wanted} & PROGRAMS.keys()):
        refuse_no_program(encoding)
    known = encodings_of(host)
    made: dict[str, Head] = {sha256: {} for sha256, _ending in wanted}
    for one in wanted:
        brought = host.brought.pop(one, None)
        if brought and has_object(host, *brought):
            made[one[0]][one[1]] = brought
    wanted = [(sha256, ending) for sha256, ending in wanted if ending not in made[sha256]]
    begun = {one: found for one in wanted if (found := begun_of(host, one))}
    # zlib and hashes let other threads run
    with ThreadPoolExecutor(os.cpu_count() or 1) as workers:

        def submit(one: Wanted) -> Future[Copy]:
            return workers.submit(encoded, host, *one, known.get(one))

        work = {one: submit(one) for one in wanted if one not in begun}
        for one in wanted:
            done = begun.get(one)
            if done is None:
                done = work[one]
            elif not is_whole(host, done):
                done = submit(one)
            made[one[0]][one[1]] = done.result()
    return {}, json.dumps(made).encode()


def encode_ahead(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Begin to make copies of objects; answer at once. Body: {SHA-256: [ending]}."""
    from concurrent.futures import Future  # late: only a build needs it

    host = agent.host
    claim(host)
    fresh: Fresh = deque()
    for one in wanted_of(body):
        program = PROGRAMS.get(NAMES[one[1]])
        is_possible = program is None or is_program(program[0])
        if is_possible and one not in host.begun and one not in host.brought:
            host.begun[one] = Future()
            fresh.append((one, host.begun[one]))
    # one core stays with the phase that runs
    for _ in range(min(len(fresh), max(1, (os.cpu_count() or 1) - 1))):
        threading.Thread(target=_work, args=(host, fresh), daemon=True).start()
    return {}, b""


def take_copies(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Take precompressed copies over that another machine made. Body: [[SHA-256, ending, copy's SHA-256, size]].

    Each is read back first: `encode` gets those that hold just the bytes of their object, which is here. A copy that
    a release here has stays the object's only one.
    """
    host = agent.host
    claim(host)
    known = encodings_of(host)
    for sha256, ending, copy, size in json.loads(body.decode("utf-8")):
        one = checked(OBJECT, sha256, "object"), checked(ENDING, ending, "ending")
        is_here = one not in known and has_object(host, checked(OBJECT, copy, "object"), size)
        if is_here and reads_back(host, copy, *one):
            host.brought[one] = copy, size
    return {}, b""


def wanted_of(body: bytes) -> list[Wanted]:
    """Return which copies a request names."""
    return [
        (checked(OBJECT, sha256, "object"), checked(ENDING, ending, "ending"))
        for sha256, endings in json.loads(body.decode("utf-8")).items()
        for ending in endings
    ]


def begun_of(host: Host, one: Wanted) -> Future[Copy] | None:
    """Take over what was begun of a copy, or None if nobody has begun it."""
    future = host.begun.pop(one, None)
    return None if future is None or future.cancel() else future


def is_whole(host: Host, done: Future[Copy]) -> bool:
    """Tell whether a copy was made, and is there still. Whoever makes it again tells what went wrong."""
    if done.exception() is not None:
        return False
    copy = done.result()
    return copy is None or has_object(host, *copy)


def _work(host: Host, fresh: Fresh) -> None:
    # Linux: the priority of this thread alone, setpriority(2)
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICER)
    known = encodings_of(host)
    while fresh:
        try:
            one, future = fresh.popleft()
        except IndexError:  # another thread was quicker
            return
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(encoded(host, *one, known.get(one)))
        except BaseException as error:
            future.set_exception(error)
