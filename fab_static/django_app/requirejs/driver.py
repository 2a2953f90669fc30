"""r.js and the minifiers, in one Node process; and what the cache keeps of their answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from fab_static.django_app import node
from fab_static.errors import BuildError

_DRIVER = Path(__file__).parents[1] / "requirejs_driver.js"
CORRECT_IT = "correct that module, or what it asks for, and run manage.py build_requirejs again"
NEEDED_BY = "build_requirejs, which runs r.js"
_LONGEST_SECONDS = 86_400  # a phase has a time-out of its own: ssh.command_timeout


def tools() -> list[Any]:
    """Return what the driver is, and Node; r.js and the minifier are among the files of each result."""
    driver = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (_DRIVER, node.READS)]
    return [*driver, node.identity(node.program(needed_by=NEEDED_BY))]


def told(answer: dict[str, Any]) -> dict[str, str] | None:
    """Take out of an answer what it came from, or None if that is not all known."""
    files: dict[str, str] = answer.pop("files")
    unkept = answer.pop("unkept")
    node.tell(files, unkept and f"{NEEDED_BY}: {unkept}")
    return None if unkept else files


def loaded(data: bytes) -> dict[str, Any]:
    """Return an answer that was kept."""
    document: dict[str, Any] = json.loads(data)
    return document


class Driver:
    """r.js and the minifiers: one Node process, started when it is first asked, ended with the block."""

    def __init__(self) -> None:
        self._worker: node.Worker | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._worker:
            self._worker.end()

    def ask(self, request: Mapping[str, Any], *, mend: str = CORRECT_IT) -> dict[str, Any]:
        """Return the answer to a request.

        Raises:
            BuildError: naming the module that is at fault, where it is one.
        """
        try:
            if self._worker is None:
                program = node.program(needed_by=NEEDED_BY)
                self._worker = node.Worker([program, str(_DRIVER)], _LONGEST_SECONDS)
            answer = self._worker.ask(request)
        except node.NodeError as error:
            answer = {"error": {"module": None, "message": str(error)}}
        if "error" in answer:
            raise BuildError(
                str(answer["error"]["message"]).strip(),
                where=answer["error"]["module"] or "build_requirejs",
                mend=mend,
            )
        return answer
