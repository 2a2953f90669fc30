"""A site in one process: five hosts on which the release OLD was live and NEW is, and their Django project.

Every unit test may ask for the fixtures `site` and `said`; tests/unit/conftest.py has them. The real agent works on a
temporary folder for each host. Scripted are only what stands behind it: SSH, and the project's own Python.

    def test_prune_says_when_there_is_nothing_to_do(site: Site) -> None:
        deploy = site.deployment()  # a run that has looked at every host
        prune(deploy)
        assert deploy.show.said == ["nothing to remove"]

- Let a host break: `site.hosts["web1"].before["flip"] = site.hosts["web1"].cut` loses the connection instead of
  flipping; with `after`, the flip is done and its answer is lost.
- Put more into the inventory: `site.open("keep_releases: 1")`.
- Let the project say something else: `site.project.settings["web1"]["static_url"] = "/s/"`, or
  `site.project.answers["coverage"] = {...}`. Let its commands do something:
  `site.project.commands["collectstatic"] = lambda root: (root / "a.css").write_text("a")`.
- See what was done: `site.live()`, `site.asked`, `site.project.ran`, and the folders below `site.folder`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from fab_static import api
from fab_static.host.agent.explaining import explained
from fab_static.host.agent.lock import refuse_lost
from fab_static.host.agent.protocol import RECORD
from fab_static.host.agent.store import Host
from fab_static.host.agent.wire import function_of
from fab_static.host.project.probe import MARKER
from fab_static.phases.run.deployment import Deployment
from fab_static.plan import inventory
from fab_static.plan.build_order import PHASES
from fab_static.plan.inventory import Environment
from fab_static.plan.release import File, Release
from fab_static.plan.wire import asks, verbs
from fab_static.remote import Fleet, Question, Ran, RemoteHost
from fab_static.remote.sent import Deflated
from fab_static.sessions import holding, looking, running
from fab_static.tasks import TASKS, chosen
from tests.unit.host.agent import rooms

# the last 8 digits are those of what they hold
OLD, NEW = "20261121T170102Z-c6411c8e", "20261122T170102Z-40b46b94"
VERSIONS = b"site.css: '1234567'\n"  # resource_versions.yml of both
INVENTORY = """\
app: shop
deploy_to: {folder}/{{host}}
hosts:
  build1: {{address: 127.0.0.1, port: 9, roles: [build]}}
  edge1: {{address: 127.0.0.1, port: 9, roles: [static]}}
  edge2: {{address: 127.0.0.1, port: 9, roles: [static]}}
  web1: {{address: 127.0.0.1, port: 9, roles: [web]}}
  web2: {{address: 127.0.0.1, port: 9, roles: [web]}}
ssh: {{user: deploy, known_hosts: {folder}/known_hosts}}
project: {{path: "{folder}/code/{{host}}"}}
web: {{reload: reload-shop, check: "http://127.0.0.1:8000/health", batch: "1"}}
{more}
"""
LOADED = (holding, running)  # before a lock's age is told: a busy machine takes seconds for it
TASK = {task.name.replace("-", "_"): task for task in TASKS}
SCRIPTED = {"http": {"answer": "200"}, "set_up": {}}  # what would need a web server, or Django
Said = Callable[..., tuple[int, str]]
Break = Callable[[], Any]


class Told:
    """Shows nothing, and keeps what was told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []
        self.printed = b""

    def phase(self, name: str) -> nullcontext[None]:
        return nullcontext()

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def output(self, host: str, data: bytes) -> None:
        self.printed += data


