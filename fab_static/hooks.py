"""Runs the inventory's hooks on the operator's machine, with a JSON summary on standard input."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fab_static.errors import BuildError
from fab_static.phases.deployment import Show
from fab_static.plan.inventory import Environment


def run(
    environment: Environment, folder: Path, show: Show, summary: Mapping[str, Any], *, must: bool
) -> None:
    """Run the commands of the summary's event, in this folder.

    Raises:
        BuildError: one failed, and it must not. Else it is only told: a deploy that is live stays so.
    """
    event = str(summary["event"])
    text = json.dumps(summary).encode()
    for command in environment.hooks.get(event, ()):
        ran = subprocess.run(  # noqa: S603 - the inventory's own command
            ["/bin/sh", "-c", command],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            check=False,
        )
        show.output(event, ran.stdout)
        if ran.returncode == 0:
            continue
        failed = f"the hook {event} failed with exit code {ran.returncode}: {command}"
        if must:
            raise BuildError(
                failed, where=f"hooks.{event}", mend="mend the command; nothing was built"
            )
        show.warn(failed)
