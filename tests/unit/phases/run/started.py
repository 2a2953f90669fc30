"""A host that starts nothing: it keeps with what it was to start a command, and has that end as a test wants."""

from __future__ import annotations

from typing import Any

import pytest

from fab_static.phases.run.project import ProjectOnHost
from fab_static.remote import Ran
from tests.unit.site import ScriptedHost

SECRET = "hunter2"


class Started:
    """Keeps with what a host was to start a command, and has it end as wanted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, host: ScriptedHost) -> None:
        self.host = host
        self.ends = Ran(0, "")
        self.commands: list[list[str]] = []
        self.params: dict[str, Any] = {}

        def run(_: Any, command: list[str], **params: Any) -> Ran:
            self.commands.append(command)
            self.params = params
            return self.ends

        monkeypatch.setattr(ScriptedHost, "run", run)

    def project(self, **more: Any) -> ProjectOnHost:
        return ProjectOnHost.on(self.host, {"DATABASE_PASSWORD": SECRET}, None, **more)
