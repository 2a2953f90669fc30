"""Writes docs/reference.md and docs/structure.md from the code: `make docs`. A test holds them equal.

structure.py draws the second. Of the first, tasks and their options come from the namespace, inventory keys from inventories/example.yml, exit codes
from fab_static/tasks/, JSON from docs/json/.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference.md"


def page() -> str:
    """Return the reference as it should stand."""
    parts = [
        "# Reference",
        "Made from the code by `make docs`; a test keeps the two equal. What the words mean: "
        "[README](../README.md).",
        "## Tasks",
        "`fab <environment> <task> [options]`. Tasks chain: `fab staging collectstatic compress`.",
        *_tasks(),
        "## Exit codes",
        _exit_codes(),
        "## Inventory keys",
        "One file for each environment, `inventories/<environment>.yml`, beside the fabfile; from "
        "[`inventories/example.yml`](../inventories/example.yml).",
        _keys(),
        "What comes from the inventory, from `fab` and from ssh's own configuration: [SSH](ssh.md).",
        "## JSON",
        "These tasks print JSON alone on standard output with `--json`. More keys may follow in later versions; "
        "those below stay. "
        f"{_without_json()} print or write what they are asked for, and no JSON.",
        _schemas(),
    ]
    return "\n\n".join(parts) + "\n"


def _tasks() -> Iterator[str]:
    from fab_static import tasks

    groups: dict[str, list[Any]] = {"Begin": [], "Live": [], "Look": [], "Phase": []}
    for task in tasks.TASKS:
        groups[(task.__doc__ or "").split()[0]].append(task)
    titles = {
        "Begin": "Beginning",
        "Live": "Going live",
        "Look": "Looking",
        "Phase": "Phases, one by one",
    }
    for group, members in groups.items():
        yield f"### {titles[group]}"
        for task in members:
            first, _, rest = (task.__doc__ or "").partition("\n")
            yield f"**`{task.name.replace('_', '-')}`** · {first.partition(' · ')[2]}"
            examples = "\n".join(
                line.strip()
                for line in rest.strip().splitlines()
                if line.strip().startswith(("fab ", "fab-static "))
            )
            if examples:
                yield f"```\n{examples}\n```"
            options = _options(task)
            if options:
                yield options


def _options(task: Any) -> str:
    rows = []
    for argument in task.get_arguments():
        name = argument.name.strip("_").replace("_", "-")
        if argument.positional:
            shown = f"`{name.upper()}`"
        elif argument.takes_value:
            kind = KINDS.get(argument.name) or {str: "TEXT", int: "NUMBER"}[argument.kind]
            shown = f"`--{name} {kind}`"
        else:
            shown = f"`--{name}`"
        rows.append(f"| {shown} | {argument.help} |")
    return "\n".join(["| option | means |", "|---|---|", *rows]) if rows else ""


KINDS = {"wait": "TIME", "without": "HOST[,HOST]", "to": "RELEASE", "release": "RELEASE"}


def _exit_codes() -> str:
    from fab_static.tasks import EXIT_CODES

    rows = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    return "\n".join(["| code | means |", "|---|---|", *rows])


_KEY = re.compile(
    r"^(?P<indent> *)(?P<off># )?(?P<key>[a-z_0-9]+):(?: +(?P<value>[^# ].*?))?(?: +# (?P<words>.*))?$"
)


def _keys() -> str:
    """Return the keys of the example, each with its example and what its comment says."""
    rows, above, parents = [], "", []
    for line in (ROOT / "inventories" / "example.yml").read_text("utf-8").splitlines()[4:]:
        comment = re.fullmatch(r" *# (?P<words>[^:]+|.* .*)", line)
        found = _KEY.match(line)
        if comment and not (found and found["off"]):
            above = f"{above} {comment['words']}".strip()
            continue
        if not found:
            above = ""
            continue
        depth = len(found["indent"]) // 2
        parents[depth:] = [found["key"]]
        words = "; ".join(text for text in (above, found["words"] or "") if text)
        value = (found["value"] or "").strip()
        rows.append(
            f"| `{'.'.join(parents)}` | {f'`{_cell(value)}`' if value else ''} | {_cell(words)} |"
        )
        above = ""
    return "\n".join(["| key | for example | |", "|---|---|---|", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _without_json() -> str:
    """Return the looking tasks that print no JSON, as a list in words."""
    from fab_static import tasks

    looking = [task for task in tasks.TASKS if (task.__doc__ or "").startswith("Look")]
    *names, last = (
        f"`{task.name.replace('_', '-')}`"
        for task in looking
        if all(argument.name != "json" for argument in task.get_arguments())
    )
    return f"{', '.join(names)} and {last}"


def _schemas() -> str:
    rows = []
    for path in sorted((ROOT / "docs" / "json").glob("*.schema.json")):
        schema = json.loads(path.read_text("utf-8"))
        top = schema.get("items", schema)
        keys = ", ".join(f"`{key}`" for key in top["properties"])
        kind = "a list of " if schema["type"] == "array" else ""
        rows.append(f"| `{schema['title']}` | {kind}{keys} | [schema](json/{path.name}) |")
    return "\n".join(["| printed by | | |", "|---|---|---|", *rows])


if __name__ == "__main__":
    import structure

    sys.path.insert(0, str(ROOT))
    PAGE.write_text(page(), "utf-8")
    structure.PAGE.write_text(structure.page(), "utf-8")
