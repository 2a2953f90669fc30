"""Says what is wrong with a word of the command line that Invoke cannot read; it would exit 1 with words of its own."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from collections.abc import Callable, Collection, Container
from typing import TYPE_CHECKING

from invoke.exceptions import ParseError

from fab_static.errors import InventoryError
from fab_static.plan.wording import nearest
from fab_static.tasks.chosen import usable_words
from fab_static.tasks.ending import refuse, terminal_for

if TYPE_CHECKING:
    from invoke.program import Program

WHERE = "the command line"
ALIKE = 0.7  # at 0.6 "production" is taken for "cdn-function"
_UNKNOWN = re.compile(r"No idea what (.+) is!", re.DOTALL)
_NO_VALUE = re.compile(r"Flag <Argument: ([\w-]+).*needed value", re.DOTALL)
_LACKS = re.compile(r"'.+' did not receive required positional arguments: '(.+)'")


def refuse_misspelt(program: Program, ours: Container[str]) -> None:
    """Have words that name nothing refused as all bad input is, except for options of tasks that are not ours.

    Args:
        program: the one behind `fab`, which reads its words when all tasks are known.
        ours: the names of our tasks and environments, each without its collection's.
    """
    for step in ("parse_tasks", "parse_cleanup"):
        setattr(program, step, _refusing(getattr(program, step), program, ours))


def _refusing(
    read: Callable[[], None], program: Program, ours: Container[str]
) -> Callable[[], None]:
    def read_or_refuse() -> None:
        try:
            read()
        except ParseError as error:
            task = getattr(error.context, "name", None)
            if task and task.rpartition(".")[2] not in ours:
                raise
            options = error.context.flags if task and error.context else ()
            _refuse(problem(str(error), task, options, program.parser.contexts))

    return read_or_refuse


def refuse_idle(program: Program, environments: Collection[str]) -> None:
    """Have words that name environments and no task refused: nothing would happen, and nothing be said.

    Args:
        program: the one behind `fab`.
        environments: the words that name one, without their collection's.
    """
    read = program.parse_cleanup  # the last step: help and lists have ended by then

    def read_or_refuse() -> None:
        read()
        names = [one.name or "" for one in program.tasks]
        named = {name.rpartition(".")[2] for name in names}
        if named and not program.core.remainder and named <= {*environments}:
            below = names[-1].rpartition(".")[0]
            check = f"{below}.check" if below else "check"
            _refuse(
                InventoryError(
                    "no task was named",
                    where=WHERE,
                    mend=f"name one, such as fab {names[-1]} {check}; see all: fab --list",
                )
            )

    setattr(program, "parse_cleanup", read_or_refuse)  # noqa: B010 - mypy takes no method for a variable


def _refuse(error: InventoryError) -> None:
    refuse(terminal_for({}, stream=sys.stderr, errors=None), error)


def problem(
    said: str, task: str | None, options: Collection[str], tasks: Collection[str]
) -> InventoryError:
    """Return what is wrong, and the cure.

    Args:
        said: what Invoke says.
        task: the task that was being read, if any.
        options: its options, as --wait and -w.
        tasks: the names of all tasks and environments.
    """
    unknown, no_value, lacks = (form.match(said) for form in (_UNKNOWN, _NO_VALUE, _LACKS))
    mend = f"see its options: fab --help {task}" if task else "see all tasks: fab --list"
    if no_value:
        return InventoryError(f"--{no_value[1]} needs a value", where=task or WHERE, mend=mend)
    if lacks:
        return InventoryError(f"{lacks[1]} is missing", where=task or WHERE, mend=mend)
    if not unknown:
        return InventoryError(said, where=task or WHERE, mend=mend)
    word = ast.literal_eval(unknown[1])
    is_option = word.startswith("-")
    near = nearest(word, options if is_option else tasks, alike=ALIKE)
    what = f"an option of {task or 'fab'}" if is_option else "a task or an environment"
    guess = f"; did you mean `{near}`?" if near else ""
    usable = usable_words()
    if not is_option and not near and usable:
        guess = f"; the environments are {', '.join(usable)}"
    if near:
        mend = "fab " + shlex.join(_instead(one, word, near) for one in sys.argv[1:])
    elif not is_option:
        mend = "see all tasks: fab --list"
    return InventoryError(f'"{word}" is not {what}{guess}', where=WHERE, mend=mend)


def _instead(given: str, word: str, near: str) -> str:
    """Return a word of the command line with the misspelt one mended: --wit=5 has it in its beginning."""
    name, equals, value = given.partition("=")
    return near + equals + value if name == word else given