class Project:
    """The Django project on every host: what its settings say, what it answers, what its commands do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: dict[str, dict[str, Any]] = {}  # host -> the facts that its settings make
        # question -> the answer; or a function of the host's name and the question that returns it
        self.answers: dict[str, Any] = {
            "unlisted": {"tracked": [], "unlisted": []},
            "collected": COLLECTED,
            "shadowed": {"shadowed": {}},
            "sources": {"files": {}, "below": "", "unjudged": None},
            "coverage": COVERED,
            "faults": {"faults": []},
            "integrity": PROMISED,
        }
        # management command, or shell line -> what it does with the static root; it may return Ran
        self.commands: dict[str, Callable[[Path], object]] = {}
        self.asked: list[tuple[str, str]] = []  # host, question
        self.ran: list[str] = []  # command lines, on the build host

    def add(self, host: str) -> None:
        """Check the project out on a host."""
        code = self.folder / host
        code.mkdir(parents=True, exist_ok=True)
        self.settings[host] = {
            "django": "5.2",
            "python": "3.11.2",
            "compressor": None,
            "folder": str(code),
            "base_dir": str(code),
            "installed_apps": [],
            "ignored_storage": None,
            "catalogues": None,
            "static_root": str(self.root_on(host)),
            "static_url": "/static/",
            "static_cdn": "",
            "storage": {"class": None, "folder": None, "error": None},
            "finders": ["the usual one"],
            "sources": {},
            "real_sources": [],
            "sources_unknown": None,
            "held": {},
            "commands": {phase.management_command: "an app" for phase in PHASES.values()},
            "catalogues_are_sources": False,
            "resource_versions": str(code / "resource_versions.yml"),
            "is_versions_file_known": True,
            "versions_files": [str(code / "resource_versions.yml")],
            "offline_manifest": None,
            "bundler_manifests": [],
            "staticfiles_manifest": None,
            "prints_hashed_names": None,
            "compress": None,
            "baked_in": {},
            "libraries": {},
            "cdn_independent": False,
        }

    def root_on(self, host: str) -> Path:
        """Return STATIC_ROOT of a host; builds fill that of build1."""
        return self.folder / f"{host}-static"

    @property
    def root(self) -> Path:
        """The static root that is built in."""
        return self.root_on("build1")

    def answer(self, host: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer as the project's own Python would."""
        self.asked.append((host, question["ask"]))
        if question["ask"] == "settings":
            return self.settings[host]
        answer = self.answers[question["ask"]]
        found: Mapping[str, Any] = answer(host, question) if callable(answer) else answer
        return found

    def run(self, line: str) -> Ran:
        """Run a command of the project, or a shell line."""
        self.ran.append(line)
        command = line.split()[1] if line.startswith("manage.py ") else line
        ended = self.commands.get(command, lambda _: None)(self.root)
        return ended if isinstance(ended, Ran) else Ran(0, "")


COLLECTED: dict[str, Any] = {  # collectstatic has left all that the finders list
    "listed": 1,
    "is_empty": False,
    "missing": [],
    "count": 0,
    "promised": [],
    "unjudged": None,
    "pointers": [],
}
PROMISED: dict[str, Any] = {  # no template promises anything
    "written": [],
    "names": [],
    "computed": False,
    "preloads": False,
    "algorithm": "sha384",
}
COVERED: dict[str, Any] = {  # every compress block is in the offline manifest
    "blocks": 1,
    "templates": 1,
    "places": [],
    "missing": [],
    "failed": [],
    "broken": [],
    "untranslated": [],
    "unfilled": [],
    "ambiguous": [],
    "passed_over": [],
    "handed_over": [],
    "with_cdn": [],
    "files_with_cdn": [],
    "relative_inline": [],
    "keys": 1,
    "surrounded": [],
    "varying": [],
    "rendered": [],
    "texts": {},
    "made": [],
    "folders": [],
    "compress": None,
    "libraries": {},
}


