"""Draws docs/structure.md from the code: the rooms of the package, and which room imports which.

A room is a folder of fab_static/, or a module that lies beside the folders. All of it is read with `ast`:
nothing is imported, so that imports which Python makes late, or only for types, are seen too. What host/ names
of plan/ is left out: it is for the type checker alone, and is not sent to a host.
"""

from __future__ import annotations

import ast
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fab_static"
PAGE = ROOT / "docs" / "structure.md"

Arrows = dict[str, set[str]]  # room -> the rooms that it imports


def page() -> str:
    """Return the page as it should stand."""
    rooms = _rooms()
    arrows = _arrows(rooms)
    outer = _outer(arrows)
    return "\n".join(
        [
            "# The structure of the code",
            "",
            "Made from the imports by `make docs`; a test keeps the two equal. Folders of `fab_static/`, and the",
            "modules beside them, are its rooms. Why they are so: the docstring of",
            "[`fab_static/__init__.py`](../fab_static/__init__.py). Which arrows are allowed:",
            "[`tests/unit/test_architecture.py`](../tests/unit/test_architecture.py).",
            "",
            "## Who imports whom",
            "",
            "An arrow means: imports. To keep the picture readable, an arrow is left out where a longer way",
            "leads to the same room. Arrows to small modules that many rooms import are left out too:",
            f"{_words(_small(rooms))}.",
            "",
            "```mermaid",
            "graph TD",
            *_picture({room: outer[room] for room in outer if room not in _small(rooms)}),
            "```",
            "",
            "## Room by room",
            "",
            "Callers stand above what they import; `->` names what a room imports. Lines are rounded: to",
            "hundreds, in small rooms to tens.",
            "",
            "```",
            *_list(rooms, arrows, _order(outer)),
            "```",
            "",
        ]
    )


def _rooms() -> dict[str, list[Path]]:
    """Return each room with its files; the root's own `__init__.py` is the map, and no room."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent == PACKAGE:
            found[path.name].append(path)
        else:
            found[f"{path.parent.relative_to(PACKAGE).as_posix()}/"].append(path)
    del found["__init__.py"]
    del found["django_app/management/"]  # Django wants it; it holds a folder alone
    return dict(found)


def _sentence(paths: Iterable[Path]) -> str:
    """Return the first sentence of a room's docstring; after one word alone, the next one too."""
    first = next((path for path in paths if path.name == "__init__.py"), None) or next(iter(paths))
    text = ast.get_docstring(ast.parse(first.read_text("utf-8"))) or ""
    words, _, rest = " ".join(text.partition("\n\n")[0].split()).partition(". ")
    if rest and " " not in words:  # "Acts. One file a phase; …"
        words = f"{words}. {rest.partition('. ')[0]}"
    return words.rstrip(".:")


def _arrows(rooms: Mapping[str, list[Path]]) -> Arrows:
    room_of = {_module(path): room for room, paths in rooms.items() for path in paths}
    arrows = {
        room: {room_of[name] for name in _imported(paths) if name in room_of} - {room}
        for room, paths in rooms.items()
    }
    for room in arrows:
        if room.startswith("host/"):  # test_architecture.py holds it: for types, of one module
            arrows[room] = {name for name in arrows[room] if not name.startswith("plan/")}
    return arrows


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imported(paths: Iterable[Path]) -> Iterator[str]:
    """Yield the modules that files import, at any depth, and every name that could be one."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _outer(arrows: Arrows) -> Arrows:
    """Return the arrows between the outermost rooms: those of plan/cdn/ belong to plan/."""
    found: Arrows = defaultdict(set)
    for room, imported in arrows.items():
        found[_outermost(room)] |= {_outermost(name) for name in imported} - {_outermost(room)}
    return dict(found)


def _outermost(room: str) -> str:
    first, slash, _ = room.partition("/")
    return first + slash


def _small(rooms: Iterable[str]) -> list[str]:
    return [
        room for room in rooms if room.endswith(".py") and room not in ("__main__.py", "api.py")
    ]


def _picture(arrows: Arrows) -> Iterator[str]:
    """Yield the arrows as Mermaid has them, without those that a longer way stands for."""
    for room in _order(arrows):
        yield f'    {_name(room)}["{room}"]'
    for room in _order(arrows):
        direct = arrows[room] & arrows.keys()
        longer = {far for near in direct for far in _reached(near, arrows)}
        yield from (f"    {_name(room)} --> {_name(near)}" for near in sorted(direct - longer))


def _name(room: str) -> str:
    return room.strip("/").replace(".py", "")


def _reached(room: str, arrows: Arrows) -> set[str]:
    found: set[str] = set()
    waiting = [room]
    while waiting:
        new = arrows.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _order(arrows: Arrows) -> list[str]:
    """Return the rooms, callers first."""
    height = {room: len(_reached(room, arrows) & arrows.keys()) for room in arrows}
    return sorted(arrows, key=lambda room: (-height[room], room))


def _list(rooms: Mapping[str, list[Path]], arrows: Arrows, order: list[str]) -> Iterator[str]:
    for outer in order:
        for room in sorted(name for name in rooms if _outermost(name) == outer):
            paths = rooms[room]
            lines = _rounded(sum(len(path.read_text("utf-8").splitlines()) for path in paths))
            modules = "1 module " if len(paths) == 1 else f"{len(paths)} modules"
            yield f"{room:<32}{modules:>11}{lines:>8,} lines"
            yield from _folded(f"{_sentence(paths)}.")
            if arrows[room]:
                yield from _folded(f"-> {_words(sorted(arrows[room]))}")
            yield ""


def _folded(text: str) -> list[str]:
    return textwrap.wrap(text, 96, initial_indent="    ", subsequent_indent="      ")


def _rounded(lines: int) -> int:
    step = 100 if lines >= 1000 else 10
    return round(lines / step) * step


def _words(rooms: Iterable[str]) -> str:
    return ", ".join(rooms)
