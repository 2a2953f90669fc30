"""The task that begins: it writes a fabfile and an inventory for the project at hand."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from importlib import resources
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit

from fab_static.errors import FAILED
from fab_static.plan.spelling import spelled
from fab_static.tasks.chosen import CHOSEN
from fab_static.tasks.ending import terminal_for
from fab_static.tasks.ours import task


@task
def init(c: Context) -> None:
    """Begin · Write fabfile.py and an inventory.

    fab-static init                           where no fabfile is yet
    fab init                                  beside your own fabfile

    It looks at manage.py, the settings and package.json, and runs none of them. It writes fabfile.py,
    inventories/staging.yml, inventories/example.yml and lines for .gitignore. What is there already stays
    as it is.
    """
    folder = CHOSEN["inventories"].parent if "inventories" in CHOSEN else Path.cwd()
    terminal = terminal_for({})
    try:
        for line in begun(folder):
            terminal.text(line)
    except OSError as error:
        terminal_for({}, stream=sys.stderr, errors=None).text(
            f"error: {error.strerror}: {error.filename}"
        )
        raise Exit(code=FAILED) from error


def begun(folder: Path) -> Iterator[str]:
    """Write the first files into a folder, and yield what was done, and the commands that come next.

    Raises:
        OSError: a file cannot be written.
    """
    # not above: `fab --list` begins nothing
    from fab_static.plan import beginning
    from fab_static.tasks.project_here import look

    found = look(folder)
    inventories = folder / "inventories"
    prefix = yield from _fabfile(folder)
    inventories.mkdir(exist_ok=True)
    yield _written(inventories / "staging.yml", beginning.inventory(found), folder)
    example = (
        resources.files("fab_static.plan.inventory").joinpath("example.yml").read_text("utf-8")
    )
    yield _written(inventories / "example.yml", example, folder)
    yield _ignored(folder, beginning.ignored(found))
    yield from beginning.taken(found)
    yield ""
    yield "Change the address in inventories/staging.yml, and look through the rest of it. Then:"
    for command in beginning.commands(prefix):
        yield f"  {command}"


def _fabfile(folder: Path) -> Generator[str, None, str]:
    """Write the fabfile, or say what one that is there needs; return what our commands begin with."""
    from fab_static.plan.beginning import FABFILE, joining
    from fab_static.tasks.namespace import TASKS

    for path in (folder / "fabfile.py", folder / "fabfile" / "__init__.py"):
        if path.exists():
            name = path.relative_to(folder)
            yield f"{name} is there already"
            text = path.read_text("utf-8", "replace")
            if "fab_static" in text:
                return ""
            lines, prefix = joining(text, [spelled(one.name) for one in TASKS])
            yield "  add to its end:"
            yield from (f"    {line}" for line in lines)
            return prefix
    yield _written(folder / "fabfile.py", FABFILE, folder)
    return ""


def _written(path: Path, text: str, folder: Path) -> str:
    """Write a file that is not there; say which it was."""
    name = path.relative_to(folder)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return f"{name} is there already"
    return f"{name} is written"


def _ignored(folder: Path, wanted: list[str]) -> str:
    """Add the lines to .gitignore that it does not have."""
    path = folder / ".gitignore"
    text = path.read_text("utf-8", "replace") if path.exists() else ""
    there = {line.strip().strip("/") for line in text.splitlines()}
    new = [line for line in wanted if line.strip("/") not in there]
    if not new:
        return ".gitignore has its lines already"
    with path.open("a", encoding="utf-8") as file:
        gap = "" if not text or text.endswith("\n") else "\n"
        file.write(
            f"{gap}# written by builds of static files\n" + "".join(f"{line}\n" for line in new)
        )
    return f".gitignore ignores {' and '.join(new)} now"
