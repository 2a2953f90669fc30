"""The Django project on a host: its interpreter, its environment, what it answers to the probe."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, TypeVar, cast, overload

from fab_static.errors import BuildError
from fab_static.host.project.probe import MARKER
from fab_static.phases.run.project_code import (
    PRECOMPILERS,
    PROBE,
    RECORDER,
    project_archive,
    project_digest,
    trusted,
)
from fab_static.phases.run.project_failures import failure, refuse_another_answer
from fab_static.plan import failures
from fab_static.plan.build_order import OwnPhase
from fab_static.plan.inventory import Environment, expand
from fab_static.plan.wire import answers, asks, questions, verbs
from fab_static.plan.wire.questions import Question
from fab_static.plan.wire.verbs import Verb
from fab_static.remote import Question as HostQuestion
from fab_static.remote import Ran, RemoteHost

EMPTY: Mapping[str, str] = MappingProxyType({})
R = TypeVar("R", bound=Mapping[str, object])
A = TypeVar("A")


@dataclass(frozen=True)
class ProjectOnHost:
    """The checkout on one host, ready to run commands in."""

    host: RemoteHost
    path: str
    python: str
    variables: Mapping[str, str]  # with the secrets' values: never shown, never on a command line
    recalls: bool = False  # take the answer of a run that would read the same now
    records: bool = False  # let runs leave a record of what they read
    verifies: bool = False  # ask again, and compare with the answer that would have been taken

    @classmethod
    def on(
        cls,
        host: RemoteHost,
        secrets: Mapping[str, str],
        project_path: str | None,
        *,
        recalls: bool = False,
        records: bool = False,
        verifies: bool = False,
    ) -> ProjectOnHost:
        """Return the project as the inventory describes it, on this host."""
        environment: Environment = host.environment
        project = environment.project
        variables = {name: expand(value, host.host) for name, value in project.environment.items()}
        if project.settings:
            variables["DJANGO_SETTINGS_MODULE"] = project.settings
        return cls(
            host,
            path=expand(project_path or project.path, host.host),
            python=expand(project.python, host.host),
            variables={
                "PYTHONUNBUFFERED": "1",
                "PYTHONUTF8": "1",  # a locale without UTF-8 would spell names otherwise than the agent
                # lessc and Django colour their messages even into a pipe
                "DJANGO_COLORS": "nocolor",
                "NO_COLOR": "1",
                **variables,
                **secrets,
                **({"FAB_STATIC_VERIFY_CACHE": "1"} if verifies else {}),
            },
            recalls=recalls,
            records=records,
            verifies=verifies,
        )

    def command(self, text: str) -> list[str]:
        """Return the words of a command: `manage.py …` with the project's Python, else a shell line."""
        if text.split(maxsplit=1)[0] == "manage.py":
            return [self.python, *shlex.split(text)]
        return ["/bin/sh", "-c", self._python_first() + text]

    def _python_first(self) -> str:
        """Return a shell line by which `python` is the project's: a bundler may call it."""
        if "/" not in self.python:
            return ""
        programs = PurePosixPath(self.path) / PurePosixPath(self.python).parent
        return f'PATH={shlex.quote(str(programs))}:"$PATH"; export PATH\n'

    def is_recorded(self, text: str) -> bool:
        """Tell whether a run of this management command leaves a record of what it read.

        A shell line leaves one too, by other means: it is traced, or has globs.
        """
        return self.records and self.command(text)[0] == self.python

    def run(
        self,
        text: str,
        on_output: Callable[[bytes], None],
        *,
        name: str | None = None,
        inside: Sequence[str] = (),
        builds: Sequence[str] = (),
        collect: asks.Collect | None = None,
        own: OwnPhase | None = None,
        before: Sequence[HostQuestion] = (),
        after: Sequence[HostQuestion] = (),
    ) -> Ran:
        """Run a command in the checkout.

        Args:
            text: the command, as the inventory has it.
            on_output: is given what it prints.
            name: under which what it reads is recorded; None: it is not.
            inside: files and folders whose states the record leaves out, because the caller keeps them.
            builds: files and folders that builds make: nobody who lists their folders depends on them.
            collect: of collectstatic, the static root, and the run that left what is in it: see
                host/project/one_start.py.
            own: the phase that it is, of the project's own.
            before: what is asked of the host first.
            after: what is asked of it once that has succeeded; see RemoteHost.run.

        Raises:
            BuildError: it cannot be started, failed, or took too long; with the end of its output.
        """
        words = self.command(text)
        record: asks.Record | asks.OwnRecord | None = None
        main = None
        if name and self.is_recorded(text):
            self._teach()
            known = self._record(name, self.what(text))
            known["manage"] = words[2:]
            known["inside"] = list(inside)
            known["builds"] = list(builds)
            if collect:
                known["collect"] = collect
            if name == "compress":
                known["begins"] = PRECOMPILERS
            record = known
            words, main = [self.python, "-"], RECORDER
        elif name and self.records:
            self._teach()
            record = {
                "name": name,
                "what": self.what(text, own),
                "folder": self.path,
                "reads": list(own.reads) if own else [],
                "writes": list(own.writes) if own else [],
                "inside": list(inside),
                "builds": list(builds),
                "trust": self._trusted,
            }
        ran = self.host.run(
            words,
            folder=self.path,
            environment=self.variables,
            main=main,
            on_output=on_output,
            record=record,
            shares_start=main is not None,
            before=before,
            after=after,
        )
        if ran.code != 0:
            raise failure(self, text, ran)
        return ran

    def recall(
        self,
        text: str,
        name: str,
        left: Mapping[str, Sequence[str | None]],
        own: OwnPhase | None = None,
        shown: Mapping[str, str] | None = None,
    ) -> tuple[str | None, str]:
        """Return the token of a command's recorded run, if it would read the same now; else None, and why not.

        Args:
            text: the command.
            name: under which it was recorded.
            left: maps further files to the SHA-256s that are acceptable; None: the file may be absent.
            own: the phase that it is, of the project's own.
            shown: files, and others that it would meet in place of these.
        """
        verb, request = self.to_recall_run(text, name, left, own, shown)
        head, _ = self.host.ask(verb, request)
        return head.get("token"), head.get("why", "")

    def to_recall_run(
        self,
        text: str,
        name: str,
        left: Mapping[str, Sequence[str | None]] = MappingProxyType({}),
        own: OwnPhase | None = None,
        shown: Mapping[str, str] | None = None,
    ) -> tuple[Verb[asks.Recall, answers.Recalled], asks.Recall]:
        """Return how the host is asked for a command's recorded run; see `recall`."""
        self._teach()
        return verbs.RECALL, asks.Recall(
            name=name,
            what=self.what(text, own),
            folder=self.path,
            environment=dict(self.variables),
            left={path: list(states) for path, states in left.items()},
            shown=dict(shown or {}),
            keep=self.records,
        )

    def to_recall(
        self, question: Question[R, A], request: R | None = None, shown: Mapping[str, str] = EMPTY
    ) -> tuple[Verb[asks.Recall, answers.Recalled], asks.Recall]:
        """Return how the host is asked for what the project answered the last time; see `recall_answer`."""
        return self.to_recall_run(PROBE, question.record_of(request), shown=shown)

    def to_ask(
        self, question: Question[R, A], request: R | None = None
    ) -> tuple[Verb[asks.Recall, answers.Recalled], asks.Recall]:
        """Return how the host is asked what `ask` asks it: the last answer, where it holds, and else to ask again."""
        verb, recall = self.to_recall(question, request)
        if self.records:
            recall["anew"] = asks.Run(
                command=[self.python, "-"],
                folder=None,
                environment={},
                timeout=self.host.environment.ssh.command_timeout,
                main=RECORDER,
                record=self._record_of_answer(question, request),
                shares_start=True,
            )
        return verb, recall

    def _record_of_answer(self, question: Question[R, A], request: R | None) -> asks.Record:
        """Return what the project's answer to a question is to be recorded as."""
        told: Mapping[str, object] = request or {}
        redirect = cast("Mapping[str, str]", told.get("redirect", EMPTY))
        record = self._record(question.record_of(request), self.what(PROBE), redirect)
        record["variables"] = {"FAB_STATIC_PROBE": question.asked(request)}
        record["main"] = PROBE
        return record

    def here(self, root: str) -> asks.Here:
        """Return what a host is told of itself where records go to other machines, or come from there."""
        self._teach()
        return asks.Here(
            folder=self.path, python=self.python, root=root, environment=dict(self.variables)
        )

    def what(self, text: str, own: OwnPhase | None = None) -> list[str]:
        """Return what stands for a command: the interpreter, the command, and what else makes it what it is."""
        known = [project_digest(), sorted(self._trusted), *((own.reads, own.writes) if own else ())]
        return [self.python, text, hashlib.sha256(json.dumps(known).encode()).hexdigest()]

    def record_of(self, question: Question[R, A], request: R) -> str:
        """Return the name by which the last answer to a question is known."""
        return question.record_of(request)

    def _teach(self) -> None:
        """Send host/project/ to the host's agent, unless it has it."""
        host = self.host
        host.teach(project_archive(builds="build" in host.roles, is_here=host.is_here))

    def in_short(self, text: str) -> str:
        """Return a text in which the project's files are named as in its checkout."""
        return text.replace(f"{self.path}/", "")

    def recall_answer(
        self, question: Question[R, A], request: R, shown: Mapping[str, str] | None = None
    ) -> A | None:
        """Return what the project answered the last time, if it would read the same now; else None.

        Args:
            question: what was asked.
            request: as it was asked.
            shown: files, and others that the project would be shown in place of these now.
        """
        if not self.recalls:
            return None
        verb, recall = self.to_recall(question, request, shown or EMPTY)
        head, known = self.host.ask(verb, recall)
        if not head.get("token") or not known:
            return None
        return self.host.said("recall", known, question.answer)

    @overload
    def ask(self, question: Question[questions.Nothing, A], request: None = None) -> A: ...

    @overload
    def ask(self, question: Question[R, A], request: R) -> A: ...

    def ask(self, question: Question[Any, A], request: Any = None) -> A:
        """Ask the project itself, in its own interpreter, without anything installed there.

        Raises:
            BuildError: the project cannot answer: no manage.py, settings that do not import, …; or, asked to verify,
                it says another thing than it would be taken to say.
        """
        known: A | None = None
        if question.is_remembered and (self.recalls or self.verifies):
            verb, recall = self.to_ask(question, request)
            head, said = self.host.ask(verb, recall)
            if head.get("token") and said:
                known = self.host.said("recall", said, question.answer)
                if not self.verifies:
                    return known
            if "ran" in head:
                return self._answered(
                    question, Ran.told(head["ran"], said.decode(errors="replace"))
                )
        self._teach()
        is_recorded = question.is_remembered and self.records
        record = self._record_of_answer(question, request) if is_recorded else None
        variables = {"FAB_STATIC_PROBE": question.asked(request)}
        ran = self.host.run(
            [self.python, "-"],
            folder=self.path,
            environment=self.variables if record else {**self.variables, **variables},
            main=RECORDER if record else PROBE,
            record=record,
            shares_start=record is not None,
        )
        answer: A = self._answered(question, ran)
        if known is not None:
            refuse_another_answer(self, question.name, known, answer)
        return answer

    def _answered(self, question: Question[R, A], ran: Ran) -> A:
        """Return what the project has answered.

        Raises:
            BuildError: it could not.
        """
        lines = [line for line in ran.output.splitlines() if line.startswith(MARKER)]
        if not lines:
            raise failure(self, "the probe of the Django project", ran)
        return self._said(question, lines[-1][len(MARKER) :], ran)

    def _said(self, question: Question[Any, A], line: str, ran: Ran) -> A:
        """Return the answer that a line holds.

        Raises:
            BuildError: the project says why it cannot answer.
        """
        said = f"the project's answer to {question.name}"
        told = self.host.said(said, line, answers.ProjectSaid)
        if told.get("ok"):
            return self.host.said(said, line, question.answer)
        if "error" not in told:
            raise failure(self, "the probe of the Django project", ran)
        error = told["error"]
        raise BuildError(
            error["what"],
            where=f"{self.host.name}: {error['where']}",
            mend=failures.known_cure(error["what"], self.path) or error["mend"],
        )

    def set_up(self) -> None:
        """Have the host set the project up meanwhile, for a question to come; how that goes, it will say then."""
        self.host.later(verbs.SET_UP, request=self.setting_up())

    def setting_up(self) -> asks.SetUp:
        """Return what the host is told that is to set the project up."""
        self._teach()
        record: asks.Trusted = {"trust": self._trusted}
        self._tell_redirected(record, {})
        return asks.SetUp(
            command=[self.python, "-"],
            folder=self.path,
            environment=dict(self.variables),
            timeout=self.host.environment.ssh.command_timeout,
            record=record,
        )

    def _record(
        self, name: str, what: list[str], redirect: Mapping[str, str] = EMPTY
    ) -> asks.Record:
        """Return what a run is to be recorded as."""
        record: asks.Record = {"name": name, "what": what, "inside": [], "trust": self._trusted}
        self._tell_redirected(record, redirect)
        return record

    @property
    def _trusted(self) -> list[str]:
        return trusted(self.host.environment.build)

    def _tell_redirected(self, order: asks.Trusted, files: Mapping[str, str]) -> None:
        """Tell a web host in place of which files it is shown others: a release before it is live."""
        if "web" in self.host.roles:
            order["redirected"] = sorted(files)
