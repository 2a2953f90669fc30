"""The fleet that all seeds share, and one seed's course: break, look, wait, look, deploy, look."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos import invariants, project
from chaos.aws import CloudFront
from chaos.faults import Disks, Injector, mended
from chaos.operator import Operators, Task
from chaos.readers import Readers
from chaos.schedule import CTRL_C, HOURS, Fault, Request, Schedule, draw
from demo.fleet import HOSTS, Fleet

ROOT = Path(__file__).parent.parent
CONFIRM_SECONDS = 4.0
MARGIN_SECONDS = 30.0  # beyond it, for a busy machine
COMMAND_SECONDS = 10  # so long a host may be silent while things break
RUN_SECONDS = 300.0  # a task that takes longer hangs
KILLED = -9
UNREACHABLE = {  # after these a host may be told nothing, or not tell how it ended: exit 5 is true
    "kill the agents",
    "stop sshd",
    "cut the connections",
    "stall the connections",
    "fill the disk",
    "reload fails",
    "check never answers",
    "lose power",
}
MEMORY, ROOM_BYTES = Path("/dev/shm"), 1 << 28  # noqa: S108 - the folder below it is our own
AWS_SECONDS = 1  # so long one answer of AWS is waited for


@dataclass(frozen=True)
class Ran:
    """How one task of the operator ended."""

    task: str
    code: int
    output: str


@dataclass
class Outcome:
    """What came of a seed."""

    schedule: Schedule
    impossible: frozenset[str] = frozenset()  # the faults that this machine cannot have
    seconds: float = 0.0
    ran: list[Ran] = field(default_factory=list)
    met: list[Fault] = field(default_factory=list)
    requests: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def codes(self) -> str:
        """Return how the tasks ended, in a word each."""
        return ", ".join("killed" if one.code == KILLED else str(one.code) for one in self.ran)


class Site:
    """A fleet with two releases live one after the other, and what undisturbed tasks ask of it."""

    def __init__(
        self, fleet: Fleet, folder: Path, aws: CloudFront, disks: Disks, operators: Operators
    ) -> None:
        self.fleet = fleet
        self._disks = disks
        self._operators = operators
        self._folder = folder
        self._aws = aws
        self._seeds = 0
        self.requests: dict[str, list[Request]] = {}

    @property
    def impossible(self) -> frozenset[str]:
        """Return the faults that cannot be had on this machine."""
        small, lasting = self._disks.are_small, self._disks.keep_power_losses
        had = {"fill the disk": small, "lose power": lasting}
        return frozenset(fault for fault, is_had in had.items() if not is_had)

    def prepare(self) -> None:
        """Deploy twice, and learn the requests of each task."""
        (self._folder / "inventories").mkdir(parents=True)
        shutil.copy(ROOT / "fabfile.py", self._folder)
        self.write_inventory()
        self.must("deploy")
        for task in ("deploy", "rollback", "prepare", "activate"):
            if task in ("deploy", "prepare"):
                project.change(self.fleet.hosts["build1"].code, "both", task)
            record = self._folder / f"requests-{task}"
            self.must(task, CHAOS_RECORD=str(record))
            asked = [json.loads(line) for line in record.read_text().splitlines()]
            self.requests[task] = sorted((verb, host, nth) for verb, host, nth in asked)

    def write_inventory(self, *, command_timeout: int = 60) -> None:
        """Write the one inventory; with faults about, hosts are waited for less long."""
        here = self.fleet.folder
        self.fleet.write_inventory(
            self._folder / "inventories" / "staging.yml",
            build=project.BUILD,
            keep_releases=3,
            keep_for="0d",
            ssh={"command_timeout": command_timeout, "connect_timeout": 5},
            web={
                "batch": "1",
                "confirm_timeout": CONFIRM_SECONDS,
                "reload": f"test ! -e {here}/{{host}}/refuse || exit 7; "
                + self.fleet.reload_command,
            },
            cdn={
                "distribution_id": "ECHAOS",
                "endpoint_url": self._aws.endpoint,
                "wait": 5,
                "timeout": AWS_SECONDS,
            },
        )

    def start(self, task: str, **environment: str) -> Task:
        """Start one task of the operator."""
        return self._operators.start(
            ["staging", *task.split()],
            self._folder,
            {
                **os.environ,
                **self.fleet.environment(),
                "COLUMNS": "200",
                "AWS_MAX_ATTEMPTS": "3",
                **environment,
            },
        )

    def ended(self, task: str, process: Task) -> Ran:
        """Wait until a task ends; one that hangs is killed."""
        return Ran(task, *process.ended(RUN_SECONDS))

    def must(self, task: str, **environment: str) -> None:
        """Run a task that must end well, or there is nothing to test."""
        ran = self.ended(task, self.start(task, **environment))
        if ran.code != 0:
            raise RuntimeError(f"`fab staging {task}` ended with {ran.code}:\n{ran.output}")

    # -- one seed ---------------------------------------------------------------------------------

    def run(self, seed: int) -> Outcome:
        """Run one seed's schedule; all that was wrong stands in the outcome."""
        schedule = draw(seed, self.requests, self.impossible)
        outcome = Outcome(schedule, self.impossible)
        started = time.monotonic()
        injector = Injector(self.fleet, self._aws, self._disks)
        self._seeds += 1
        code = self.fleet.hosts["build1"].code
        sources = project.sources(code)
        project.change(self.fleet.hosts["build1"].code, schedule.change, f"{seed}-{self._seeds}")
        before = invariants.lives(self.fleet)
        live = str(before["build1"])
        excused = injector.corrupt
        self.write_inventory(command_timeout=COMMAND_SECONDS)
        with (
            Readers(self.fleet, lambda *one: one in excused, injector.dark) as readers,
            mended(injector),
            self._answering(schedule, injector) as listening,
        ):
            for fault in schedule.faults:
                if fault.moment is None:
                    injector.inject(fault)
            outcome.ran = self._act(schedule, listening)
            outcome.met = list(injector.met)
            if schedule.waits:
                outcome.violations += self._healed(outcome)
            injector.mend()
            if schedule.waits:
                outcome.violations += self._after(outcome, live, injector)
            if schedule.reverts:
                project.put_back(code, sources)
            outcome.violations += self._converged(outcome, injector)
            readers.round()
        outcome.requests = readers.requests
        outcome.violations += readers.violations
        outcome.violations += invariants.stale(readers, self._aws)
        outcome.violations += invariants.complete(self.fleet, set())
        injector.restore()
        outcome.violations += invariants.settled(self.fleet)
        outcome.violations += invariants.running(self.fleet)
        outcome.seconds = time.monotonic() - started
        return outcome

    def _act(self, schedule: Schedule, listening: str) -> list[Ran]:
        ran = []
        for task in schedule.tasks:
            process = self.start(
                task, CHAOS_SOCKET=listening, CHAOS_MOMENTS=moments(schedule, task)
            )
            second = self.start("deploy") if schedule.action == "two at once" else None
            ran.append(self.ended(task, process))
            if second:
                ran.append(self.ended("deploy", second))
            if ran[-1].code != 0:
                break
        return ran

    def _healed(self, outcome: Outcome) -> Iterator[str]:
        """Wait until no flip is provisional any more; nobody helps.

        A host that lost its power lost who would go back: it waits for the next command.
        """
        deadline = time.monotonic() + CONFIRM_SECONDS + MARGIN_SECONDS
        lost = {fault.host for fault in outcome.met if fault.kind == "lose power"}
        while left := set(invariants.provisional(self.fleet)) - lost:
            if time.monotonic() > deadline:
                yield f"G5: still provisional after confirm_timeout: {', '.join(left)}"
                return
            time.sleep(0.05)  # between two looks; the deadline bounds it

    def _after(self, outcome: Outcome, live: str, injector: Injector) -> Iterator[str]:
        """Yield what is wrong once the fleet was left to itself, the faults mended."""
        kinds = {fault.kind for fault in outcome.met}
        lives = invariants.lives(self.fleet)
        one = set(lives.values())
        yield from invariants.complete(self.fleet, injector.corrupt)
        for ran in outcome.ran:
            if ran.code not in (0, 1, 3, 4, 5, KILLED):
                yield f"exit code {ran.code} of {ran.task}"
            if "Traceback" in ran.output:
                yield f"a traceback of {ran.task}"
        deciding = [ran for ran in outcome.ran if ran.code != 3]  # 3 changes nothing
        if outcome.schedule.action == "prepare, activate":
            deciding = deciding[-1:]
        if len(deciding) == 1:
            yield from self._as_told(deciding[0], lives, live, kinds, outcome)
        elif not deciding and one != {live}:
            yield f"G6: exit 3, and yet live is {lives}, not {live}"
        elif len(one) != 1 and not {5, KILLED} & {ran.code for ran in deciding}:
            yield f"G5: hosts disagree after exits {outcome.codes}: {lives}"

    def _as_told(
        self, ran: Ran, lives: dict[str, str | None], live: str, kinds: set[str], outcome: Outcome
    ) -> Iterator[str]:
        one = set(lives.values())
        if ran.code in (0, 4):
            if ran.task == "prepare":
                if one != {live}:
                    yield f"exit {ran.code} of prepare, and yet live is {lives}, not {live}"
            elif len(one) != 1 or one == {live}:
                yield f"G5: exit {ran.code}, and yet live is {lives}, before it {live}"
        elif ran.code == 1 and one != {live}:
            yield f"G5: exit 1, and yet live is {lives}, not {live}"
        elif ran.code == 5 and not kinds & UNREACHABLE:
            yield f"exit 5, and yet every host could be reached: {sorted(kinds)}"
        elif (
            ran.code == KILLED
            and len(one) != 1
            and not (at_confirmation(outcome) or "lose power" in kinds)
        ):
            yield f"G5: mixed after a kill, and not healed: {lives}"

    def _converged(self, outcome: Outcome, injector: Injector) -> Iterator[str]:
        """Deploy with all faults gone: it must go through."""
        self.write_inventory()
        if (self.fleet.hosts["build1"].static / "lock").exists():
            yield from self._lock_is_nobodys(outcome)
            injector.age_lock()
        ran = self.ended("deploy", self.start("deploy"))
        if (
            ran.code == 1 and injector.corrupt
        ):  # found by reading all bytes; the next one ships them
            ran = self.ended("deploy", self.start("deploy"))
        outcome.ran.append(ran)
        injector.corrupt.clear()
        if ran.code != 0:
            yield f"G5: the deploy after it ended with {ran.code}:\n{ran.output}"
            self.must("deploy")

    def _lock_is_nobodys(self, outcome: Outcome) -> Iterator[str]:
        """Wait for the word that the lock is abandoned, which an agent leaves unless it was killed."""
        lock = self.fleet.hosts["build1"].static / "lock"
        hushed = {
            "kill the agents", "stop sshd", "fill the disk", "stall the connections", "lose power",
        }  # fmt: skip
        if hushed & {f.kind for f in outcome.met if f.host == "build1"}:
            return
        deadline = time.monotonic() + MARGIN_SECONDS
        while lock.exists() and not (lock / "abandoned").exists():
            if time.monotonic() > deadline:
                yield "G6: the lock is held, and its owner is gone"
                return
            time.sleep(0.05)  # between two looks; the deadline bounds it

    @contextmanager
    def _answering(self, schedule: Schedule, injector: Injector) -> Iterator[str]:
        """Inject the faults that the operator's process announces; yield where it says so."""
        by_name = {word_of(fault, number): fault for number, fault in enumerate(schedule.faults)}
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{folder}/socket")
            listener.listen()

            def answer() -> None:
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    with connection:
                        name = connection.recv(100).decode()
                        if name in by_name:
                            injector.inject(by_name[name])
                        with suppress(BrokenPipeError):  # the fault was its end
                            connection.sendall(b".")

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            try:
                yield f"{folder}/socket"
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join(30)