class Agent:
    """An agent without a channel: the frames of streams go through lists."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.children: set[Any] = set()
        self.sent: list[tuple[dict[str, Any], bytes]] = []
        self.frames: deque[tuple[dict[str, Any], bytes]] = deque()

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        self.sent.append((head, body))

    def next_frame(self) -> tuple[dict[str, Any], bytes]:
        return self.frames.popleft()


class ScriptedHost(RemoteHost):
    """A host whose agent works in this process, until its script breaks something."""

    def __init__(self, host: Any, environment: Any, site: Site, script: Script) -> None:
        super().__init__(host, environment)
        folder = environment.deploy_to.replace("{host}", host.name)
        self.agent = Agent(Host(folder, environment.app, environment.name))
        self.before = script[0]  # verb -> what happens instead of it; "run" -> instead of run_line
        self.after = script[1]  # verb -> what happens when it was done, and its answer on the way
        self._site = site

    def sibling(self) -> ScriptedHost:
        return ScriptedHost(self.host, self.environment, self._site, (self.before, self.after))

    def ask(self, verb: Any, request: Any = None, body: bytes = b"", **_: Any) -> Any:
        do = verb.name
        self._site.asked.append((self.name, do))
        if do in self.before:
            return self.before[do]()
        if do in SCRIPTED:
            return SCRIPTED[do], b""
        if do == "recall":  # Django does not run here: `run` is asked, and answers for the project
            request = {key: value for key, value in request.items() if key != "anew"}
        if isinstance(body, Deflated):
            body = zlib.decompress(body)
        try:
            if self.held:
                refuse_lost(self.agent.host, self.held)  # type: ignore[arg-type]
            answer = function_of(do)(self.agent, {"do": do, **(request or {})}, body)  # type: ignore[arg-type]
        except Exception as error:
            raise self._agent.refused(explained(error)) from error
        if do in self.after:
            self.after[do]()
        return answer

    def keep_programs(self) -> None:
        pass  # the agent works in this process

    def foresee(self, questions: Any) -> None:
        pass  # each is asked by whoever wants to know

    def forget_foreseen(self) -> None:
        pass  # there is nothing

    def later(self, verb: Any, body: bytes = b"", request: Any = None) -> None:
        self.ask(verb, request, body=body)

    def ask_then(self, verb: Any, request: Any, then: Any) -> Any:
        del then  # is asked by whoever wants to know
        return self.ask(verb, request)[0]

    def packs(self, verb: Any, body: bytes) -> Iterator[Any]:
        self.ask(verb, body=body)
        sent, self.agent.sent = self.agent.sent, []
        return iter(sent)

    def objects(self, wanted: bytes) -> Iterator[tuple[str, bytes]]:
        for raw, _ in RECORD.iter_unpack(wanted):
            yield raw.hex(), self.ask(verbs.READ_OBJECT, asks.Object(object=raw.hex()))[1]

    def take(self, verb: Any, frames: Iterable[Any]) -> Any:
        self.agent.frames.extend([*frames, ({"end": True}, b"")])
        return self.ask(verb)[0]

    def teach(self, archive: bytes) -> None:
        pass

    def run(
        self,
        command: list[str],
        *,
        environment: Mapping[str, str] | None = None,
        record: Mapping[str, Any] | None = None,
        before: Sequence[Question] = (),
        **_: Any,
    ) -> Ran:
        for verb, request, *_body in before:  # what comes after is asked by whoever wants to know
            self.ask(verb, request)
        variables = {**(environment or {}), **(record or {}).get("variables", {})}
        if "FAB_STATIC_PROBE" in variables:
            question = json.loads(variables["FAB_STATIC_PROBE"])
            answer = self._site.project.answer(self.name, question)
            return Ran(0, MARKER + json.dumps({"ok": True, **answer}))
        if record and "manage" in record:
            return self._site.project.run(" ".join(["manage.py", *record["manage"]]))
        if "manage.py" in command[1:2]:
            return self._site.project.run(" ".join(command[1:]))
        if command[-1] in self._site.project.commands:
            return self._site.project.run(command[-1])
        self._site.asked.append((self.name, "run"))
        return self.before["run"]() if "run" in self.before else self.run_line(command)

    def run_line(self, command: list[str]) -> Ran:
        """Run what is not a command of the project: a reload, or git."""
        return Ran(0, "")

    def cut(self) -> NoReturn:
        """Lose the connection."""
        raise self._agent.cut(EOFError("the connection ended"))

    def refuse(self, error: Exception) -> NoReturn:
        """Answer with an error, as the agent would."""
        raise self._agent.refused(explained(error))


Script = tuple[dict[str, Break], dict[str, Break]]


class Site:
    """The hosts, their project, and the operator's session."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "staging"
    ) -> None:
        self.folder = folder
        self.name = name  # of the environment
        self.hosts: dict[str, ScriptedHost] = {}
        self.asked: list[tuple[str, str]] = []  # host, verb: all that hosts were asked, in order
        self.project = Project(folder / "code")
        self._fleets: list[Fleet] = []
        self._patch = monkeypatch
        self._patch.setattr(looking, "operator", lambda: "anna@desk")
        self._patch.setattr(looking, "Fleet", self.fleet)
        rooms.replace(self._patch, "start_watchdog", lambda *_: None)
        rooms.replace(self._patch, "to_disk", lambda _: None)  # no test switches the machine off
        self._patch.setattr(os, "fsync", lambda _: None)
        rooms.replace(self._patch, "LOCK_WATCH_SECONDS", 0.05)
        self.open()
        for name, image in ((OLD, b"old"), (NEW, b"new")):
            self.hold(name, image)
            self.make_live(name)

    def open(self, more: str = "") -> None:
        """Give the operator a new session, with more in the inventory; hosts break no more."""
        text = INVENTORY.format(folder=self.folder, more=more)
        environment = inventory.parse(text, name=self.name, source="staging.yml")
        session = api.Session(environment)
        self.hosts = {
            host.name: ScriptedHost(host, environment, self, ({}, {})) for host in environment.hosts
        }
        session._fleet = self.fleet(environment)
        self.session = session
        for name in self.hosts:
            if name not in self.project.settings:
                self.project.add(name)
        self._patch.setattr(
            chosen, "CHOSEN", {"environment": self.name, "inventories": Path("inventories")}
        )
        chosen.CHOSEN["session"] = session

    def fleet(self, environment: Environment, *_: object) -> Fleet:
        """Return the scripted hosts of an environment, as connections."""
        fleet = Fleet(environment)
        fleet.hosts = tuple(self.hosts[host.name] for host in environment.hosts)
        self._fleets.append(fleet)
        return fleet

    def close(self) -> None:
        """End the threads of all connections that were made."""
        for fleet in self._fleets:
            fleet.close()

    def deployment(self, **more: Any) -> Deployment:
        """Return a run that has looked at every host; its `show` keeps what is told."""
        deploy = self.session._deployment()
        deploy.show = Told()  # type: ignore[assignment]
        for name, value in more.items():
            setattr(deploy, name, value)
        deploy.look()
        return deploy

    def hold(
        self, name: str, image: bytes = b"new", css: bytes = b"body {}", **more: Any
    ) -> Release:
        """Seal a release of two files, and have every host hold it; `more` are fields of the seal.

        A name that is only a time gets the digits of what the release holds.
        """
        texts = {"logo.svg": image, "site.css": css}
        known: dict[str, Any] = {
            "id": name,
            "app": "shop",
            "environment": self.name,
            "revision": None,
            "created_at": "2026-11-22T17:01:02Z",
            "created_by": "anna@desk",
            "settings": {"STATIC_URL": "/static/"},
            "phases": (),
            "files": {path: file_of(data) for path, data in texts.items()},
            "versions": {},
            "named": (),
            "offline_manifest": None,
            "versions_sha256": hashlib.sha256(VERSIONS).hexdigest(),
            "versions_size": len(VERSIONS),
        }
        release = Release(**(known | more))
        if "-" not in name:
            release = replace(release, id=f"{name}-{release.digest[:8]}")
        for host in self.hosts.values():
            for data in (*texts.values(), VERSIONS):
                host.ask(verbs.PUT_OBJECT, body=data)
            host.ask(
                verbs.BUILD_RELEASE,
                asks.BuildRelease(roles=list(host.roles)),
                release.to_json().encode(),
            )
        return release

    def make_live(self, name: str) -> None:
        """Have every host flip to a release that it holds; the journal has it as the one sealed last."""
        journal = {"format": 1, "release": name}
        self.hosts["build1"].ask(verbs.WRITE_JOURNAL, body=json.dumps(journal).encode())
        for host in self.hosts.values():
            flip_provisionally(host, name, by="anna")
            host.ask(verbs.CONFIRM, asks.Confirm(release=name))

    def live(self) -> dict[str, str | None]:
        """Return what is live on each host."""
        return {name: host.agent.host.live() for name, host in self.hosts.items()}


