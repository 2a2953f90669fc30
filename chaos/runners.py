"""`python -m chaos --runners`: CI runners that are empty, race, and are killed; one bucket is all that lasts.

Each task is a real fab process with a checkout and a `deploy_to` of its own. The store is the strict one of the
tests, in this process: it sees each request, and kills whoever made it, or turns its own clock.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos import project
from chaos.operator import Operators, Task
from fab_static.phases.run.bucket_lock import WATCH_SECONDS
from fab_static.plan.bucket_lock import LOCK
from fab_static.plan.bucket_record import RECORD
from fab_static.plan.publication import object_key
from tests.strict_s3 import REGION, StrictS3

STATIC = "shop/static/"
RUN_SECONDS = 300.0  # a task that takes longer hangs
BRIEF_WATCH_SECONDS = (
    0.5  # where no runner lives that holds the lock: what is watched for is a beat
)
EXPIRED_SECONDS = 100.0  # that the store's clock goes on after a death: the lock is nobody's then
ACTIONS = ("kill a deploy", "two at once", "kill a rollback", "turn the store's clock")
LOCKED = 3


@dataclass
class Course:
    """What a seed did, and what of it broke a guarantee."""

    name: str
    action: str
    codes: list[int] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    output: str = ""

    def add(self, *ran: tuple[int, str]) -> None:
        """Note how tasks ended, and what they said."""
        self.codes += [code for code, _ in ran]
        self.output += "\n".join(said for _, said in ran)

    def __str__(self) -> str:
        """Return it in a line."""
        verdict = "VIOLATED" if self.violations else "ok"
        return f"{self.name}: {verdict}, {self.action}, exits {self.codes}"


class Runners:
    """As many runners as are asked for; what one has on its disk, no other one sees."""

    def __init__(self, folder: Path, store: StrictS3) -> None:
        self.folder = folder
        self.store = store
        self.code = project.write(folder / "code")
        self.count = 0
        self._operators = Operators(folder, self._environment())
        self.requests = 0  # of a deploy that nobody disturbs

    def close(self) -> None:
        """End what was started."""
        self._operators.close()

    def begin(self) -> None:
        """Have two releases live, one after the other."""
        for text in ("first", "second"):
            self.change(text)
            with self._counted() as asked:
                self.must("deploy")
            self.requests = len(asked)

    def change(self, text: str) -> None:
        """Commit other styles and another logo."""
        (self.code / "assets/site.css").write_text(f"body {{ color: red }} /* {text} */\n")
        (self.code / "assets/logo.svg").write_text(f"<svg xmlns='x' id='{text}'/>\n")

    def start(self, *words: str, watch_seconds: float = BRIEF_WATCH_SECONDS) -> Task:
        """Start a task on a runner that has nothing but a checkout; so long it watches a lock that is silent."""
        self.count += 1
        place = self.folder / f"runner{self.count}"
        shutil.copytree(self.code, place / "code", ignore=shutil.ignore_patterns("staticfiles"))
        (place / "inventories").mkdir()
        (place / "inventories/production.yml").write_text(json.dumps(self._inventory(place)))
        (place / "fabfile.py").write_text("from fab_static import namespace\n")
        environment = {
            **os.environ,
            **self._environment(),
            "XDG_STATE_HOME": str(place / "state"),
            "CHAOS_WATCH_SECONDS": str(watch_seconds),
            # a request that waits for the other runner is not sent twice, however busy the machine is
            "CHAOS_ANSWER_SECONDS": str(RUN_SECONDS),
        }
        return self._operators.start(["production", *words], place, environment)

    def run(self, *words: str) -> tuple[int, str]:
        """Run a task to its end; return its exit code and all that it said."""
        return self.start(*words).ended(RUN_SECONDS)

    def must(self, *words: str) -> str:
        """Run a task that must go through; return what it said."""
        code, said = self.run(*words)
        if code:
            raise AssertionError(f"{' '.join(words)} ended with {code}:\n{said}")
        return said

    def killed(self, at: int, *words: str, does_it: bool = True) -> tuple[int, str]:
        """Run a task, and kill it at its request of this number; the store then does what was asked, or not."""
        begun = threading.Event()
        pids: list[int] = []
        asked = 0

        def kill(method: str, key: str) -> None:
            nonlocal asked
            if may_be_a_beat(method, key):
                return
            asked += 1
            if asked == at:
                begun.wait(RUN_SECONDS)
                with suppress(ProcessLookupError):
                    os.kill(pids[0], signal.SIGKILL)
                if not does_it:
                    raise ConnectionAbortedError

        self.store.before = kill
        try:
            task = self.start(*words)
            pids.append(task.pid)
            begun.set()
            return task.ended(RUN_SECONDS)
        finally:
            self.store.before = lambda *_: None
            self.store.ahead_seconds += EXPIRED_SECONDS

    def raced(self, *words: str) -> list[tuple[int, str]]:
        """Run a task on two runners at once; a silent lock is watched for as long as in real life."""
        tasks = [self.start(*words, watch_seconds=WATCH_SECONDS) for _ in range(2)]
        return [task.ended(RUN_SECONDS) for task in tasks]

    @contextmanager
    def _counted(self) -> Iterator[list[str]]:
        asked: list[str] = []
        self.store.before = lambda *words: None if may_be_a_beat(*words) else asked.append(words[1])
        yield asked
        self.store.before = lambda *_: None

    def problems(self) -> list[str]:
        """Return what is not as it must be once a task went through: of one release, whole, and no lock left."""
        found = []
        code, said = self.run("status", "--json")
        status: dict[str, Any] = json.loads(said[said.index("{") :]) if "{" in said else {}
        if code or not status.get("agreed") or status.get("lock"):
            found.append(f"status ended with {code}: {said}")
        record = json.loads(self.store.body(STATIC + RECORD))
        if not status or record["current"] != status["live"]:
            found.append(f"the record says {record['current']}")
        for name in filter(None, (record["current"], record["previous"])):
            found += self._missing(name, record["releases"][name]["sha256"], record["current"])
        return found

    def _missing(self, name: str, sealed: str, live: str) -> Iterator[str]:
        """Yield what the bucket lacks of a release, or has other bytes of."""
        seal = json.loads(self.store.body(STATIC + object_key(sealed)))
        for path, file in seal["files"].items():
            keys = [path] if name == live or path in seal["named"] else []
            for key in keys:
                there = self.store.objects.get(STATIC + key)
                if there is None or hashlib.sha256(there.body).hexdigest() != file["sha256"]:
                    yield f"{key} of {name} is {'missing' if there is None else 'another'}"

    def _environment(self) -> dict[str, str]:
        return {
            **self.store.credentials,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def _inventory(self, place: Path) -> dict[str, Any]:
        return {
            "app": "shop",
            "deploy_to": f"{place}/static",
            "hosts": {"runner": {"local": True, "roles": ["build"]}},
            "project": {
                "path": f"{place}/code",
                "python": sys.executable,
                "settings": "tiny.settings",
            },
            "build": {"phases": ["collectstatic", "compress"]},
            "origin": {
                "s3": {"bucket": "shop", "prefix": "static/", "region": REGION},
                "endpoint_url": self.store.url,
            },
        }

    # ---- seeds

    def course(self, seed: int) -> Course:
        """Do what a seed does; return how it went."""
        action = ACTIONS[(seed - 1) % len(ACTIONS)]
        chance = random.Random(seed)  # noqa: S311 - no secret
        course = Course(f"seed {seed}", action)
        self.change(f"seed {seed}")
        at = chance.randrange(1, self.requests)
        if action.startswith("kill"):
            ran = [self.killed(at, action.split()[-1], does_it=chance.random() < 0.5)]
        else:
            self.store.before = self._clock_turned(at, chance) if "clock" in action else self.store.before  # fmt: skip
            ran = self.raced("deploy")
            self.store.before = lambda *_: None
            course.violations += _not_one_winner([code for code, _ in ran])
        course.add(*ran)
        for task in chance.sample(("deploy", "rollback"), 2):
            code, said = self.run(task)
            course.codes.append(code)
            if code:
                course.violations.append(f"{task} ended with {code}: {said}")
            course.violations += self.problems()
        return course

    def _clock_turned(self, at: int, chance: random.Random) -> Any:
        asked, seconds = 0, chance.choice((7200.0, -7200.0))

        def turn(*_: str) -> None:
            nonlocal asked
            asked += 1
            if asked == at:
                self.store.ahead_seconds += seconds

        return turn


def may_be_a_beat(method: str, key: str) -> bool:
    """Tell whether a request may be the heart's: it beats when it likes, and more often on a busy machine."""
    return method == "PUT" and key.endswith(LOCK)


def _not_one_winner(codes: list[int]) -> list[str]:
    """Return what is wrong with how a race ended: one goes live, and the other is told, or goes live after it."""
    good = sorted(codes) in ([0, 0], [0, LOCKED])
    return [] if good else [f"of two runners at once, one must win: they ended with {codes}"]


@contextmanager
def running() -> Iterator[Runners]:
    """Yield runners with two releases live, one after the other."""
    with (
        tempfile.TemporaryDirectory(prefix="fab-static-runners-") as folder,
        StrictS3("shop") as store,
    ):
        runners = Runners(Path(folder), store)
        try:
            runners.begin()
            yield runners
        finally:
            runners.close()