def word_of(fault: Fault, number: int) -> str:
    """Return the word by which the operator's process announces a fault; see operator.py."""
    if fault.kind == "kill the operator":
        return "kill"
    if fault.kind == "interrupt the operator":
        return "interrupt"
    if fault.kind in CTRL_C:
        return fault.kind
    if fault.kind == "turn the operator's clock":
        return f"clock {HOURS[fault.how] * 3600:g}"
    return f"fault-{number}"


def moments(schedule: Schedule, task: str) -> str:
    """Return CHAOS_MOMENTS for one task; see operator.py."""
    found: list[dict[str, Any]] = []
    for number, fault in enumerate(schedule.faults):
        moment = fault.moment
        if moment and moment.task == task:
            found.append(
                {
                    "stage": moment.stage,
                    "verb": moment.verb,
                    "host": moment.host,
                    "nth": moment.nth,
                    "name": word_of(fault, number),
                }
            )
    return json.dumps(found)


def at_confirmation(outcome: Outcome) -> bool:
    """Tell whether the operator died between the first and the last confirmation: hosts may disagree."""
    kills = [f.moment for f in outcome.met if f.kind == "kill the operator" and f.moment]
    return any(moment.verb == "confirm" for moment in kills)


@contextmanager
def running() -> Iterator[Site]:
    """Start a fleet for any number of seeds; all of it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-", dir=quick_folder()))
    source = project.write(folder / "project", quick=True)
    fleet = Fleet(
        folder / "hosts",
        HOSTS,
        project=source,
        server="sshd",
        nginx="nginx",
        app="tiny",
    )
    disks = Disks(fleet)
    with ExitStack() as ends:
        ends.callback(shutil.rmtree, folder, ignore_errors=True)
        ends.callback(disks.free)
        aws = CloudFront()
        ends.callback(aws.close)
        operators = Operators(folder, fleet.environment())
        ends.callback(operators.close)
        ends.enter_context(fleet)
        site = Site(fleet, folder / "operator", aws, disks, operators)
        site.prepare()
        yield site


def quick_folder() -> str | None:
    """Return a folder in memory, where there is one with room: a sync costs nothing there."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        return str(MEMORY)
    return None


def tally(outcomes: Sequence[Outcome]) -> Counter[str]:
    """Return how often each kind of fault came to pass."""
    return Counter(fault.kind for outcome in outcomes for fault in outcome.met)
