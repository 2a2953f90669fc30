"""The words of the command line: how environments are spelled there, and commands below a collection.

Invoke writes every name with dashes, takes a dot for a collection, and lets a fabfile hold our tasks below
a name of its own: `fab static.eu-west static.deploy`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from fab_static.plan.spelling import spelled


def as_spelled(word: str, environments: Iterable[str]) -> str:
    """Return a word of the command line; an environment's name, below any collection, as its task's."""
    for name in environments:
        if word == name or word.endswith(f".{name}"):
            return word.removesuffix(name) + spelled(name)
    return word


def alike(environments: Sequence[str]) -> dict[str, list[str]]:
    """Return the environments whose tasks have one name: eu-west -> [eu-west, eu_west]."""
    found: dict[str, list[str]] = {}
    for name in environments:
        found.setdefault(spelled(name), []).append(name)
    return {name: names for name, names in found.items() if len(names) > 1}


def prefix_of(argv: Sequence[str], words: Iterable[str]) -> str:
    """Return what stands before our words on a command line: "static." for static.staging, else ""."""
    known = tuple(words)
    for one in argv:
        for word in known:
            if one == word:
                return ""
            if one.endswith(f".{word}"):
                return one.removesuffix(word)
    return ""


def below(prefix: str, environments: Iterable[str], tasks: Iterable[str]) -> Callable[[str], str]:
    """Return what writes the commands in a text as they are called below a collection.

    `fab staging deploy --resume` is `fab static.staging static.deploy --resume` there.
    """
    if not prefix:
        return str
    one_of = "|".join(map(re.escape, sorted(environments, key=len, reverse=True))) or "(?!)"
    task = "|".join(map(re.escape, sorted(tasks, key=len, reverse=True)))
    command = re.compile(rf"\bfab ({one_of}|<env>|<environment>|…)((?: (?:{task})(?![\w.-]))*)")

    def written(found: re.Match[str]) -> str:
        environment = found[1] if found[1] == "…" else prefix + found[1]
        return f"fab {environment}" + "".join(f" {prefix}{word}" for word in found[2].split())

    return lambda text: command.sub(written, text)
