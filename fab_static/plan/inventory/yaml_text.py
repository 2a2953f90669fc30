"""The text of an inventory -> its data, and the line of every place in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs import it, and say no more
except ImportError:  # PyYAML was built without libyaml: the same, seven times slower
    from yaml import SafeLoader as _Loader
else:

    class _Loader(Composer, CParser, SafeConstructor, Resolver):  # type: ignore[no-redef]
        """Reads with libyaml, and composes in Python: libyaml's composer crashes the interpreter on deep nesting."""

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            SafeConstructor.__init__(self)
            Resolver.__init__(self)


MAX_NODES = 100_000  # an inventory that aliases expand beyond this is a bomb, not a fleet


def load(text: str, problems: list[str]) -> tuple[Any, dict[str, int]]:
    """Return the file's data, and the line of every place in it."""
    try:
        loader, node = _composed(text)
        if node is None:
            problems.append("the file is empty")
            return None, {}
        if _size(node) > MAX_NODES:
            problems.append(f"its aliases expand to more than {MAX_NODES} values")
            return None, {}
        lines: dict[str, int] = {}
        _walk(node, "", lines, problems, lambda: len(lines) < MAX_NODES)
        return loader.construct_document(node), lines
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        what = getattr(error, "problem", None) or str(error)
        problems.append(f"{at}it is not YAML: {what}")
    except RecursionError:
        problems.append("it is nested too deeply")
    except (ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        # PyYAML's own constructors: a date such as 2026-02-30, !!int of nothing
        problems.append(f"a value cannot be read: {error}; put it in quotes if it is text")
    return None, {}


def _composed(text: str) -> tuple[SafeConstructor, yaml.Node | None]:
    """Return what makes values of a file's nodes, and its outermost node.

    What is no YAML is read again in Python, whose parser says more plainly what is wrong.

    Raises:
        yaml.YAMLError: the text is not YAML.
        RecursionError: it is nested too deeply.
    """
    try:
        quick = _Loader(text)
        return quick, quick.get_single_node()
    except (yaml.YAMLError, UnicodeError):
        plain = yaml.SafeLoader(text)
        return plain, plain.get_single_node()


def _size(root: yaml.Node) -> int:
    """Return how many values the file has when its aliases are written out."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = MAX_NODES + 1  # an alias inside its own anchor never ends
            sizes[id(node)] = 1 + sum(size(child) for _, child in _children(node))
        return sizes[id(node)]

    return size(root)


def _children(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (str(key.value) if isinstance(key, yaml.ScalarNode) else "?"), value
    elif isinstance(node, yaml.SequenceNode):
        for at, value in enumerate(node.value):
            yield f"[{at}]", value


def _walk(
    node: yaml.Node,
    place: str,
    lines: dict[str, int],
    problems: list[str],
    room: Callable[[], bool],
) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    seen: set[str] = set()
    for key, child in _children(node):
        if isinstance(node, yaml.SequenceNode) or not place:
            inner = f"{place}{key}"
        else:
            inner = f"{place}.{key}"
        if isinstance(node, yaml.MappingNode) and key in seen and key not in ("<<", "?"):
            problems.append(f"{inner} (line {child.start_mark.line + 1}): stands there twice")
        seen.add(key)
        if room():
            _walk(child, inner, lines, problems, room)