def file_of(data: bytes) -> File:
    """Return what a release records of a file."""
    return File(hashlib.sha256(data).hexdigest(), len(data), hashlib.sha1(data).hexdigest()[:7])


def flip_provisionally(host: ScriptedHost, release: str = OLD, *, by: str = "ben") -> None:
    """Leave a host as an operator does who dies after its flip."""
    host.ask(
        verbs.FLIP,
        asks.Flip(
            release=release,
            links={},
            manifest=None,
            reload=None,
            confirm_timeout=30,
            entry={"by": by},
        ),
    )


def taken(site: Site, phase: str = "compress") -> ScriptedHost:
    """Have Ben hold the lock; return his connection to the build host."""
    other = site.hosts["build1"].sibling()
    other.ask(verbs.LOCK, asks.Lock(owner="ben@laptop", process=4711, phase=phase))
    return other


def run_task(
    site: Site, capsys: pytest.CaptureFixture[str], task: str = "rollback", **options: Any
) -> tuple[int, str]:
    """Run a task of the command line; return its exit code and all that it said on standard error."""
    capsys.readouterr()
    code = 0
    try:
        TASK[task](Context(), **options)
    except Exit as end:
        code = end.code
    text = capsys.readouterr().err.replace(str(site.folder), "FOLDER")
    return code, re.sub(r"127\.0\.0\.1:\d{5}", "ENDPOINT", text)
