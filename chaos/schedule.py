"""Decides what a seed does: a change, an action, one or two faults, each at a chosen moment.

Moments are chosen among the requests that an undisturbed run makes, by the hash of seed and request:
a request more or less in another version of the program moves few choices.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from demo.fleet import HOSTS

WEB = ("web1", "web2")
Request = tuple[str, str, int]  # verb, host, the how many-th to that host
FLIPPING = ("flip", "confirm", "http")  # half of all moments are among these, and the reloads
CTRL_C = ("press Ctrl-C", "press Ctrl-C twice")
KINDS = {  # with their weights
    "kill the operator": 9,
    "interrupt the operator": 2,
    "kill the agents": 3,
    "stop sshd": 4,
    "cut the connections": 3,
    "stall the connections": 2,
    "fill the disk": 4,
    "reload fails": 2,
    "check never answers": 2,
    "corrupt an object": 2,
    "AWS errs": 3,
    "lose power": 3,
    "turn the clock": 2,
    "turn the operator's clock": 2,
    "press Ctrl-C": 3,
    "press Ctrl-C twice": 3,
}
OF_THE_OPERATOR = (*(kind for kind in KINDS if "operator" in kind), *CTRL_C)
HOURS = {"ahead": 2.0, "back": -2.0}  # and so an hour more than any time-out
# what a seed's first fault is, seed by seed: each kind soon, and in the long run by its weight
DECK = [*KINDS, *(kind for kind, weight in KINDS.items() for _ in range(weight - 1))]
ACTIONS = {"deploy": 6, "rollback": 3, "prepare, activate": 2, "two at once": 2}


@dataclass(frozen=True)
class Moment:
    """A stage of one request of one task: before it is sent, sent, or answered."""

    task: str
    stage: str
    verb: str
    host: str
    nth: int

    def __str__(self) -> str:
        """Return it in words."""
        stage = {"before": "before", "sent": "when it has sent", "answered": "at the answer to"}
        return f"{stage[self.stage]} `{self.verb}` {self.nth} to {self.host} in {self.task}"


@dataclass(frozen=True)
class Fault:
    """What breaks, where, when (None: before the action starts), and how."""

    kind: str
    host: str
    moment: Moment | None
    how: str = ""

    def __str__(self) -> str:
        """Return it in words."""
        where = f" on {self.host}" if self.host and self.kind not in OF_THE_OPERATOR else ""
        how = f" ({self.how})" if self.how else ""
        when = self.moment or "from the start"
        return f"{self.kind}{where}{how} {when}"


@dataclass(frozen=True)
class Schedule:
    """All that one seed does."""

    seed: int
    change: str
    action: str
    faults: tuple[Fault, ...]
    waits: bool  # for the fleet to heal itself, before the deploy that must converge
    reverts: bool  # before that deploy the change is given up

    def __str__(self) -> str:
        """Return it in words."""
        faults = "; ".join(map(str, self.faults))
        then = "wait, then deploy" if self.waits else "deploy at once"
        of = " the sources before" if self.reverts else ""
        return f"change {self.change}; {self.action}; {faults}; {then}{of}"

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return the words that the operator runs, one after the other."""
        return tuple(self.action.split(", ")) if "," in self.action else (first_of(self.action),)


def first_of(action: str) -> str:
    """Return the task in which an action's moments are."""
    return "deploy" if action == "two at once" else action


def draw(
    seed: int, requests: Mapping[str, Iterable[Request]], impossible: frozenset[str] = frozenset()
) -> Schedule:
    """Return the schedule of a seed.

    Args:
        seed: the seed.
        requests: what each task asks of hosts when nothing goes wrong.
        impossible: the faults that cannot be had on this machine.
    """
    chance = random.Random(seed)  # noqa: S311 - to be replayed, not to be secret
    change = chance.choice(("css", "image", "both"))
    action = chance.choices(list(ACTIONS), list(ACTIONS.values()))[0]
    count = chance.choices((1, 2), (7, 3))[0]
    weights = {kind: w for kind, w in KINDS.items() if kind not in impossible}
    first = DECK[seed % len(DECK)]
    kinds = [first] if first in weights else []
    while len(kinds) < count:
        kind = chance.choices(list(weights), list(weights.values()))[0]
        if kind not in kinds:
            kinds.append(kind)
    faults = []
    for number, kind in enumerate(kinds):
        task = chance.choice(action.split(", ")) if "," in action else first_of(action)
        moment = _moment(chance, f"{seed}/{number}", task, requests[task], kind)
        faults.append(_fault(chance, kind, moment))
    waits, reverts = chance.random() < 0.75, chance.random() < 0.3
    return Schedule(seed, change, action, tuple(faults), waits, reverts)


def _fault(chance: random.Random, kind: str, moment: Moment) -> Fault:
    host = moment.host if chance.random() < 0.7 else chance.choice(list(HOSTS))
    web = chance.choice(WEB)
    length = chance.choice(("short", "long"))
    room = chance.choice(("0", "4096", "16384"))
    aws = chance.choice(("denies", "throttles twice", "hangs up twice", "never answers"))
    hidden = chance.choice(("time changed", "time kept"))
    way = chance.choice(list(HOURS))
    start = chance.random() < 0.3
    if kind == "reload fails":
        return Fault(kind, web, None)
    if kind == "check never answers":
        return Fault(kind, web, None)
    if kind == "AWS errs":
        return Fault(kind, "", None, aws)
    if kind == "corrupt an object":
        return Fault(kind, chance.choice(("edge1", "edge2")), None, hidden)
    if kind == "fill the disk":
        return Fault(kind, host, None if start else moment, f"{room} bytes left")
    if kind in ("stop sshd", "stall the connections", "lose power"):
        return Fault(kind, host, moment, length)
    if kind == "turn the clock":
        return Fault(kind, "build1" if chance.random() < 0.7 else host, moment, way)
    if kind == "turn the operator's clock":
        return Fault(kind, host, moment, way)
    return Fault(kind, host, moment)


def _moment(
    chance: random.Random, salt: str, task: str, requests: Iterable[Request], kind: str
) -> Moment:
    stage = chance.choice(("before", "sent", "answered"))
    among = list(requests)
    if kind in CTRL_C:  # in each phase alike, and each has verbs of its own
        verb = chance.choice(sorted({one[0] for one in among}))
        among = [one for one in among if one[0] == verb]
    elif chance.random() < 0.5:
        among = [one for one in among if one[0] in FLIPPING or one in _reloads(among)] or among
    verb, host, nth = min(among, key=lambda one: hashlib.sha256(f"{salt}/{one}".encode()).digest())
    return Moment(task, stage, verb, host, nth)


def _reloads(requests: Iterable[Request]) -> set[Request]:
    """Return the last command of each web host: the others ask its project, before the flip."""
    last: dict[str, Request] = {}
    for one in sorted(requests):
        if one[0] == "run" and one[1] in WEB:
            last[one[1]] = one
    return set(last.values())
