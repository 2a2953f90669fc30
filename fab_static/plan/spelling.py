"""How the command line spells environments and phases."""

from __future__ import annotations

import re


def spelled(environment: str) -> str:
    """Return the name of an environment's task: eu-west for inventories/eu_west.yml and eu.west.yml."""
    return re.sub(r"(?<=.)[_.](?=.)", "-", environment)


def task_name(phase: str) -> str:
    """Return the word by which the command line knows a phase."""
    return phase.replace("_", "-")
